package redis_test

import (
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/session"
)

// Redis forgets sessions by itself. What names them goes too: from the indexes of the buckets by Sweep, from those of
// users as they sign in.
func TestIndexesDoNotGrow(t *testing.T) {
	server := rig.Redis(t, rig.RedisConfig{})
	w := newWorld(t, server.URL())
	s := w.node()
	client := dial(t, server.URL())
	start := func(made time.Time) {
		one := draft(w.user, w.app)
		one.ID = session.NewID(made)
		_, err := s.Sessions().Start(t.Context(), session.Start{Session: one, AccountRevision: 1})
		w.ok(err)
	}
	const many = 100
	for range many {
		start(time.Now().Add(-time.Hour))
	}
	keys, err := client.Do(t.Context(), client.B().Keys().Pattern(w.config.Prefix+":*").Build()).AsStrSlice()
	w.ok(err)
	users, index := "", []string(nil)
	for _, key := range keys {
		switch {
		case strings.Contains(key, "}:s:"):
			w.ok(client.Do(t.Context(), client.B().Del().Key(key).Build()).Error()) // as if it had expired
		case strings.Contains(key, "}:u:"):
			users = key
		case strings.HasSuffix(key, "}:i"):
			index = append(index, key)
		}
	}
	size := func(key string) int {
		n, err := client.Do(t.Context(), client.B().Zcard().Key(key).Build()).AsInt64()
		w.ok(err)
		return int(n)
	}
	for range 200 {
		start(time.Now())
	}
	if n := size(users); n > 200 {
		t.Errorf("the user's index names %d sessions of which 200 are there", n)
	}
	n, err := s.Sessions().Sweep(t.Context(), time.Now().Add(-24*time.Hour), 1000)
	w.ok(err)
	for _, key := range index {
		n += size(key)
	}
	if n > 200 {
		t.Errorf("the indexes of the buckets name %d sessions of which 200 are there", n)
	}
	found, err := s.Sessions().List(t.Context(), session.Query{User: w.user.ID})
	w.ok(err)
	if len(found) != 200 {
		t.Errorf("%d are listed", len(found))
	}
}
