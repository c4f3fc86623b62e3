package rig

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSuiteIsFound(t *testing.T) {
	t.Setenv("PATH", "/nowhere")
	root := t.TempDir()
	put := func(path string) string {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := func(to, path string) {
		put(path)
		path = filepath.Join(root, path)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	s := suite{programs: []string{"server", "init"}, places: []string{filepath.Join(root, "lib", "*", "bin")}}
	look := func(path string) string {
		t.Setenv("PATH", filepath.Join(root, path))
		dir, err := filepath.Rel(root, s.find())
		if err != nil {
			return ""
		}
		return dir
	}

	if got := look("bin"); got != "" {
		t.Errorf("found in %s, although nothing is there", got)
	}
	server := put("real/bin/server")
	put("wrapper/init")
	link(server, "linked/server")
	if got := look("linked"); got != "" {
		t.Errorf("found in %s, although half of it is missing", got)
	}
	put("real/bin/init")
	if got := look("linked"); got != "real/bin" {
		t.Errorf("by a link, found in %s", got)
	}
	put("lib/9/bin/server")
	put("lib/9/bin/init")
	put("lib/17/bin/server")
	put("lib/17/bin/init")
	put("lib/18/bin/server")
	if got := look("wrapper"); got != "lib/17/bin" {
		t.Errorf("with a wrapper alone on PATH, found in %s", got)
	}
	put("alone/init2")
	link(filepath.Join(root, "alone/init2"), "scattered/init")
	put("alone/server2")
	link(filepath.Join(root, "alone/server2"), "scattered/server")
	if got := look("scattered"); got != "scattered" {
		t.Errorf("as links side by side, found in %s", got)
	}
}
