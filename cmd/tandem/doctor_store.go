package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/secret"
)

// patience is how far a clock may be off before it is called wrong.
const patience = 2 * time.Second

// examine looks at the key file, the store and the clock, and at the running server if there is one.
func (r *report) examine(ctx context.Context, c config.Config) error {
	e, err := tandem.Examine(ctx, c)
	if embeddedOnly(r, err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("examine the store: %w", err)
	}
	r.keyFile(e)
	r.store(e)
	r.clock(e, time.Now())
	if e.Running {
		r.server(ctx, c.Issuer)
	}
	return nil
}

func (r *report) keyFile(e tandem.Examination) {
	var mode *secret.KeyFileModeError
	switch {
	case e.KeyFault == nil && e.Present:
		r.ok("key file", "%s opens the %s in the store", e.KeySource, count(e.Keys, "key", "keys"))
	case e.KeyFault == nil:
		r.ok("key file", "%s is readable by you alone", e.KeySource)
	case errors.Is(e.KeyFault, fs.ErrNotExist) && e.Keys == 0 && !e.Present:
		r.ok("key file", "%s is made on the first start", e.KeySource)
	case errors.Is(e.KeyFault, fs.ErrNotExist):
		r.wrong("key file", "put it back from where it is kept safe: the signing keys in the store cannot be read without it", "%s is missing", e.KeySource)
	case errors.As(e.KeyFault, &mode):
		r.wrong("key file", "chmod 600 "+mode.Path+"; if others may have read it, rotate and revoke the signing keys", "%s has mode %#o: others can use it", mode.Path, mode.Mode)
	case errors.Is(e.KeyFault, tandem.ErrMasterKey):
		r.wrong("key file", "name the right one with master_key_file", "%s is not the key of this store: %v", e.KeySource, e.KeyFault)
	default:
		r.wrong("key file", "put the key back from where it is kept safe", "%v", e.KeyFault)
	}
}

func (r *report) store(e tandem.Examination) {
	switch {
	case e.Fault != nil:
		r.wrong("store", "free the path if something else uses it; if the database is damaged, tandem restore FILE", "%v", e.Fault)
		return
	case e.Present && e.Dir == nil: // a server of its own
		r.served(e)
		return
	case e.Dir == nil || !e.Present:
		r.ok("store", "there is none in %s yet: the first start makes it", e.DataDir)
		return
	case !e.Dir.IsDir():
		r.wrong("store", "name a directory with data_dir", "%s is not a directory", e.DataDir)
		return
	}
	if mode := e.Dir.Mode().Perm(); mode&0o077 != 0 {
		r.wrong("store", "chmod 700 "+e.DataDir, "%s has mode %#o: others reach the store and the administration socket", e.DataDir, mode)
	}
	switch {
	case e.Schema.Current > e.Schema.Target:
		r.wrong("store", "run the version of Tandem that wrote it, or a later one", "its schema is %d, this version knows %d", e.Schema.Current, e.Schema.Target)
	case e.Schema.Pending():
		r.note("store", "tandem backup FILE, then tandem migrate", "its schema is %d, this version brings it to %d at the next start", e.Schema.Current, e.Schema.Target)
	default:
		state := "no server runs on it"
		if e.Running {
			state = "a server runs on it"
		}
		r.ok("store", "%s is sound, schema %d; %s", e.DataDir, e.Schema.Current, state)
	}
	if left, err := filepath.Glob(filepath.Join(e.DataDir, "*.before-restore*")); err == nil && len(left) > 0 {
		r.note("store", "delete it once you need it no more", "%s is a database that a restore replaced", left[0])
	}
}

// served tells of a store that is a server of its own.
func (r *report) served(e tandem.Examination) {
	switch {
	case e.Schema.Current > e.Schema.Target:
		r.note("store", "update the other nodes too", "%s has schema %d, of a later version than this one, which knows %d", e.DataDir, e.Schema.Current, e.Schema.Target)
	case e.Schema.Pending():
		r.note("store", "make a backup (pg_dump), then tandem migrate", "%s has schema %d, this version brings it to %d at the next start", e.DataDir, e.Schema.Current, e.Schema.Target)
	default:
		r.ok("store", "%s answers, schema %d", e.DataDir, e.Schema.Current)
	}
}

// clock compares the system's clock with the store's last commit, which cannot lie in the future.
func (r *report) clock(e tandem.Examination, now time.Time) {
	behind := e.LastCommit.Sub(now)
	switch {
	case e.LastCommit.IsZero() && now.Year() < 2025:
		r.wrong("clock", "set the clock, and keep it right with NTP", "the system's clock shows %s", when(&now))
	case behind > patience:
		r.wrong("clock", "set the clock, and keep it right with NTP", "the system's clock is %s behind the store's last commit", behind.Round(time.Second))
	default:
		r.ok("clock", "it shows %s", when(&now))
	}
}

// server asks the running server who it is, the way its verifiers do.
func (r *report) server(ctx context.Context, at string) {
	found, err := discover(ctx, at)
	if err != nil {
		r.wrong("public URL", "let the proxy or the name server lead "+at+" to this server, or set issuer to where it is reached", "verifiers cannot use it: %v", err)
		return
	}
	if off := time.Since(found.date); !found.date.IsZero() && (off > patience+time.Second || off < -patience) {
		r.wrong("clock", "keep both clocks right with NTP", "the clock of what answers at %s is off by %s", at, off.Round(time.Second))
	}
	r.ok("public URL", "%s leads to a Tandem server of that name", at)
}
