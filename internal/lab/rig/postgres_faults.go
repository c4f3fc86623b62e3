package rig

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Stop shuts the server down in order: its clients are cut off, what they committed is written.
func (s *PostgresServer) Stop(t testing.TB) {
	t.Helper()
	s.fault(t, func() error { return s.proc.stop(syscall.SIGINT) }) // "fast"
}

// Kill ends the server and all of its processes as a crash of the machine does, but for what the kernel holds.
func (s *PostgresServer) Kill(t testing.TB) {
	t.Helper()
	s.fault(t, s.proc.kill)
}

// Start starts it again after Stop or Kill, and waits until it answers.
func (s *PostgresServer) Start(t testing.TB) {
	t.Helper()
	s.fault(t, s.launch)
}

// Pause stops all of its processes in their tracks: connections stay open, and nothing answers.
func (s *PostgresServer) Pause(t testing.TB) {
	t.Helper()
	s.fault(t, s.proc.pause)
}

// Resume ends Pause.
func (s *PostgresServer) Resume(t testing.TB) {
	t.Helper()
	s.fault(t, s.proc.resume)
}

func (s *PostgresServer) fault(t testing.TB, inject func() error) {
	t.Helper()
	if s.shared {
		t.Fatalf("the shared PostgreSQL is everybody's: start one with rig.Postgres")
	}
	if err := inject(); err != nil {
		t.Fatalf("PostgreSQL (%s): %v", s.name, err)
	}
}

// remove ends the server with its standbys, and removes what is on disk. Of a test that failed, it shows the log.
func (s *PostgresServer) remove(t testing.TB) {
	for _, standby := range s.standbys {
		standby.remove(t)
	}
	if s.proc != nil {
		if t.Failed() {
			t.Logf("the log of PostgreSQL (%s) ends:\n%s", s.name, s.proc.said())
		}
		end := func() error { return s.proc.stop(syscall.SIGQUIT) } // "immediate"
		if s.proc.paused || !s.proc.alive() {
			end = s.proc.kill
		}
		if err := end(); err != nil {
			t.Errorf("remove PostgreSQL (%s): %v", s.name, err)
		}
		s.releaseMemory()
		_ = os.Remove(s.proc.log) // the guard removes what stays
	}
	if err := os.RemoveAll(s.dir); err != nil {
		t.Errorf("remove PostgreSQL (%s): %v", s.name, err)
	}
}

// releaseMemory gives back the segment of shared memory that a killed server leaves behind. Its id is the second
// number of the seventh line of postmaster.pid, which a server that ends in order removes.
func (s *PostgresServer) releaseMemory() {
	b, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return
	}
	if lines := strings.Split(string(b), "\n"); len(lines) > 6 {
		if ids := strings.Fields(lines[6]); len(ids) == 2 {
			if id, err := strconv.Atoi(ids[1]); err == nil {
				_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil) // gone already, perhaps
			}
		}
	}
}
