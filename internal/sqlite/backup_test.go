package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

func TestBackupIsAStore(t *testing.T) {
	s := open(t, Config{})
	app, u := s.addApplication(t, "app"), s.addUser(t, "anna")
	row := s.start(t, draft(u, app, epochDay)).Session
	s.announce(t, revocation.AllEvent())
	head, _ := s.Log().Head(t.Context())

	dir := t.TempDir()
	path := filepath.Join(dir, DatabaseFile)
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	later := s.start(t, draft(u, app, epochDay)).Session
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	copied := open(t, Config{Dir: dir})
	if got, err := copied.Log().Head(t.Context()); err != nil || got != head {
		t.Errorf("head %+v, want %+v, %v", got, head, err)
	}
	if _, err := copied.Sessions().Find(t.Context(), row.ID); err != nil {
		t.Error(err)
	}
	if _, err := copied.Sessions().Find(t.Context(), later.ID); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("a session of after the backup: %v", err)
	}
	if err := copied.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestBackupWritesOverNothing(t *testing.T) {
	s := open(t, Config{})
	path := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), path); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), path) {
		t.Errorf("answered %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

func TestFailedBackupLeavesNothing(t *testing.T) {
	s := open(t, Config{})
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(ctx, filepath.Join(dir, "copy")); err == nil {
		t.Error("a backup that was called off succeeded")
	}
	if err := s.Backup(t.Context(), filepath.Join(dir, "missing", "copy")); err == nil {
		t.Error("a backup into no directory succeeded")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestCheckFindsDamage(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	app, u := s.addApplication(t, "app"), s.addUser(t, "anna")
	for range 100 {
		s.start(t, draft(u, app, epochDay))
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatalf("a sound store: %v", err)
	}
	s.Close()

	// Sessions of nobody, which a foreign key would have refused.
	var root int64
	db, err := connect(s.path, copying)
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{`PRAGMA foreign_keys = 0`, `DELETE FROM users`} {
		if _, err := db.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	err = db.QueryRow(`SELECT rootpage FROM sqlite_schema WHERE name = 'sessions_application'`).Scan(&root)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	s = open(t, Config{Dir: dir})
	if err := s.Check(t.Context()); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "sessions") {
		t.Errorf("sessions of nobody: %v", err)
	}
	s.Close()

	// Bytes that the disk changed, in an index and then in all of the file but its header.
	for name, damage := range map[string]func(file []byte){
		"index": func(file []byte) { copy(file[(root-1)*4096+8:], strings.Repeat("\xff", 64)) },
		"file":  func(file []byte) { copy(file[100:], strings.Repeat("\xff", 9000)) },
	} {
		file, err := os.ReadFile(s.path)
		if err != nil {
			t.Fatal(err)
		}
		damage(file)
		hurt := t.TempDir()
		if err := os.WriteFile(filepath.Join(hurt, DatabaseFile), file, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), Config{Dir: hurt})
		if err == nil {
			err = s.Check(t.Context())
			s.Close()
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("damage to the %s: %v", name, err)
		}
	}
}
