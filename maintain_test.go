package tandem

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// site is a data directory whose server comes and goes.
type site struct {
	testing.TB
	dir string
}

func (s site) config() Config { return Config{DataDir: s.dir} }

// open runs a server on the directory until the function it answers is called.
func (s site) open() (server *Server, stop func()) {
	s.Helper()
	server, err := Open(s.Context(), s.config(), WithLogger(slog.New(slog.DiscardHandler)), cheaply)
	if err != nil {
		s.Fatal(err)
	}
	return server, func() {
		if err := server.Close(); err != nil {
			s.Error(err)
		}
	}
}

// has reports whether the store knows the user.
func (s site) has(email string) bool {
	s.Helper()
	server, stop := s.open()
	defer stop()
	switch code := asOperator(server, "GET", "/v1/admin/users/"+email, ""); code {
	case http.StatusOK:
		return true
	case http.StatusNotFound:
		return false
	default:
		s.Fatalf("show user: %d", code)
		return false
	}
}

func (s site) register(server *Server, email string) {
	s.Helper()
	if code := asOperator(server, "POST", "/v1/admin/users", `{"email":"`+email+`"}`); code != http.StatusCreated {
		s.Fatalf("create user: %d", code)
	}
}

func asOperator(server *Server, method, path, body string) int {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	server.Local().ServeHTTP(w, r)
	return w.Code
}

func (s site) copyTo(to site, names ...string) {
	s.Helper()
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(s.dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to.dir, name), b, 0o600)
		}
		if err != nil {
			s.Fatal(err)
		}
	}
}

func (s site) epoch() string {
	s.Helper()
	server, stop := s.open()
	defer stop()
	head, err := server.store.Log().Head(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return head.Epoch
}

// TestRestoreAfterCrash restores over a database that a crash left with a write-ahead log: nothing of that log may get
// into the restored one, and all of it must be in the one that is kept aside.
func TestRestoreAfterCrash(t *testing.T) {
	origin, crashed, aside := site{t, t.TempDir()}, site{t, t.TempDir()}, site{t, t.TempDir()}
	backup := filepath.Join(t.TempDir(), "backup.db")
	server, stop := origin.open()
	origin.register(server, "before@example.com")
	if err := Backup(t.Context(), origin.config(), backup); err != nil {
		t.Fatal(err)
	}
	origin.register(server, "after@example.com")
	origin.copyTo(crashed, "tandem.db", "tandem.db-wal", "master.key") // as SIGKILL would leave it
	stop()

	left := filepath.Join(crashed.dir, ".restore-killed")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	done, err := Restore(t.Context(), crashed.config(), Restoration{File: backup})
	if err != nil {
		t.Fatal(err)
	}
	if done.UndoneUnknown != nil {
		t.Errorf("the replaced database could be read, but: %v", done.UndoneUnknown)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Error("what a killed restore left is still there")
	}
	if !crashed.has("before@example.com") || crashed.has("after@example.com") {
		t.Error("the restored store is not the backup")
	}
	if got := crashed.epoch(); got != done.Epoch || got == origin.epoch() {
		t.Errorf("epoch %s after a restore to %s of %s", got, done.Epoch, origin.epoch())
	}
	crashed.copyTo(aside, filepath.Base(done.Aside), "master.key")
	if err := os.Rename(filepath.Join(aside.dir, filepath.Base(done.Aside)), filepath.Join(aside.dir, "tandem.db")); err != nil {
		t.Fatal(err)
	}
	if !aside.has("after@example.com") {
		t.Error("what was in the write-ahead log is not in the database kept aside")
	}
}

// TestRestoreOverDamage restores over what is no database any more. That is kept aside as it was.
func TestRestoreOverDamage(t *testing.T) {
	s := site{t, t.TempDir()}
	backup := filepath.Join(t.TempDir(), "backup.db")
	server, stop := s.open()
	s.register(server, "before@example.com")
	stop()
	if err := Backup(t.Context(), s.config(), backup); err != nil {
		t.Fatal(err)
	}
	garbage, log := bytes.Repeat([]byte("no database "), 1000), []byte("no log of one")
	for name, b := range map[string][]byte{"tandem.db": garbage, "tandem.db-wal": log} {
		if err := os.WriteFile(filepath.Join(s.dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done, err := Restore(t.Context(), s.config(), Restoration{File: backup})
	if err != nil {
		t.Fatal(err)
	}
	if done.UndoneUnknown == nil {
		t.Error("a database that cannot be read must be said not to have been read")
	}
	for path, want := range map[string][]byte{done.Aside: garbage, done.Aside + "-wal": log} {
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what was replaced: %v", path, err)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "tandem.db-wal")); err == nil {
		t.Error("a foreign write-ahead log lies beside the restored database")
	}
	if !s.has("before@example.com") {
		t.Error("the restored store is not the backup")
	}
}

// TestRestoreRefuses goes through what must leave everything as it was.
func TestRestoreRefuses(t *testing.T) {
	s, other := site{t, t.TempDir()}, site{t, t.TempDir()}
	dir := t.TempDir()
	backup, foreign := filepath.Join(dir, "backup.db"), filepath.Join(dir, "foreign.db")
	for _, b := range []struct {
		site site
		file string
	}{{s, backup}, {other, foreign}} {
		_, stop := b.site.open()
		stop()
		if err := Backup(t.Context(), b.site.config(), b.file); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(dir, "torn.db")
	if err := os.WriteFile(torn, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	before := s.epoch()
	for file, want := range map[string]error{foreign: ErrMasterKey, torn: nil, filepath.Join(dir, "missing.db"): os.ErrNotExist} {
		_, err := Restore(t.Context(), s.config(), Restoration{File: file})
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("restore of %s: %v, want %v", filepath.Base(file), err, want)
		}
	}
	_, stop := s.open()
	if _, err := Restore(t.Context(), s.config(), Restoration{File: backup}); !errors.Is(err, ErrRunning) {
		t.Errorf("restore under a running server: %v, want ErrRunning", err)
	}
	if err := Backup(t.Context(), s.config(), backup); !errors.Is(err, ErrExists) {
		t.Errorf("backup over a file: %v, want ErrExists", err)
	}
	stop()
	if got := s.epoch(); got != before {
		t.Errorf("epoch %s, was %s: something was changed", got, before)
	}
	if left, err := filepath.Glob(filepath.Join(s.dir, ".restore-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if left, err := filepath.Glob(filepath.Join(s.dir, "*before-restore*")); err != nil || len(left) > 0 {
		t.Errorf("kept aside though nothing was replaced: %v %v", left, err)
	}
}

// TestBackupIsOfOwnerAlone and holds no master key.
func TestBackupIsOfOwnerAlone(t *testing.T) {
	s := site{t, t.TempDir()}
	_, stop := s.open()
	defer stop()
	backup := filepath.Join(t.TempDir(), "backup.db")
	if err := Backup(t.Context(), s.config(), backup); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(backup)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v, want 0600", info.Mode(), err)
	}
	key, err := os.ReadFile(filepath.Join(s.dir, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(backup)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if b, err := io.ReadAll(f); err != nil || bytes.Contains(b, bytes.TrimSpace(key)) {
		t.Errorf("the backup holds the master key: %v", err)
	}
}
