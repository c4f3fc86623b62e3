package redis_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/redis"
	"tandem.example/tandem/internal/session"
)

// callers are how many ask at the same time.
var callers = []int{1, 16, 64}

// parallel shares b.N calls among n callers.
func parallel(b *testing.B, n int, call func(i int) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range n {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= b.N; i = int(next.Add(1)) {
				if err := call(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

func dial(b testing.TB, url string) rueidis.Client {
	b.Helper()
	o := rueidis.MustParseURL(url)
	o.DisableCache = true
	client, err := rueidis.NewClient(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	return client
}

// fixture is a Redis with sessions upon a SQL store.
type fixture struct {
	url    string
	store  *redis.Store
	ids    []session.ID
	starts func(b *testing.B, n int) []session.ID
}

const sessionsThere = 2000

func onMemory(b *testing.B) fixture {
	server := rig.Redis(b, rig.RedisConfig{AppendFsync: "everysec"})
	w := newWorld(b, server.URL())
	s := w.node()
	f := fixture{url: server.URL(), store: s, starts: func(b *testing.B, n int) (ids []session.ID) {
		for range n {
			ids = append(ids, w.start(s).Session.ID)
		}
		return ids
	}}
	f.ids = f.starts(b, sessionsThere)
	return f
}

// BenchmarkLiveCheck is one live check beside a bare GET of a value of the same size.
func BenchmarkLiveCheck(b *testing.B) { liveCheck(b, onMemory(b)) }

func liveCheck(b *testing.B, f fixture) {
	client := dial(b, f.url)
	value := string(make([]byte, 400))
	for i := range sessionsThere {
		if err := client.Do(b.Context(), client.B().Set().Key(fmt.Sprint("bare:", i)).Value(value).Build()).Error(); err != nil {
			b.Fatal(err)
		}
	}
	for _, n := range callers {
		b.Run(fmt.Sprintf("floor/%d", n), func(b *testing.B) {
			ctx := withCancel(b)
			parallel(b, n, func(i int) error {
				return client.Do(ctx, client.B().Get().Key(fmt.Sprint("bare:", i%sessionsThere)).Build()).Error()
			})
		})
		b.Run(fmt.Sprintf("ours/%d", n), func(b *testing.B) {
			ctx := withCancel(b)
			parallel(b, n, func(i int) error {
				v, err := f.store.Sessions().Find(ctx, f.ids[i%len(f.ids)])
				if err == nil {
					err = v.Alive(time.Now())
				}
				return err
			})
		})
	}
}

// withCancel is a context as requests have it.
func withCancel(b *testing.B) context.Context {
	ctx, cancel := context.WithCancel(b.Context())
	b.Cleanup(cancel)
	return ctx
}

// casSource is the least that a refresh can be: a compare-and-set of one value.
const casSource = `if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2]) return 1`

// BenchmarkRefresh is a look and a rotation, as signin does them, beside a bare script of one compare-and-set.
func BenchmarkRefresh(b *testing.B) { refresh(b, onMemory(b)) }

func refresh(b *testing.B, f fixture) {
	client := dial(b, f.url)
	script := rueidis.NewLuaScript(casSource)
	value := string(make([]byte, 400))
	for _, n := range callers {
		b.Run(fmt.Sprintf("floor/%d", n), func(b *testing.B) {
			ctx := withCancel(b)
			parallel(b, n, func(i int) error {
				return script.Exec(ctx, client, []string{fmt.Sprint("bare:", i%sessionsThere)}, []string{"", value}).Error()
			})
		})
		b.Run(fmt.Sprintf("ours/%d", n), func(b *testing.B) {
			ctx := withCancel(b)
			ids := f.starts(b, 4*n)
			locks, generations := make([]sync.Mutex, len(ids)), make([]uint32, len(ids))
			parallel(b, n, func(i int) error {
				i %= len(ids)
				locks[i].Lock()
				defer locks[i].Unlock()
				generations[i]++
				return refreshOnce(ctx, f.store.Sessions(), ids[i], generations[i])
			})
		})
	}
}

func refreshOnce(ctx context.Context, s session.Store, id session.ID, generation uint32) error {
	now := time.Now()
	v, err := s.Find(ctx, id)
	if err != nil {
		return err
	}
	_, err = s.Rotate(ctx, session.Rotation{ID: id, Generation: generation, Digest: token(generation),
		Next: token(generation + 1), Sealed: make([]byte, 40), At: now, IdleExpiresAt: v.Session.IdleDeadline(now)})
	return err
}
