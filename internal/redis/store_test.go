package redis_test

import (
	"crypto/rand"
	"log/slog"
	"testing"

	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/redis"
	"tandem.example/tandem/internal/storetest"
)

// joined is the whole store: sessions in Redis, the rest in memory.
type joined struct {
	*redis.Store
	under
}

// under lies one level deeper, so that what Redis has goes before it.
type under struct{ *memory.Store }

func base(m *memory.Store) redis.Base {
	return redis.Base{Ledger: m.Ledger(), SignIn: m.SignIn(), Log: m.Log(), Whole: m}
}

func configOn(url string, m *memory.Store) redis.Config {
	c := redis.Config{URL: url, Prefix: rand.Text(), InsecureAllowVolatile: true, Log: slog.New(slog.DiscardHandler)}
	if m != nil {
		c.Base = base(m)
	}
	return c
}

func opened(t testing.TB, c redis.Config) *redis.Store {
	t.Helper()
	s, err := redis.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	server := rig.Redis(t, rig.RedisConfig{})
	storetest.Run(t, func(t *testing.T) storetest.Store {
		m := memory.Open(memory.Options{})
		return joined{opened(t, configOn(server.URL(), m)), under{m}}
	})
}

func TestStoreOnACluster(t *testing.T) {
	cluster := rig.RedisCluster(t)
	storetest.Run(t, func(t *testing.T) storetest.Store {
		m := memory.Open(memory.Options{})
		return joined{opened(t, configOn(cluster.URL(), m)), under{m}}
	})
}
