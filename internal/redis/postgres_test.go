package redis_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/postgres"
	"tandem.example/tandem/internal/redis"
	"tandem.example/tandem/internal/storetest"
)

// upon is the whole store: sessions in Redis, the rest in PostgreSQL.
type upon struct {
	*redis.Store
	beneath
}

type beneath struct{ *postgres.Store }

var schemas atomic.Int64

func onPostgres(t testing.TB, c redis.Config) (*redis.Store, *postgres.Store) {
	t.Helper()
	p, err := postgres.Open(t.Context(), postgres.Config{
		URL: rig.SharedPostgres(t).URL(), Schema: fmt.Sprintf("redis%d", schemas.Add(1)), Connections: 8,
		Timeout: 20 * time.Second, InsecureAllowAsyncCommit: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Base = redis.Base{Ledger: p.Ledger(), SignIn: p.SignIn(), Log: p.Log(), Whole: p}
	return opened(t, c), p
}

func TestStoreOnPostgres(t *testing.T) {
	server := rig.Redis(t, rig.RedisConfig{})
	storetest.Run(t, func(t *testing.T) storetest.Store {
		s, p := onPostgres(t, configOn(server.URL(), nil))
		return upon{s, beneath{p}}
	})
}
