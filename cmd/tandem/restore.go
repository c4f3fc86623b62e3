package main

import (
	"errors"
	"fmt"
	"io/fs"

	"tandem.example/tandem"
)

type restoreCmd struct {
	File                 string `arg:"" optional:"" type:"path" help:"A file that tandem backup wrote. None for a PostgreSQL store, which its own tools have restored."`
	Reason               string `placeholder:"TEXT" help:"Why, for the audit trail."`
	InsecureKeepSessions bool   `help:"Leave the sessions of the backup alive. DANGER: one that was ended or revoked after the backup was taken (a thief's, a locked user's) comes back to life, since it cannot be told from the others."`
}

func (restoreCmd) Help() string {
	return `Stop the server first. The revocation log begins a new epoch, since what was appended after the backup is lost:
verifiers keep what they know to be revoked, and have every access token renewed. By default every session ends, and
people sign in again. The database that is replaced is kept beside the new one, as tandem.db.before-restore. What was
locked, revoked or changed since the backup is listed, as far as the replaced database can be read: do it again.

A PostgreSQL store is restored with its own tools (pg_restore, a base backup). After that, tandem restore without a
file begins the new epoch and ends the sessions; nodes may be running.

Example:
  tandem restore /backup/tandem-2026-01-31.db --reason "disk failed"`
}

// restored is what a restore did, for programs.
type restored struct {
	File     string   `json:"file"`
	TakenAt  string   `json:"taken_at"`
	Epoch    string   `json:"epoch"`
	Sessions int      `json:"sessions"`
	Kept     bool     `json:"sessions_kept"`
	Aside    string   `json:"replaced_database"`
	Undone   []undone `json:"undone"`
}

type undone struct {
	At     string `json:"at"`
	Type   string `json:"type"`
	Actor  string `json:"actor"`
	User   string `json:"user"`
	Target string `json:"target"`
}

func (c restoreCmd) Run(a *app) error {
	cfg, err := a.configuration(nil, false)
	if err != nil {
		return err
	}
	done, err := tandem.Restore(a.ctx, cfg, tandem.Restoration{File: c.File, InsecureKeepSessions: c.InsecureKeepSessions, Reason: c.Reason})
	switch {
	case errors.Is(err, tandem.ErrRunning):
		return fmt.Errorf("%w: stop the server, restore, and start it again", err)
	case errors.Is(err, tandem.ErrRestoreOutside), errors.Is(err, tandem.ErrFileNeeded):
		return fmt.Errorf("%w: %w", errUsage, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: put the file there, or name another", err)
	case err != nil:
		return err
	}
	out := restored{File: c.File, TakenAt: when(&done.TakenAt), Epoch: done.Epoch, Sessions: done.Sessions, Kept: done.Kept, Aside: done.Aside, Undone: []undone{}}
	for _, u := range done.Undone {
		out.Undone = append(out.Undone, undone{when(&u.At), u.Type, u.Actor, u.User, u.Target})
	}
	if a.JSON {
		return a.printJSON(out)
	}
	return a.tellRestored(out, done.UndoneUnknown)
}

func (a *app) tellRestored(out restored, unknown error) error {
	if out.File == "" {
		fmt.Fprintf(a.stdout, "The store is as of %s. The revocation log begins epoch %s.\n", out.TakenAt, out.Epoch)
	} else {
		fmt.Fprintf(a.stdout, "Restored %s, as of %s. The revocation log begins epoch %s.\n", out.File, out.TakenAt, out.Epoch)
	}
	if out.Kept {
		fmt.Fprintf(a.stdout, "INSECURE: %s of the backup kept alive, those among them that were ended since too.\n", count(out.Sessions, "session", "sessions"))
	} else {
		fmt.Fprintf(a.stdout, "%s of the backup ended: people sign in again.\n", count(out.Sessions, "session", "sessions"))
	}
	if out.Aside != "" {
		fmt.Fprintf(a.stdout, "The replaced database is kept as %s: delete it once you need it no more.\n", out.Aside)
	}
	if unknown != nil {
		fmt.Fprintf(a.stderr, "The replaced database cannot be read, so what was locked, revoked or changed after the backup is not known: do it again. (%v)\n", unknown)
	}
	if len(out.Undone) == 0 {
		return nil
	}
	fmt.Fprintln(a.stdout, "\nThis was done after the backup was taken, and is undone now. Do again what must hold:")
	rows := make([][]string, len(out.Undone))
	for i, u := range out.Undone {
		rows[i] = []string{u.At, u.Type, dash(u.Actor), dash(u.User), dash(u.Target)}
	}
	return a.printTable("", []string{"TIME", "WHAT", "ACTOR", "USER", "TARGET"}, rows)
}
