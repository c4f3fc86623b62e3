package main

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"

	"tandem.example/tandem/internal/sqlite"
)

// Row 14: how the live check, the refresh and the database grow from 1,000 sessions on.
func growth(b *bench) error {
	ladder := []int{10_000, 100_000}
	if b.full {
		ladder = append(ladder, 1_000_000)
	}
	const least = 1_000
	for _, n := range ladder {
		if err := b.growLive(least, n); err != nil {
			return err
		}
		if err := b.growRefresh(least, n); err != nil {
			return err
		}
	}
	for _, refresh := range []bool{false, true} {
		s, err := b.store(kind{sessions: ladder[len(ladder)-1], refresh: refresh})
		if err != nil {
			return err
		}
		if err := b.onDisk(s, refresh); err != nil {
			return err
		}
	}
	return nil
}

// growLive compares GET /v1/session over HTTP at two sizes, every session as often as any other.
func (b *bench) growLive(small, large int) error {
	sizes, sides, stores := []int{small, large}, make([]*side, 2), make([]*stored, 2)
	for i, n := range sizes { // before any connection is made, which would not wait for it
		var err error
		if stores[i], err = b.store(kind{sessions: n}); err != nil {
			return err
		}
	}
	for i, n := range sizes {
		s := stores[i]
		server, err := b.open(s.dir)
		if err != nil {
			return err
		}
		defer server.Close()
		sides[i], err = web{variety: n, request: func(address string, i int) []byte {
			return request("GET", address, "/v1/session", s.tokens[i], "")
		}}.side(server, http.StatusOK)
		if err != nil {
			return err
		}
		defer sides[i].close()
		for k := range sides[i].order {
			sides[i].order[k] = k * 7919 % n // a prime: all of them in turn, none beside the one before
		}
	}
	const n = 20_000
	d, err := b.fight(func() (sample, error) { return sides[0].run(n) }, func() (sample, error) { return sides[1].run(n) })
	if err != nil {
		return err
	}
	b.add(result{Row: "14", Work: fmt.Sprintf("GET /v1/session at %d against %d", large, small), Floor: nanos(of(d.floor, sample.wallNS)),
		Ours: nanos(of(d.ours, sample.wallNS)), Value: d.ratio(sample.wallNS), CPU: d.ratio(sample.cpuNS), Budget: new(atMost(2, "x"))})
	return nil
}

// growRefresh compares the rows of refreshes by 64 callers at two sizes: found and then rotated, as the service does.
// Every session has been seen before, as it has been on a server that runs for more than a token's life.
func (b *bench) growRefresh(small, large int) error {
	sides := make([]func() (sample, error), 2)
	for i, n := range []int{small, large} {
		s, err := b.store(kind{sessions: n, refresh: true})
		if err != nil {
			return err
		}
		s, err = b.copyOf(s, fmt.Sprintf("grow-%d-of-%d", n, large))
		if err != nil {
			return err
		}
		st, err := sqlite.Open(b.ctx, sqlite.Config{Dir: s.dir})
		if err != nil {
			return err
		}
		defer st.Close()
		if _, err := apart(n, runtime.GOMAXPROCS(0), func(i int) error {
			_, err := st.Sessions().Find(b.ctx, s.ids[i])
			return err
		}); err != nil {
			return err
		}
		r, next := rotating(st.Sessions(), s.ids), 0
		sides[i] = func() (sample, error) {
			const n = 10_000
			first := next
			next += n
			return together(n, writers, func(i int) error {
				k := (first + i) * 7919 % len(s.ids)
				if _, err := st.Sessions().Find(b.ctx, s.ids[k]); err != nil {
					return err
				}
				return r.rotate(b.ctx, k)
			})
		}
	}
	d, err := b.fight(sides[0], sides[1])
	if err != nil {
		return err
	}
	b.add(result{Row: "14", Work: fmt.Sprintf("refresh rows at %d against %d", large, small), Floor: nanos(of(d.floor, sample.wallNS)),
		Ours: nanos(of(d.ours, sample.wallNS)), Value: d.ratio(sample.wallNS), CPU: d.ratio(sample.cpuNS), Budget: new(atMost(2, "x"))})
	return nil
}

// onDisk measures what the sessions and their indexes take of the database file.
func (b *bench) onDisk(s *stored, refresh bool) (err error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.dir, sqlite.DatabaseFile)+"?_pragma=query_only(1)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var all, sessions, audit float64
	row := db.QueryRowContext(b.ctx, `SELECT sum(d.pgsize), sum(iif(m.tbl_name = 'sessions', d.pgsize, 0)), sum(iif(m.tbl_name = 'audit', d.pgsize, 0))
		FROM dbstat d LEFT JOIN sqlite_schema m ON m.name = d.name`)
	if err := row.Scan(&all, &sessions, &audit); err != nil {
		return fmt.Errorf("ask for the size of tables: %w", err)
	}
	n := float64(len(s.ids))
	what := "with a session token"
	if refresh {
		what = "with a refresh token"
	}
	r := result{Row: "14", Work: "bytes a session on disk, " + what, Floor: "-", Ours: digits(sessions/n) + " B", Value: sessions / n, Budget: new(atMost(450, "B"))}
	r.note("with its indexes; besides, %.0f bytes of audit trail a sign-in, and %.0f of the rest a session", audit/n, (all-sessions-audit)/n)
	b.add(r)
	return nil
}
