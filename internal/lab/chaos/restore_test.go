package chaos

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
)

// Yesterday's backup has forgotten what was revoked today. After the documented steps every session is over, whoever knew
// what was revoked goes on refusing it, a new epoch begins, everybody is told, and from then on all is as ever.
func TestRestoreOfYesterdaysBackup(t *testing.T) {
	skipShort(t)
	s := setUp(t, setting{nodes: 3, postgres: &rig.PostgresConfig{}, groups: 2, perGroup: 5})
	c := begun(s, "first", 2*time.Second)
	dump := filepath.Join(s.dir, "yesterday.dump")
	s.run(postgresTool(t, "pg_dump"), "-Fc", "-d", s.database, "-f", dump)
	backedUp := now()
	c.phase("backed up")
	time.Sleep(length(t, 5*time.Second) / 2)
	before := s.ask()
	c.forgiving.Store(true)
	c.leaveAll()
	stopped := now()
	s.during(restored, nil, 0, func() {
		for _, n := range s.nodes {
			n.finish(syscall.SIGTERM)
		}
	}, func() {
		s.run(postgresTool(t, "pg_restore"), "--clean", "--if-exists", "-d", s.database, dump)
		s.tandem("restore", "--reason", "chaos")
		for _, n := range s.nodes {
			n.begin()
		}
	})
	s.phase("restored")
	s.awaitReady(len(s.nodes))
	s.awaitNewEpoch(before[0].Epoch)
	lost, kept := s.forsake(backedUp, stopped)
	c.Logf("%d credentials were revoked after the backup, %d of them with a receipt", lost, kept)
	if lost == 0 {
		c.Error("nothing was lost")
	}
	s.mustAllBeOver(c)
	s.begunAnew(c, before)
}

// mustAllBeOver asks each node about every session there was.
func (s *stage) mustAllBeOver(c *crowd) {
	s.each(func(i issued) {
		if i.access() {
			return
		}
		for _, n := range s.nodes {
			if a := exchange(s.client, "GET", "http://"+n.address+"/v1/session", i.text, nil); a.code != http.StatusUnauthorized {
				c.wrong("%s answers %d for a session of before the restore: %v", n.name, a.code, &i)
			}
		}
	})
}

// tandem runs the program as an operator does on the first node's machine.
func (s *stage) tandem(args ...string) {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), tandemBinary(s.T), append([]string{"--data-dir", s.nodes[0].dir}, args...)...)
	cmd.Env = append(environment(), s.nodes[0].env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("tandem %v: %v\n%s", args, err, out)
	}
}

func (s *stage) run(program string, args ...string) {
	s.Helper()
	if out, err := exec.CommandContext(s.Context(), program, args...).CombinedOutput(); err != nil {
		s.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// postgresTool finds a program that comes with PostgreSQL's clients.
func postgresTool(t *testing.T, name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // only a bad pattern is an error
	if len(found) == 0 {
		t.Fatalf("%s is not here. Install it, on Debian with:\n  sudo apt-get install -y postgresql-client", name)
	}
	slices.Sort(found)
	return found[len(found)-1]
}
