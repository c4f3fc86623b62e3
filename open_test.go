package tandem

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/session"
)

func TestCloseLeavesNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, store := range []string{"memory", "sqlite"} {
		s, err := Open(t.Context(), Config{Store: store, DataDir: t.TempDir(), Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", Issuer: "http://localhost:1"}, cheaply)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		ready := make(chan Addresses, 1)
		go func() { served <- s.Serve(ctx, func(a Addresses) { ready <- a }) }()
		at := <-ready
		if store == "sqlite" {
			info, err := os.Stat(at.Socket)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("socket %s: %v, %v; want mode 0600", at.Socket, info, err)
			}
		}
		stop()
		if err := <-served; err != nil {
			t.Errorf("%s: serve: %v", store, err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: close: %v", store, err)
		}
	}
}

func TestOpenNamesTheThingAndTheRemedy(t *testing.T) {
	used := t.TempDir()
	first, err := Open(t.Context(), Config{DataDir: used}, cheaply)
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(used, "master.key")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		before func()
		config Config
		want   []string
	}{
		"a second server on the same store":       {nil, Config{DataDir: used}, []string{used}},
		"a data directory that is a file":         {nil, Config{DataDir: file}, []string{file}},
		"a key file that others can read":         {func() { first.Close(); os.Chmod(key, 0o644) }, Config{DataDir: used}, []string{key, "chmod 600"}},
		"a master key that is not there any more": {func() { first.Close(); os.Remove(key) }, Config{DataDir: used}, []string{key, "missing"}},
		"a configuration that contradicts itself": {nil, Config{DataDir: used, Lease: time.Hour}, []string{"lease"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.before != nil {
				c.before()
			}
			s, err := Open(t.Context(), c.config, cheaply)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %q", err, want)
				}
			}
		})
		if c.before != nil { // each starts from a sound store
			os.RemoveAll(used)
			if first, err = Open(t.Context(), Config{DataDir: used}, cheaply); err != nil {
				t.Fatal(err)
			}
		}
	}
	first.Close()
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := Open(t.Context(), Config{Store: "memory", Listen: l.Addr().String(), AdminListen: "127.0.0.1:0"}, cheaply)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Serve(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), l.Addr().String()) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("serve on a port in use: %v", err)
	}
}

func TestHousekeeping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), Config{Store: "memory", Issuer: "http://localhost:8484", Limits: config.Limits{Disabled: true}},
			WithLogger(slog.New(slog.DiscardHandler)), cheaply)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		in := &schedule{installation: &installation{TB: t, server: s, url: "http://localhost:8484"}}
		p := &person{email: "ada@example.com"}
		if a := in.serve("POST", "/v1/sign-up", "", map[string]any{"email": p.email, "password": password}); a.Code != 201 {
			t.Fatal(a.Body)
		}
		in.signIn(p)
		first := in.currentKey()
		in.revoke("session", p.issued[0].session, func(*issued) bool { return true }, p)
		events := func() int {
			page, err := s.store.Log().Read(t.Context(), feed.Ask{})
			if err != nil {
				t.Fatal(err)
			}
			return len(page.Events)
		}
		if events() != 1 {
			t.Fatalf("%d events after one revocation", events())
		}
		time.Sleep(s.config.AccessTokenTTL + 3*time.Minute)
		if n := events(); n != 0 {
			t.Errorf("%d events are kept although every token they forbid has expired", n)
		}
		time.Sleep(31 * 24 * time.Hour)
		if in.currentKey() == first {
			t.Error("the signing key was not rotated within 31 days")
		}
		_, err = s.store.Sessions().Find(t.Context(), session.ID(p.issued[0].session))
		if err == nil {
			t.Error("a session that ended 31 days ago is still kept")
		}
	})
}

// Nodes that begin at once on an empty store make its first application together, and none of them fails.
func TestNodesMakeOneDefaultApplication(t *testing.T) {
	for range 100 {
		apps := memory.Open(memory.Options{}).Applications()
		var nodes sync.WaitGroup
		for range 8 {
			nodes.Go(func() {
				if err := defaultApplication(t.Context(), apps, time.Now()); err != nil {
					t.Error(err)
				}
			})
		}
		nodes.Wait()
	}
}
