package main

import (
	"errors"
	"fmt"

	"tandem.example/tandem"
)

type migrateCmd struct {
	Apply  migrateApplyCmd  `cmd:"" default:"1" help:"Apply what is pending. The default."`
	Status migrateStatusCmd `cmd:"" help:"Say which schema the store has. Exit code 1 if a migration is pending."`
}

type migrateApplyCmd struct{}

func (migrateApplyCmd) Help() string {
	return `The server does this by itself when it starts. Make a backup first: there is no way back.`
}

func (migrateApplyCmd) Run(a *app) error {
	cfg, err := a.configuration(nil, false)
	if err != nil {
		return err
	}
	before, err := tandem.Migrate(a.ctx, cfg)
	if errors.Is(err, tandem.ErrRunning) {
		return fmt.Errorf("%w: stop the server first", err)
	}
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printJSON(map[string]any{"before": before.Current, "now": before.Target})
	}
	if !before.Pending() {
		fmt.Fprintf(a.stdout, "The store has schema %d already: nothing to do.\n", before.Current)
		return nil
	}
	fmt.Fprintf(a.stdout, "Brought the store from schema %d to %d.\n", before.Current, before.Target)
	return nil
}

type migrateStatusCmd struct{}

func (migrateStatusCmd) Run(a *app) error {
	cfg, err := a.configuration(nil, false)
	if err != nil {
		return err
	}
	s, err := tandem.SchemaOf(a.ctx, cfg)
	if err != nil {
		return err
	}
	if a.JSON {
		err = a.printJSON(map[string]any{"current": s.Current, "target": s.Target, "pending": s.Pending()})
	} else {
		_, err = fmt.Fprintln(a.stdout, describe(s, cfg.DataDir))
	}
	if err == nil && s.Pending() {
		return errSilent
	}
	return err
}

func describe(s tandem.Schema, dir string) string {
	switch {
	case s.Current == 0:
		return fmt.Sprintf("There is no store in %s yet. This version would make one with schema %d.", dir, s.Target)
	case s.Pending():
		return fmt.Sprintf("The store has schema %d, this version wants %d: run tandem migrate, or start the server.", s.Current, s.Target)
	case s.Current > s.Target:
		return fmt.Sprintf("The store has schema %d, later than the %d that this version knows: run the version that wrote it.", s.Current, s.Target)
	}
	return fmt.Sprintf("The store has schema %d, the latest.", s.Current)
}
