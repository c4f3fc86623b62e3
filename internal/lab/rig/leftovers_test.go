package rig_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
)

// doomedEnv has this test binary play a test that is killed while its servers run.
const doomedEnv = "TANDEM_RIG_DOOMED"

// A test that is killed leaves no process behind, not even a paused one, and no file.
func TestNothingOutlivesItsTest(t *testing.T) {
	if os.Getenv(doomedEnv) != "" {
		pg, redis := rig.Postgres(t, rig.PostgresConfig{}), rig.Redis(t, rig.RedisConfig{})
		pg.Pause(t)
		fmt.Printf("\ndirectory %s\n", filepath.Dir(strings.TrimPrefix(redis.URL(), "unix://")))
		select {}
	}
	if testing.Short() {
		t.Skip("needs PostgreSQL; with -short, tests need Go alone")
	}
	doomed := exec.Command(os.Args[0], "-test.run=^TestNothingOutlivesItsTest$")
	doomed.Env = append(os.Environ(), doomedEnv+"=1")
	out, err := doomed.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := doomed.Start(); err != nil {
		t.Fatal(err)
	}
	var dir string
	for lines := bufio.NewScanner(out); dir == "" && lines.Scan(); {
		dir = strings.TrimPrefix(lines.Text(), "directory ")
		if dir == lines.Text() {
			dir = ""
		}
	}
	if err := doomed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = doomed.Wait() // it was killed
	if dir == "" {
		t.Fatal("the doomed test did not come up")
	}
	dir = filepath.Dir(dir) // of all its servers
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left := inside(t, dir)
		if _, err := os.Stat(dir); os.IsNotExist(err) && len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there, and so are %v", dir, left)
		}
	}
}

// inside are the processes that work in a directory.
func inside(t *testing.T, dir string) (found []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range all {
		if at, err := os.Readlink(link); err == nil && strings.HasPrefix(at, dir+"/") {
			found = append(found, filepath.Dir(link))
		}
	}
	return found
}
