package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the build; a build from a module knows its own.
var version = ""

type versionCmd struct{}

func (versionCmd) Run(a *app) error {
	if a.JSON {
		return a.printJSON(map[string]string{"version": versionText(), "go": runtime.Version()})
	}
	fmt.Fprintf(a.stdout, "tandem %s (%s %s/%s)\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
