package tandem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/clock"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/sqlite"
)

// Restoration says how to restore.
type Restoration struct {
	// File is the backup, as Backup wrote it; empty for a PostgreSQL store, whose own tools have restored it by now.
	File string
	// InsecureKeepSessions leaves the sessions of the backup alive. One that was ended or revoked after the backup was
	// taken cannot be told from a living one: it comes back to life, in the hands of whoever holds its token.
	InsecureKeepSessions bool
	// Reason goes to the audit trail.
	Reason string
}

// Restored says what a restore did.
type Restored struct {
	// TakenAt is the time of the last commit in the backup: what was done after it is gone.
	TakenAt time.Time
	// Epoch is that of the new log.
	Epoch string
	// Sessions is how many sessions were alive in the backup: they were ended, unless Kept.
	Sessions int
	Kept     bool
	// Aside is where the database that was replaced is kept; empty if there was none.
	Aside string
	// Undone lists the security-relevant acts of the replaced database that the backup does not hold: they must be
	// done again. UndoneUnknown says why they could not be read.
	Undone        []Act
	UndoneUnknown error
}

// Act is an entry of the audit trail.
type Act struct {
	At                  time.Time
	Type                string
	Actor, User, Target string
}

// undoing are the acts whose loss gives access back to somebody.
var undoing = map[audit.Type]bool{
	audit.UserLocked: true, audit.UserDeleted: true, audit.RolesChanged: true, audit.PasswordChanged: true, audit.Revoked: true,
	audit.PasskeyRemoved: true, audit.TOTPAdded: true, audit.RecoveryCodesMade: true, audit.RecoveryCodeUsed: true,
	audit.Disconnected: true, audit.EmailChanged: true, audit.AccountClaimed: true, audit.AccountRecovered: true, audit.CredentialsReset: true,
	audit.KeyRevoked: true, audit.ApplicationEdited: true, audit.ApplicationGone: true, audit.APIKeyRevoked: true,
}

// maxUndone bounds Restored.Undone.
const maxUndone = 1000

// Restore puts a backup in the place of the database. It begins a new epoch of the revocation log, since what was
// appended after the backup is lost: every verifier notices, keeps what it knew to be revoked, and has every access
// token renewed. By default it ends every session.
//
// The new database is made ready beside the old one and put in its place in one step, so that a crash at any moment
// leaves one or the other. ErrRunning while a server uses the store; ErrMasterKey if the backup belongs to another
// master key.
func Restore(ctx context.Context, c Config, r Restoration) (done Restored, err error) {
	c, err = lasting(c)
	if err != nil {
		return done, err
	}
	if c.OnPostgres() {
		return restoreShared(ctx, c, r)
	}
	if r.File == "" {
		return done, ErrFileNeeded
	}
	box, source, err := configuredKey(c)
	if err != nil {
		return done, fmt.Errorf("restore: the master key of the backup is needed at %s: %w", source, err)
	}
	lock, err := sqlite.Lock(c.DataDir)
	if err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	stage, err := stageBackup(c.DataDir, r.File)
	if err != nil {
		return done, fmt.Errorf("restore %s: %w", r.File, err)
	}
	defer os.RemoveAll(stage)
	in, err := sqlite.Inspect(ctx, stage)
	if err == nil {
		err = errors.Join(in.Fault, opens(box, in.Keys))
	}
	if err != nil {
		return done, fmt.Errorf("restore %s: %w", r.File, notBackup(err))
	}
	if err := beginAgain(ctx, stage, box, r, &done); err != nil {
		return done, fmt.Errorf("restore %s: %w", r.File, err)
	}
	replaced, err := sqlite.Replace(c.DataDir, filepath.Join(stage, sqlite.DatabaseFile))
	if err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	done.Aside, done.UndoneUnknown = replaced.Aside, replaced.Fault
	if done.Aside != "" && done.UndoneUnknown == nil {
		done.Undone, done.UndoneUnknown = lost(ctx, done.Aside, done.TakenAt)
	}
	return done, nil
}

