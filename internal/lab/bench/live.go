package main

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"

	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/sqlite"
)

// sessions is how many the large store has.
func (b *bench) sessions() int {
	if b.full {
		return 1_000_000
	}
	return 100_000
}

// Row 5: the live check with session tokens drawn by Zipf's law, over HTTP beside the bare handler and in process.
func liveCheck(b *bench) error {
	s, err := b.store(kind{sessions: b.sessions()})
	if err != nil {
		return err
	}
	if err := b.liveOverHTTP(s); err != nil {
		return err
	}
	return b.find(s)
}

func (b *bench) liveOverHTTP(s *stored) error {
	server, err := b.open(s.dir)
	if err != nil {
		return err
	}
	w, req := httptest.NewRecorder(), httptest.NewRequestWithContext(b.ctx, http.MethodGet, server.Issuer()+"/v1/session", nil)
	req.Header.Set("Authorization", "Bearer "+s.tokens[0])
	server.ServeHTTP(w, req)
	err = b.compareHTTP(web{
		row: "5", work: fmt.Sprintf("GET /v1/session, SQLite, %d sessions", len(s.ids)), budget: atLeast(0.75, "x the rate"), n: 20_000,
		floor: canned(w.Body.Bytes()), floorStatus: http.StatusOK, ours: server, oursStatus: http.StatusOK, variety: len(s.tokens),
		request: func(address string, i int) []byte { return request("GET", address, "/v1/session", s.tokens[i], "") },
		finish: func(r *result, d duel) {
			r.note("the floor is a bare handler that writes the same %d bytes; ours costs %+.2f us of processor time and %+.0f allocations a request",
				w.Body.Len(), d.extra(sample.cpuNS)/1e3, d.extra(sample.allocsEach))
		},
	})
	return errors.Join(err, server.Close())
}

// find measures the store's part: from the mirror, and without it. The floor is the bare driver reading one row.
func (b *bench) find(s *stored) error {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.dir, sqlite.DatabaseFile)+"?_pragma=query_only(1)")
	if err != nil {
		return err
	}
	defer db.Close()
	read, err := db.PrepareContext(b.ctx, "SELECT user, application, expires_at, ended_at, token FROM sessions WHERE id = ?")
	if err != nil {
		return err
	}
	defer read.Close()
	ids := make([]session.ID, 0, 1<<16)
	for _, i := range zipf(len(s.ids)) {
		ids = append(ids, s.ids[i])
	}
	floor := func(i int) error {
		var user, app, expires, ended int64
		var token []byte
		return read.QueryRowContext(b.ctx, string(ids[i&(len(ids)-1)])).Scan(&user, &app, &expires, &ended, &token)
	}
	for _, mirror := range []int{0, -1} {
		if err := b.findIn(s, mirror, floor, ids); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) findIn(s *stored, mirror int, floor func(int) error, ids []session.ID) error {
	before := heap()
	st, err := sqlite.Open(b.ctx, sqlite.Config{Dir: s.dir, MirrorSessions: mirror})
	if err != nil {
		return err
	}
	defer st.Close()
	find := func(i int) error {
		_, err := st.Sessions().Find(b.ctx, ids[i&(len(ids)-1)])
		return err
	}
	n := 5_000
	r := result{Row: "5", Work: "in process, without the mirror"}
	if mirror >= 0 {
		n = 200_000
		held := min(len(s.ids), 100_000)
		if _, err := apart(held, runtime.GOMAXPROCS(0), func(i int) error {
			_, err := st.Sessions().Find(b.ctx, s.ids[i])
			return err
		}); err != nil {
			return err
		}
		r.Work, r.Budget = "in process, from the mirror", new(within(0.5, "us"))
		r.note("%.0f bytes of memory a mirrored session with its user", (heap()-before)/float64(held))
	}
	d, err := b.fight(
		func() (sample, error) { return each(5_000, floor) },
		func() (sample, error) { return each(n, find) })
	if err != nil {
		return err
	}
	r.Floor, r.Ours = nanos(of(d.floor, sample.wallNS)), nanos(of(d.ours, sample.wallNS))
	if r.Budget != nil {
		r.Value, r.CPU = of(d.ours, sample.wallNS)/1e3, of(d.ours, sample.cpuNS)/1e3
	} else {
		r.Value, r.CPU = d.ratio(sample.wallNS), d.ratio(sample.cpuNS)
	}
	r.note("the floor is the bare driver reading the row: %s x its time; %.1f allocations", digits(d.ratio(sample.wallNS)), d.allocs())
	b.add(r)
	return nil
}
