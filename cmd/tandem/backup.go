package main

import (
	"errors"
	"fmt"
	"os"

	"tandem.example/tandem"
)

type backupCmd struct {
	File string `arg:"" type:"path" help:"Where to write the copy. It must not exist."`
}

func (backupCmd) Help() string {
	return `The copy is of one moment, and readable by you alone. The server may be running. The master key is not in it: keep
that file too, in another place, since neither is of use without the other.

Example:
  tandem backup /backup/tandem-$(date +%F).db`
}

func (c backupCmd) Run(a *app) error {
	cfg, err := a.configuration(nil, false)
	if err != nil {
		return err
	}
	err = tandem.Backup(a.ctx, cfg, c.File)
	if errors.Is(err, tandem.ErrExists) {
		return fmt.Errorf("%s exists already: name another file, or move that one away", c.File)
	}
	if err != nil {
		return err
	}
	info, err := os.Stat(c.File)
	if err != nil {
		return fmt.Errorf("look at the backup: %w", err)
	}
	if a.JSON {
		return a.printJSON(map[string]any{"file": c.File, "bytes": info.Size()})
	}
	fmt.Fprintf(a.stdout, "Wrote %s (%d bytes).\n", c.File, info.Size())
	fmt.Fprintln(a.stderr, "The master key is not in it: keep a copy of that file apart from this one.")
	return nil
}
