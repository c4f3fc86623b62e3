package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// crowd is a store with many sessions, of half as many users.
type crowd struct {
	s    *Store
	dir  string
	ids  []session.ID
	from []atomic.Uint32 // generation of each refresh token
}

func newCrowd(b *testing.B, n int, jwt bool) *crowd {
	b.Helper()
	c := &crowd{dir: b.TempDir(), ids: make([]session.ID, n), from: make([]atomic.Uint32, n)}
	c.s = open(b, Config{Dir: c.dir})
	app := c.s.addApplication(b, "app")
	users := make([]account.User, n/2)
	for i := range users {
		users[i] = account.User{
			ID: account.NewID(epochDay), Email: fmt.Sprintf("user%d@example.com", i), Name: fmt.Sprintf("User %d", i),
			Roles: []string{"reader"}, Status: account.Active, CreatedAt: epochDay, Revision: 1,
		}
	}
	const part = 10_000
	for first := 0; first < len(users); first += part {
		some := users[first:min(first+part, len(users))]
		each(b, len(some), func(i int) error {
			return c.s.SignIn().Register(context.Background(), signin.Registration{User: some[i]})
		})
	}
	for first := 0; first < n; first += part {
		bulk(b, c.s, min(part, n-first), func(i int) session.Session {
			i += first
			row := c.row(users[rand.IntN(len(users))], app, i, jwt)
			c.ids[i] = row.ID
			return row
		})
	}
	return c
}

// row is one of 25 sessions a second.
func (c *crowd) row(u account.User, app application.Application, i int, jwt bool) session.Session {
	row := draft(u, app, epochDay.Add(time.Duration(i)*40*time.Millisecond))
	if jwt {
		row = withRefresh(row)
		row.Refresh.Previous, row.Refresh.Sealed = generation(0), make([]byte, 40) // as after the first refresh
	}
	return row
}

func (c *crowd) rotate(i int) error {
	from := c.from[i].Add(1)
	at := epochDay.Add(24*time.Hour + time.Duration(from)*5*time.Minute)
	_, err := c.s.Sessions().Rotate(context.Background(), rotation(c.ids[i], from, at))
	return err
}

// diskBytes are the bytes of the sessions and their indexes.
func (c *crowd) diskBytes(b *testing.B) float64 {
	var bytes int64
	err := c.s.read.db.QueryRow(`SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'sessions%'`).Scan(&bytes)
	if err != nil {
		b.Fatal(err)
	}
	return float64(bytes) / float64(len(c.ids))
}

// processorTime is what this process has used so far. Where nothing waits it says the same as a clock, and other
// processes do not disturb it.
func processorTime(b *testing.B) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// Rows 13 and 14: from a thousand sessions to a million. The sessions asked for are as many as the mirror holds, since
// that is what it is for; "cold" are those it does not hold.
func BenchmarkGrowth(b *testing.B) {
	const small, large = 1000, 1_000_000
	few, many := newCrowd(b, small, true), newCrowd(b, large, true)
	pick := func(c *crowd) int { return len(c.ids) - 1 - rand.IntN(min(len(c.ids), 100_000)) }
	find := func(c *crowd, pick func() int) func() time.Duration {
		return func() time.Duration {
			const n = 20_000
			for range n { // into the mirror, and the processor's caches
				c.s.Sessions().Find(context.Background(), c.ids[pick()])
			}
			begin := processorTime(b)
			for range n {
				if _, err := c.s.Sessions().Find(context.Background(), c.ids[pick()]); err != nil {
					b.Fatal(err)
				}
			}
			return (processorTime(b) - begin) / n
		}
	}
	b.Run("live check", func(b *testing.B) {
		rounds(b, 2, false, find(few, func() int { return pick(few) }), find(many, func() int { return pick(many) }))
	})
	b.Run("refresh", func(b *testing.B) {
		refresh := func(c *crowd) func() time.Duration {
			const n, stride = 10_000, 7919 // scattered, and no session twice at a time
			round := 0
			return func() time.Duration {
				round++
				return each(b, n, func(i int) error { return c.rotate((round*n + i) * stride % len(c.ids)) })
			}
		}
		rounds(b, 2, false, refresh(few), refresh(many))
	})
	b.Run("start", func(b *testing.B) {
		dir := b.TempDir()
		open(b, Config{Dir: dir}).Close()
		many.s.Close()
		start := func(dir string) func() time.Duration {
			return func() time.Duration {
				begin := time.Now()
				s, err := Open(b.Context(), Config{Dir: dir})
				if err != nil {
					b.Fatal(err)
				}
				took := time.Since(begin)
				s.Close()
				return took
			}
		}
		rounds(b, 2, false, start(dir), start(many.dir))
	})
	b.Run("disk", func(b *testing.B) {
		many.s = open(b, Config{Dir: many.dir}) // closed by the one before
		for b.Loop() {
		}
		b.ReportMetric(many.diskBytes(b), "B/session")
		b.ReportMetric(450, "budget")
	})
}

// The bytes of memory that a mirrored session takes with its user, where each is another user's.
func BenchmarkMirrorMemory(b *testing.B) {
	const n = 200_000
	m := newMirror(2 * n)
	v := fullView()
	v.Session.Refresh, v.Session.EndReason, v.Session.EndedAt = session.Refresh{}, "", time.Time{}
	v.Session.Device, v.Session.IP = "Firefox on Linux", "203.0.113.77"
	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heap()
	for range n {
		v.Session.ID, v.User.ID = session.NewID(epochDay), account.NewID(epochDay)
		k, _ := keyOf(string(v.Session.ID))
		m.fill(k, m.ticket(k), &v)
	}
	after := heap()
	for b.Loop() {
	}
	b.ReportMetric(float64(after-before)/n, "B/session")
	runtime.KeepAlive(m)
}