// stagePrefix names the directories in which backups are made ready.
const stagePrefix = ".restore-"

// stageBackup copies the backup into a directory of its own inside the data directory, and clears away what an earlier
// restore left when it was killed.
func stageBackup(dir, file string) (stage string, err error) {
	left, err := filepath.Glob(filepath.Join(dir, stagePrefix+"*"))
	if err != nil {
		return "", err
	}
	for _, old := range left {
		if err := os.RemoveAll(old); err != nil {
			return "", err
		}
	}
	if info, err := os.Stat(file + "-wal"); err == nil && info.Size() > 0 {
		return "", errors.New("it is no backup but a database in use, for a file -wal lies beside it: make a backup with `tandem backup FILE`")
	}
	from, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer from.Close()
	if info, err := from.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", errors.Join(err, errors.New("it is not a regular file: name a file that `tandem backup` wrote"))
	}
	if stage, err = os.MkdirTemp(dir, stagePrefix); err != nil {
		return "", err
	}
	to, err := os.OpenFile(filepath.Join(stage, sqlite.DatabaseFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = io.Copy(to, from)
		err = errors.Join(err, to.Sync(), to.Close())
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(stage))
	}
	return stage, nil
}

// notBackup words the errors about the staged copy for the file it was made from.
func notBackup(err error) error {
	switch {
	case errors.Is(err, sqlite.ErrNoStore), errors.Is(err, sqlite.ErrNotStore):
		return errors.New("it is no backup of Tandem: name a file that `tandem backup` wrote")
	case errors.Is(err, sqlite.ErrNewer):
		return errors.New("it was written by a newer version of Tandem: run that version, or a later one")
	}
	return err
}

// beginAgain migrates the staged store and begins its new epoch.
func beginAgain(ctx context.Context, stage string, box sealer, r Restoration, done *Restored) (err error) {
	st, err := sqlite.Open(ctx, sqlite.Config{Dir: stage, MirrorSessions: -1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if done.TakenAt, err = st.LastCommit(ctx); err != nil {
		return err
	}
	keys, _, err := st.Keys().Keys(ctx)
	if err == nil {
		err = opens(box, keys)
	}
	if err != nil {
		return err
	}
	now := clock.New(done.TakenAt).Now()
	if done.Sessions, err = countSessions(ctx, st.Sessions(), now); err != nil {
		return err
	}
	done.Epoch, done.Kept = feed.RandomEpoch(), r.InsecureKeepSessions
	entry := audit.New(audit.StoreRestored, now)
	entry.Actor, entry.Target, entry.Reason = "operator", filepath.Base(r.File), r.Reason
	if r.InsecureKeepSessions {
		entry.Reason = strings.TrimSpace(entry.Reason + " (sessions of the backup were kept)")
	}
	_, err = st.BeginEpoch(ctx, feed.NewEpoch{Epoch: done.Epoch, EndSessions: !r.InsecureKeepSessions, Audit: entry, At: now})
	return err
}

func countSessions(ctx context.Context, sessions session.Store, now time.Time) (n int, err error) {
	const batch = 1000
	q := session.Query{AliveAt: now, Limit: batch}
	for {
		views, err := sessions.List(ctx, q)
		if err != nil {
			return 0, err
		}
		n += len(views)
		if len(views) < batch {
			return n, nil
		}
		q.Before = views[batch-1].Session.ID
	}
}

// lost reads, from the database that was replaced, what the backup does not know.
func lost(ctx context.Context, aside string, since time.Time) (acts []Act, err error) {
	entries, err := sqlite.TrailOf(ctx, aside, audit.Query{Since: since, Limit: maxUndone})
	if err != nil {
		return nil, fmt.Errorf("read the replaced database: %w", err)
	}
	for _, e := range entries {
		if undoing[e.Type] && e.Outcome == audit.Done && e.At.After(since) {
			acts = append(acts, Act{At: e.At, Type: string(e.Type), Actor: e.Actor, User: e.User, Target: e.Target})
		}
	}
	return acts, nil
}
