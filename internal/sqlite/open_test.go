package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// childDir names the store that a child process opens instead of running tests; childTask says what it does there.
const (
	childDir  = "TANDEM_TEST_CHILD_DIR"
	childTask = "TANDEM_TEST_CHILD_TASK"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir, os.Getenv(childTask)))
	}
	os.Exit(m.Run())
}

func child(dir, task string) int {
	s, err := Open(context.Background(), Config{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("open")
	if task == "work" {
		err = work(s)
		fmt.Println(err)
		return 1
	}
	bufio.NewReader(os.Stdin).ReadString('\n') // until the parent goes or says so
	if err := s.Close(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// startChild starts this binary on the directory and answers its first line.
func startChild(t *testing.T, dir, task string) (c *exec.Cmd, lines *bufio.Scanner, first string) {
	t.Helper()
	c = exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childDir+"="+dir, childTask+"="+task)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		c.Process.Kill()
		c.Wait()
	})
	lines = bufio.NewScanner(out)
	lines.Scan()
	return c, lines, lines.Text()
}

func TestOneProcessOwnsTheStore(t *testing.T) {
	dir := t.TempDir()
	c, _, first := startChild(t, dir, "idle")
	if first != "open" {
		t.Fatal(first)
	}
	_, err := Open(t.Context(), Config{Dir: dir})
	var problem *OpenError
	if !errors.Is(err, ErrLocked) || !errors.As(err, &problem) || problem.Path != dir || problem.Remedy == "" {
		t.Fatalf("a second process was answered %v", err)
	}
	if pid := fmt.Sprintf("process %d", c.Process.Pid); !strings.Contains(err.Error(), pid) {
		t.Errorf("%q does not name %s", err, pid)
	}
	// A process that is killed gives up its lock.
	c.Process.Kill()
	c.Wait()
	s := open(t, Config{Dir: dir})
	if _, err := Open(t.Context(), Config{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("the same process opened it twice: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, Config{Dir: dir})
}

func TestLockOfTheCallerStaysTheCallers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	lock, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{Dir: dir, Lock: lock})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("closing the store gave up its caller's lock: %v", err)
	}
	for range 2 {
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
	}
	again, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Release()
}

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	parent := t.TempDir()
	dir := filepath.Join(parent, "a", "data")
	s := open(t, Config{Dir: dir})
	s.addUser(t, "anna")
	modes := map[string]fs.FileMode{}
	err := filepath.WalkDir(filepath.Join(parent, "a"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		modes[d.Name()] = info.Mode().Perm()
		return err
	})
	want := map[string]fs.FileMode{
		"a": 0o700, "data": 0o700, DatabaseFile: 0o600, DatabaseFile + "-wal": 0o600, DatabaseFile + "-shm": 0o600, LockFile: 0o600,
	}
	if err != nil || fmt.Sprint(modes) != fmt.Sprint(want) {
		t.Errorf("modes %v, want %v, %v", modes, want, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// Rights that someone gave to others are taken back.
	path := filepath.Join(dir, DatabaseFile)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, Config{Dir: dir})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestWhatCannotBeOpenedIsNamedWithARemedy(t *testing.T) {
	file := func(name, content string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	sql := func(query string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			db, err := connect(filepath.Join(dir, DatabaseFile), writing)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(query); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		prepare func(t *testing.T, dir string)
		open    string // below the directory
		path    string // that the error names
		want    error
	}{
		"a file for a directory": {file("data", "x"), "data", "data", ErrNotDirectory},
		"a directory in a file":  {file("data", "x"), "data/sub", "data/sub", ErrNotDirectory},
		"no database":            {file(DatabaseFile, strings.Repeat("not a database ", 1000)), "", DatabaseFile, ErrNotStore},
		"someone's database":     {sql(`CREATE TABLE t (a)`), "", DatabaseFile, ErrNotStore},
		"a directory for a database": {func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, DatabaseFile), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "", DatabaseFile, ErrNotStore},
		"a newer version": {func(t *testing.T, dir string) {
			s := open(t, Config{Dir: dir})
			s.Close()
			sql(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)`)(t, dir)
		}, "", DatabaseFile, ErrNewer},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c.prepare(t, dir)
			_, err := Open(t.Context(), Config{Dir: filepath.Join(dir, c.open)})
			var problem *OpenError
			if !errors.Is(err, c.want) || !errors.As(err, &problem) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if problem.Path != filepath.Join(dir, c.path) || problem.Remedy == "" || !strings.Contains(err.Error(), problem.Path) {
				t.Errorf("%q names %q and the remedy %q", err, problem.Path, problem.Remedy)
			}
			if c.open == "" { // the lock was given up
				lock, err := Lock(dir)
				if err != nil {
					t.Fatal(err)
				}
				lock.Release()
			}
		})
	}
	if _, err := Open(t.Context(), Config{}); err == nil {
		t.Error("a store without a directory was opened")
	}
}

// asNobody runs f with the file rights of an unprivileged user: root may write anywhere.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	const nobody = 65534
	runtime.LockOSThread() // the identity is the thread's, which ends with this goroutine if it cannot be restored
	defer runtime.UnlockOSThread()
	if os.Geteuid() == 0 {
		if err := unix.Setfsuid(nobody); err != nil {
			t.Fatal(err)
		}
		defer unix.Setfsuid(0)
	}
	f()
}

func TestStoreThatIsNotWritable(t *testing.T) {
	dir := t.TempDir()
	open(t, Config{Dir: dir}).Close()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	locked, fresh := dir, filepath.Join(dir, "below")
	for _, path := range []string{locked, fresh} {
		asNobody(t, func() {
			_, err := Open(t.Context(), Config{Dir: path})
			var problem *OpenError
			if !errors.Is(err, ErrNotWritable) || !errors.As(err, &problem) || !strings.HasPrefix(problem.Path, path) || problem.Remedy == "" {
				t.Errorf("open %s: %v", path, err)
			}
		})
	}
}

func TestMigrationsAreReported(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	before, err := Migrations(t.Context(), dir)
	if err != nil || before.Current != 0 || !before.Pending() {
		t.Fatalf("no store: %+v, %v", before, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("asking made something: %v", err)
	}
	if was, err := Migrate(t.Context(), dir); err != nil || was != before {
		t.Fatalf("migrate: %+v, %v", was, err)
	}
	after, err := Migrations(t.Context(), dir)
	if err != nil || after.Pending() || after.Current != after.Target {
		t.Errorf("after: %+v, %v", after, err)
	}
	s := open(t, Config{Dir: dir})
	if status, err := s.Version(t.Context()); err != nil || status != after {
		t.Errorf("open: %+v, %v", status, err)
	}
}

// Killed between the migrations and the first epoch, or before the first migration, a store is opened as if new.
func TestHalfMadeStoreIsFinished(t *testing.T) {
	for name, query := range map[string]string{
		"nothing":          `SELECT 1`,
		"version table":    `CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now'))); INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true)`,
		"migrated, no row": "",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			db, err := connect(filepath.Join(dir, DatabaseFile), writing)
			if err != nil {
				t.Fatal(err)
			}
			if query == "" {
				err = migrate(t.Context(), db, dir)
			} else {
				_, err = db.Exec(query)
			}
			if err := errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
			head, err := open(t, Config{Dir: dir}).Log().Head(t.Context())
			if err != nil || len(head.Epoch) != 26 || head.Position != 0 {
				t.Errorf("head %+v, %v", head, err)
			}
		})
	}
}

// What durability and the separation of readers stand on.
func TestConnectionsAreSetUp(t *testing.T) {
	s := open(t, Config{})
	ask := func(from interface{ QueryRow(string, ...any) *sql.Row }, pragma string) (value string) {
		if err := from.QueryRow("PRAGMA " + pragma).Scan(&value); err != nil {
			t.Error(err)
		}
		return value
	}
	writer := map[string]string{}
	if err := s.write.do(t.Context(), func(t *tx) error {
		for _, pragma := range []string{"journal_mode", "synchronous", "foreign_keys"} {
			var value string
			if err := t.row("PRAGMA " + pragma).Scan(&value); err != nil {
				return err
			}
			writer[pragma] = value
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	const full = "2"
	if writer["journal_mode"] != "wal" || writer["synchronous"] != full || writer["foreign_keys"] != "1" {
		t.Errorf("the writer has %v", writer)
	}
	for name, db := range map[string]*sql.DB{"listings": s.read.db, "points": s.read.points.db} {
		if ask(db, "query_only") != "1" {
			t.Errorf("connections for %s may write", name)
		}
	}
}

func TestEpochOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	first, _ := s.Log().Head(t.Context())
	s.Close()
	again, err := open(t, Config{Dir: dir}).Log().Head(t.Context())
	if err != nil || again != first {
		t.Errorf("head %+v, then %+v, %v", first, again, err)
	}
	other, _ := open(t, Config{}).Log().Head(t.Context())
	if other.Epoch == first.Epoch {
		t.Error("two stores have one epoch")
	}
}

func TestPathMayHoldAnything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c#d%41&e'f")
	open(t, Config{Dir: dir})
	if _, err := os.Stat(filepath.Join(dir, DatabaseFile)); err != nil {
		t.Error(err)
	}
}
