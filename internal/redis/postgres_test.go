package redis_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/postgres"
	"tandem.example/tandem/internal/redis"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
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

// onPostgresToo is the fixture upon PostgreSQL, which is asked how the sessions stand.
func onPostgresToo(b *testing.B) fixture {
	server := rig.Redis(b, rig.RedisConfig{AppendFsync: "everysec"})
	s, p := onPostgres(b, configOn(server.URL(), nil))
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	w := &world{TB: b}
	now := time.Now()
	w.app = application.Application{ID: application.NewID(now), Name: "app", Kind: application.User, Mode: application.ModeJWT, CreatedAt: now}
	w.ok(p.Applications().Create(b.Context(), w.app))
	w.user = account.User{ID: account.NewID(now), Email: "anna@example.com", Status: account.Active, CreatedAt: now, Revision: 1}
	w.ok(p.SignIn().Register(b.Context(), signin.Registration{User: w.user}))
	f := fixture{url: server.URL(), store: s, starts: func(_ *testing.B, n int) (ids []session.ID) {
		for range n {
			ids = append(ids, w.start(s).Session.ID)
		}
		return ids
	}}
	f.ids = f.starts(b, sessionsThere)
	return f
}

func BenchmarkLiveCheckUponPostgres(b *testing.B) { liveCheck(b, onPostgresToo(b)) }

func BenchmarkRefreshUponPostgres(b *testing.B) { refresh(b, onPostgresToo(b)) }
