package sqlite

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/session"
)

// Each benchmark measures a floor and the store in turns, in the same run, and reports the medians and their ratio
// beside the budget. Run them with -benchtime=6x or more.

// rounds runs both once an iteration and reports the median time of one operation of each. The ratio is reported as
// floor over ours if more is better, as ours over floor if less is.
func rounds(b *testing.B, budget float64, moreIsBetter bool, floor, ours func() time.Duration) {
	b.Helper()
	var floors, figures []time.Duration
	for b.Loop() {
		floors = append(floors, floor())
		figures = append(figures, ours())
	}
	f, o := median(floors), median(figures)
	ratio := float64(o) / float64(f)
	if moreIsBetter {
		ratio = 1 / ratio
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(f), "floor-ns")
	b.ReportMetric(float64(o), "ours-ns")
	b.ReportMetric(ratio, "ratio")
	b.ReportMetric(budget, "budget")
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

const callers = 64

// each runs n operations, shared by so many callers, and answers the time of one.
func each(b *testing.B, n int, op func(i int) error) time.Duration {
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

// Row 7: a refresh by 64 callers, grouped and one commit a call.
func BenchmarkRefreshGrouped(b *testing.B) {
	grouped, alone := newRefreshes(b, Config{}), newRefreshes(b, Config{MaxBatch: 1})
	rounds(b, 8, true,
		func() time.Duration { return each(b, 3000, alone.rotate) },
		func() time.Duration { return each(b, 30000, grouped.rotate) })
	stats := grouped.s.Stats()
	b.ReportMetric(float64(stats.Writes)/float64(stats.Batches), "writes/commit")
}

// refreshes are sessions whose refresh tokens are rotated, one after another.
type refreshes struct {
	s    *Store
	rows []session.ID
	at   []atomic.Uint32
}

func newRefreshes(b *testing.B, c Config) *refreshes {
	s := open(b, c)
	app, u := s.addApplication(b, "app"), s.addUser(b, "anna")
	const n = 10_000
	r := &refreshes{s: s, rows: make([]session.ID, n), at: make([]atomic.Uint32, n)}
	bulk(b, s, n, func(i int) session.Session {
		row := withRefresh(draft(u, app, epochDay.Add(time.Duration(i)*time.Millisecond)))
		r.rows[i] = row.ID
		return row
	})
	return r
}

// bulk starts n sessions, many at a time.
func bulk(b *testing.B, s *Store, n int, row func(i int) session.Session) {
	b.Helper()
	rows := make([]session.Session, n)
	for i := range rows {
		rows[i] = row(i)
	}
	each(b, n, func(i int) error {
		_, err := s.Sessions().Start(b.Context(), session.Start{
			Session: rows[i], AccountRevision: 1, Audit: audit.New(audit.SignedIn, rows[i].CreatedAt),
		})
		return err
	})
}

func (r *refreshes) rotate(i int) error {
	row := i % len(r.rows)
	from := r.at[row].Add(1)
	at := epochDay.Add(time.Duration(from) * 5 * time.Minute)
	_, err := r.s.Sessions().Rotate(context.Background(), rotation(r.rows[row], from, at))
	return err
}

// Row 7: the rows of a sign-in by 64 callers, grouped and one commit a call.
func BenchmarkSignInGrouped(b *testing.B) {
	grouped, alone := newSignIns(b, Config{}), newSignIns(b, Config{MaxBatch: 1})
	rounds(b, 8, true,
		func() time.Duration { return each(b, 3000, alone.signIn) },
		func() time.Duration { return each(b, 30000, grouped.signIn) })
	stats := grouped.s.Stats()
	b.ReportMetric(float64(stats.Writes)/float64(stats.Batches), "writes/commit")
}

type signIns struct {
	s    *Store
	app  application.Application
	u    []account.User
	tick atomic.Int64
}

func newSignIns(b *testing.B, c Config) *signIns {
	r := &signIns{s: open(b, c)}
	r.app = r.s.addApplication(b, "app")
	for i := range 100 {
		r.u = append(r.u, r.s.addUser(b, "user"+string(rune('a'+i%26))+string(rune('a'+i/26))))
	}
	return r
}

func (r *signIns) signIn(i int) error {
	now := epochDay.Add(time.Duration(r.tick.Add(1)) * time.Millisecond)
	entry := audit.New(audit.SignedIn, now)
	entry.User, entry.IP, entry.Actor = string(r.u[i%len(r.u)].ID), "203.0.113.77", string(r.u[i%len(r.u)].ID)
	_, err := r.s.Sessions().Start(context.Background(), session.Start{
		Session: withRefresh(draft(r.u[i%len(r.u)], r.app, now)), AccountRevision: 1, Audit: entry,
	})
	return err
}

// Row 5: a live check in process, from the mirror, beside the prepared read it spares.
func BenchmarkFind(b *testing.B) {
	const n = 10_000
	for name, mirror := range map[string]int{"mirror": 0, "database": -1} {
		s := open(b, Config{MirrorSessions: mirror})
		app, u := s.addApplication(b, "app"), s.addUser(b, "anna")
		ids := make([]session.ID, n)
		bulk(b, s, n, func(i int) session.Session {
			row := draft(u, app, epochDay.Add(time.Duration(i)*time.Millisecond))
			ids[i] = row.ID
			return row
		})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := s.Sessions().Find(b.Context(), ids[i*7919%n]); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if _, err := s.Sessions().Find(context.Background(), ids[i*7919%n]); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
