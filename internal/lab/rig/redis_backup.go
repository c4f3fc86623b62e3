package rig

import (
	"os"
	"path/filepath"
	"testing"
)

const (
	snapshot = "dump.rdb"
	appends  = "appendonlydir"
)

// remove ends the server and removes what is on disk. Of a test that failed, it shows the log.
func (s *RedisServer) remove(t testing.TB) {
	if s.proc != nil {
		if t.Failed() {
			t.Logf("the log of Redis %s ends:\n%s", s.address, s.proc.said())
		}
		if err := s.proc.kill(); err != nil {
			t.Errorf("remove Redis: %v", err)
		}
		_ = os.Remove(s.proc.log) // the guard removes what stays
	}
	if err := os.RemoveAll(s.dir); err != nil {
		t.Errorf("remove Redis: %v", err)
	}
}

// Backup is a copy of what a RedisServer held at some time.
type Backup struct{ dir string }

// Backup copies what the server holds now, to Restore it later.
func (s *RedisServer) Backup(t testing.TB) Backup {
	t.Helper()
	var b Backup
	s.fault(t, func() (err error) {
		if b.dir, err = newDirectory(nil); err != nil {
			return err
		}
		t.Cleanup(func() { _ = os.RemoveAll(b.dir) }) // the guard removes what stays
		if !s.logs {
			if _, err := s.do("SAVE"); err != nil {
				return err
			}
			return os.Rename(filepath.Join(s.dir, snapshot), filepath.Join(b.dir, snapshot))
		}
		// Everything that it answered is in the files; nothing moves while they are copied.
		if err := s.proc.pause(); err != nil {
			return err
		}
		if err := os.CopyFS(filepath.Join(b.dir, appends), os.DirFS(filepath.Join(s.dir, appends))); err != nil {
			return err
		}
		return s.proc.resume()
	})
	return b
}

// Restore has the server hold what it held at the time of the backup and nothing else, as an operator does who plays
// back yesterday's: the server is killed, its data replaced, and it starts again.
func (s *RedisServer) Restore(t testing.TB, b Backup) {
	t.Helper()
	s.fault(t, func() error {
		if err := s.proc.kill(); err != nil {
			return err
		}
		for _, name := range []string{snapshot, appends} {
			if err := os.RemoveAll(filepath.Join(s.dir, name)); err != nil {
				return err
			}
		}
		if err := os.CopyFS(s.dir, os.DirFS(b.dir)); err != nil {
			return err
		}
		if err := s.launch(); err != nil {
			return err
		}
		if !s.logs {
			return os.Remove(filepath.Join(s.dir, snapshot)) // or the next start would load it again
		}
		return nil
	})
}
