package redis_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/redis"
	"tandem.example/tandem/internal/session"
)

// Whatever is asked of a Redis that is down or says nothing fails soon, and as an outage: a transport answers 503, and
// nobody is signed out.
func TestOutageIsSoonAndPasses(t *testing.T) {
	server := server(t)
	w := newWorld(t, server.URL())
	s := w.node()
	one := w.start(s)
	for name, outage := range map[string]struct{ begin, end func() }{
		"dead":   {func() { server.Kill(t) }, func() { server.Start(t) }},
		"silent": {func() { server.Pause(t) }, func() { server.Resume(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			outage.begin()
			before := runtime.NumGoroutine()
			failAll(t, w, s, one.Session.ID)
			if after := runtime.NumGoroutine(); after > before+100 {
				t.Errorf("%d goroutines before and %d after 300 calls", before, after)
			}
			outage.end()
			w.is(w.lives(s, one.Session.ID), nil)
			w.is(w.lives(s, w.start(s).Session.ID), nil)
		})
	}
}

func failAll(t *testing.T, w *world, s *redis.Store, id session.ID) {
	calls := map[string]func(context.Context) error{
		"find": func(ctx context.Context) error { _, err := s.Sessions().Find(ctx, id); return err },
		"start": func(ctx context.Context) error {
			_, err := s.Sessions().Start(ctx, session.Start{Session: draft(w.user, w.app), AccountRevision: 1})
			return err
		},
		"rotate": func(context.Context) error { return w.rotate(s, id, 1) },
		"end":    func(context.Context) error { return w.end(s, id) },
		"list":   func(ctx context.Context) error { _, err := s.Sessions().List(ctx, session.Query{Limit: 5}); return err },
		"touch": func(ctx context.Context) error {
			return s.Sessions().Touch(ctx, []session.Sighting{{ID: id, At: time.Now()}})
		},
		"take": func(ctx context.Context) error {
			_, err := s.Limits().Take(ctx, "k", limit.Policy{Burst: 5, Period: time.Minute}, time.Now())
			return err
		},
		"ping":  s.Ping,
		"prune": func(ctx context.Context) error { _, err := s.Log().Prune(ctx, time.Now(), 10); return err },
	}
	var wg sync.WaitGroup
	for name, call := range calls {
		for range 300 / len(calls) {
			wg.Go(func() {
				began := time.Now()
				if err := call(t.Context()); !isOutage(err) {
					t.Errorf("%s: %v, want an outage", name, err)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("%s failed after %s", name, took)
				}
			})
		}
	}
	wg.Wait()
}

func TestCallersAreNotHeldLongerThanTheyWait(t *testing.T) {
	server := server(t)
	w := newWorld(t, server.URL())
	s := w.node()
	one := w.start(s)
	server.Pause(t)
	defer server.Resume(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := s.Sessions().Find(ctx, one.Session.ID); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

func TestServersThatForgetAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		rig    rig.RedisConfig
		change func(*redis.Config)
		want   error
		hides  bool // its configuration, as managed servers do
		warns  string
	}{
		"keeps nothing":            {rig: rig.RedisConfig{}, want: redis.ErrVolatile},
		"keeps nothing, as told":   {rig: rig.RedisConfig{}, change: func(c *redis.Config) { c.InsecureAllowVolatile = true }, warns: "may lose sessions"},
		"never syncs":              {rig: rig.RedisConfig{AppendFsync: "always", Settings: map[string]string{"appendfsync": "no"}}, want: redis.ErrVolatile},
		"evicts":                   {rig: rig.RedisConfig{AppendFsync: "always", Settings: map[string]string{"maxmemory": "10mb", "maxmemory-policy": "allkeys-lru"}}, want: redis.ErrVolatile},
		"syncs every second":       {rig: rig.RedisConfig{AppendFsync: "everysec"}, warns: "last second"},
		"syncs always":             {rig: rig.RedisConfig{AppendFsync: "always"}},
		"does not say":             {rig: rig.RedisConfig{AppendFsync: "always"}, hides: true, want: redis.ErrUnknownDurability},
		"does not say, but we do":  {rig: rig.RedisConfig{AppendFsync: "always"}, hides: true, change: func(c *redis.Config) { c.Durability = redis.Always }},
		"follows another":          {rig: rig.RedisConfig{AppendFsync: "always", Settings: map[string]string{"replicaof": "127.0.0.1 1"}}, want: redis.ErrReplica},
		"follows another, allowed": {rig: rig.RedisConfig{Settings: map[string]string{"replicaof": "127.0.0.1 1"}}, change: func(c *redis.Config) { c.InsecureAllowVolatile = true }, want: redis.ErrReplica},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			server := rig.Redis(t, c.rig)
			if c.hides {
				forbidConfig(t, server.URL())
			}
			config := configOn(server.URL(), memory.Open(memory.Options{}))
			config.InsecureAllowVolatile, config.Log = false, slog.New(slog.NewTextHandler(&log, nil))
			if c.change != nil {
				c.change(&config)
			}
			s, err := redis.Open(t.Context(), config)
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if err == nil {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if n := strings.Count(log.String(), "level=WARN"); c.warns == "" && n > 0 || c.warns != "" && n != 1 || !strings.Contains(log.String(), c.warns) {
				t.Errorf("logged %q", log.String())
			}
		})
	}
}

func forbidConfig(t *testing.T, url string) {
	client, err := rueidis.NewClient(rueidis.MustParseURL(url))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Do(t.Context(), client.B().AclSetuser().Username("default").Rule("-config").Build()).Error(); err != nil {
		t.Fatal(err)
	}
}

func TestConfigurationsThatCannotBe(t *testing.T) {
	m := memory.Open(memory.Options{})
	for name, change := range map[string]func(*redis.Config){
		"no url":     func(c *redis.Config) { c.URL = "" },
		"no scheme":  func(c *redis.Config) { c.URL = "localhost:6379" },
		"no base":    func(c *redis.Config) { c.Base.Ledger = nil },
		"durability": func(c *redis.Config) { c.Durability = "sometimes" },
	} {
		c := configOn("redis://user:hunter2@127.0.0.1:1", m)
		change(&c)
		if _, err := redis.Open(t.Context(), c); err == nil || isOutage(err) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := redis.Open(t.Context(), configOn("redis://user:hunter2@127.0.0.1:1", m)); !isOutage(err) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("nobody listens: %v", err)
	}
}
