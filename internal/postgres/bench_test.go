package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// Each benchmark measures a floor and the store in turns, in the same run, and reports the medians and their ratio
// beside the budget, as the rate of the store over that of the floor. Run them with -benchtime=6x or more.

// bench is a durable store with sessions, and the bare driver on the same server.
type bench struct {
	s    *Store
	bare *pgxpool.Pool
	app  application.Application
	u    []account.User
	ids  []session.ID
	at   []atomic.Uint32
	tick atomic.Int64
}

const benchSessions = 10_000

func newBench(b *testing.B) *bench {
	b.Helper()
	url := rig.Postgres(b, rig.PostgresConfig{Durable: true}).NewDatabase(b)
	r := &bench{s: open(b, Config{URL: url})}
	p, err := pgxpool.ParseConfig(url)
	if err != nil {
		b.Fatal(err)
	}
	p.MaxConns = defaultConnections
	if r.bare, err = pgxpool.NewWithConfig(b.Context(), p); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(r.bare.Close)
	r.app = r.s.addApplication(b, "app")
	for i := range 100 {
		r.u = append(r.u, r.s.addUser(b, fmt.Sprint("user", i)))
	}
	r.ids, r.at = make([]session.ID, benchSessions), make([]atomic.Uint32, benchSessions)
	share(b, 64, benchSessions, func(i int) error {
		row := withRefresh(draft(r.u[i%len(r.u)], r.app, epochDay.Add(time.Duration(i)*time.Millisecond)))
		r.ids[i] = row.ID
		_, err := r.s.Sessions().Start(context.Background(), starting(row))
		return err
	})
	for _, statement := range []string{
		`CREATE TABLE bare (id uuid PRIMARY KEY, generation bigint NOT NULL, digest bytea NOT NULL, payload bytea NOT NULL) WITH (fillfactor = 90)`,
		`INSERT INTO bare SELECT id, 0, '', refresh FROM tandem.sessions`,
		`VACUUM ANALYZE`,
	} {
		if _, err := r.bare.Exec(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	return r
}

// share runs n operations, shared by so many callers, and answers the time of one.
func share(b testing.TB, callers, n int, op func(i int) error) time.Duration {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for range callers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := op(i); err != nil {
					b.Errorf("operation %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begin) / time.Duration(n)
}

// against runs the floor and ours once an iteration for each number of callers.
func (r *bench) against(b *testing.B, n int, budget float64, floor, ours func(i int) error) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			some := n
			if callers == 1 {
				some = n / 8
			}
			var floors, figures []time.Duration
			for b.Loop() {
				floors = append(floors, share(b, callers, some, floor))
				figures = append(figures, share(b, callers, some, ours))
			}
			f, o := median(floors), median(figures)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(time.Second)/float64(f), "floor/s")
			b.ReportMetric(float64(time.Second)/float64(o), "ours/s")
			b.ReportMetric(float64(f)/float64(o), "ratio")
			b.ReportMetric(budget, "budget")
		})
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// Row 6: a live check beside a read of one row by its key.
func BenchmarkFind(b *testing.B) {
	r := newBench(b)
	r.against(b, 20_000, 0.8, func(i int) error {
		k, _ := key(r.ids[i*7919%benchSessions])
		var payload []byte
		return r.bare.QueryRow(context.Background(), `SELECT payload FROM bare WHERE id = $1`, k).Scan(&payload)
	}, func(i int) error {
		_, err := r.s.Sessions().Find(context.Background(), r.ids[i*7919%benchSessions])
		return err
	})
}

// Row 8: a refresh beside a compare-and-swap of one row.
func BenchmarkRotate(b *testing.B) {
	r := newBench(b)
	swap := make([]atomic.Int64, benchSessions)
	digest := generation(1)
	r.against(b, 8000, 0.75, func(i int) error {
		row := i * 7919 % benchSessions
		k, _ := key(r.ids[row])
		from := swap[row].Add(1) - 1
		tag, err := r.bare.Exec(context.Background(), `UPDATE bare SET generation = generation + 1, digest = $3
			WHERE id = $1 AND generation = $2`, k, from, digest[:])
		if err == nil && tag.RowsAffected() != 1 {
			err = fmt.Errorf("swapped %d rows", tag.RowsAffected())
		}
		return err
	}, func(i int) error {
		row := i * 7919 % benchSessions
		from := r.at[row].Add(1)
		_, err := r.s.Sessions().Rotate(context.Background(), rotation(r.ids[row], from, epochDay.Add(time.Duration(from)*5*time.Minute)))
		return err
	})
}

// Row 8: a refresh beside one in a transaction of its own statements.
func BenchmarkRotateAgainstTransaction(b *testing.B) {
	r := newBench(b)
	swap := make([]atomic.Int64, benchSessions)
	r.against(b, 8000, 2, func(i int) error {
		row := i * 7919 % benchSessions
		k, _ := key(r.ids[row])
		ctx := context.Background()
		t, err := r.bare.Begin(ctx)
		if err != nil {
			return err
		}
		var generation int64
		if err := t.QueryRow(ctx, `SELECT generation FROM bare WHERE id = $1 FOR UPDATE`, k).Scan(&generation); err != nil {
			return err
		}
		swap[row].Add(1)
		if _, err := t.Exec(ctx, `UPDATE bare SET generation = generation + 1 WHERE id = $1`, k); err != nil {
			return err
		}
		return t.Commit(ctx)
	}, func(i int) error {
		row := i * 7919 % benchSessions
		from := r.at[row].Add(1)
		_, err := r.s.Sessions().Rotate(context.Background(), rotation(r.ids[row], from, epochDay.Add(time.Duration(from)*5*time.Minute)))
		return err
	})
}

// The rows of a sign-in beside an insert of one row.
func BenchmarkSignIn(b *testing.B) {
	r := newBench(b)
	payload := make([]byte, 120)
	r.against(b, 8000, 0.5, func(int) error {
		k, _ := key(session.NewID(epochDay.Add(time.Duration(r.tick.Add(1)) * time.Millisecond)))
		_, err := r.bare.Exec(context.Background(), `INSERT INTO bare VALUES ($1, 0, '', $2)`, k, payload)
		return err
	}, func(i int) error {
		row := withRefresh(draft(r.u[i%len(r.u)], r.app, epochDay.Add(time.Duration(r.tick.Add(1))*time.Millisecond)))
		_, err := r.s.Sessions().Start(context.Background(), starting(row))
		return err
	})
}

// Appends wait for each other: one row gives the positions. The floor is an update of one row by everybody.
func BenchmarkAppend(b *testing.B) {
	r := newBench(b)
	if _, err := r.bare.Exec(b.Context(), `CREATE TABLE counter AS SELECT 0::bigint AS n`); err != nil {
		b.Fatal(err)
	}
	r.against(b, 4000, 0.5, func(int) error {
		_, err := r.bare.Exec(context.Background(), `UPDATE counter SET n = n + 1`)
		return err
	}, func(i int) error {
		event := revocation.SessionEvent(string(r.ids[i%benchSessions]))
		_, err := r.s.Log().Append(context.Background(), feed.Append{Events: []revocation.Event{event}, At: epochDay})
		return err
	})
}

// A take beside an upsert of one row of a table that is not logged either.
func BenchmarkTake(b *testing.B) {
	r := newBench(b)
	if _, err := r.bare.Exec(b.Context(), `CREATE UNLOGGED TABLE takes (k text PRIMARY KEY, n bigint NOT NULL)`); err != nil {
		b.Fatal(err)
	}
	policy := limit.Policy{Burst: 1000, Period: time.Minute}
	r.against(b, 20_000, 0.75, func(i int) error {
		_, err := r.bare.Exec(context.Background(),
			`INSERT INTO takes VALUES ($1, 1) ON CONFLICT (k) DO UPDATE SET n = takes.n + 1`, fmt.Sprint(i%1000))
		return err
	}, func(i int) error {
		_, err := r.s.Limits().Take(context.Background(), fmt.Sprint(i%1000), policy, time.Now())
		return err
	})
}
