package rig_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"tandem.example/tandem/internal/lab/rig"
)

// dial opens a client that lasts as long as the test.
func dial(t *testing.T, url string) rueidis.Client {
	t.Helper()
	option, err := rueidis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	option.DisableCache = true
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatalf("connect to %s: %v", url, err)
	}
	t.Cleanup(client.Close)
	return client
}

func put(t *testing.T, client rueidis.Client, key, value string) {
	t.Helper()
	if err := client.Do(t.Context(), client.B().Set().Key(key).Value(value).Build()).Error(); err != nil {
		t.Fatalf("set %s: %v", key, err)
	}
}

// get is a key's value, or "".
func get(t *testing.T, client rueidis.Client, key string) string {
	t.Helper()
	value, err := client.Do(t.Context(), client.B().Get().Key(key).Build()).ToString()
	if err != nil && !rueidis.IsRedisNil(err) {
		t.Fatalf("get %s: %v", key, err)
	}
	return value
}

func TestRedisKeepsItsLog(t *testing.T) {
	for _, fsync := range []string{"always", "everysec"} {
		s := rig.Redis(t, rig.RedisConfig{AppendFsync: fsync})
		put(t, dial(t, s.URL()), "k", "v")
		s.Kill(t)
		s.Start(t)
		if got := get(t, dial(t, s.URL()), "k"); got != "v" {
			t.Errorf("%s: %q after a crash", fsync, got)
		}
		s.Stop(t)
		s.Start(t)
		if got := get(t, dial(t, s.URL()), "k"); got != "v" {
			t.Errorf("%s: %q after a shutdown", fsync, got)
		}
	}
}

func TestRedisForgets(t *testing.T) {
	s := rig.Redis(t, rig.RedisConfig{TCP: true})
	client := dial(t, s.URL())
	put(t, client, "k", "v")
	s.Flush(t)
	if got := get(t, client, "k"); got != "" {
		t.Errorf("%q after Flush", got)
	}
	put(t, client, "k", "v")
	s.Stop(t)
	s.Start(t)
	if got := get(t, dial(t, s.Through(s.Address())), "k"); got != "" {
		t.Errorf("%q after a start without a log", got)
	}
}

func TestRedisRestored(t *testing.T) {
	for _, fsync := range []string{"always", ""} {
		s := rig.Redis(t, rig.RedisConfig{AppendFsync: fsync})
		put(t, dial(t, s.URL()), "k", "yesterday")
		backup := s.Backup(t)
		put(t, dial(t, s.URL()), "k", "today")
		put(t, dial(t, s.URL()), "new", "today")
		s.Restore(t, backup)
		client := dial(t, s.URL())
		if k, n := get(t, client, "k"), get(t, client, "new"); k != "yesterday" || n != "" {
			t.Errorf("%q: %q and %q after a restore", fsync, k, n)
		}
	}
}

func TestRedisPaused(t *testing.T) {
	s := rig.Redis(t, rig.RedisConfig{})
	client := dial(t, s.URL())
	s.Pause(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := client.Do(ctx, client.B().Ping().Build()).Error(); err == nil {
		t.Error("a paused server answers")
	}
	s.Resume(t)
	if err := client.Do(t.Context(), client.B().Ping().Build()).Error(); err != nil {
		t.Errorf("a connection does not live through a pause: %v", err)
	}
}
