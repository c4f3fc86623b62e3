package main

import (
	"net/http"
	"strconv"

	"tandem.example/tandem/verify/verifytest"
)

var bareHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })

// Row 4: a handler behind Protect over HTTP, its token remembered, beside the bare handler, both with the same requests.
func protect(b *bench) error {
	s := b.newIssuer()
	defer s.close()
	v, err := s.verifier(b.ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	compact := s.SignIn(verifytest.User{Roles: []string{"customer", "support"}}).AccessToken()
	var added result
	err = b.compareHTTP(web{
		row: "4", work: "Protect over HTTP, cached", budget: atLeast(0.80, "x the rate"), n: 20_000,
		floor: bareHandler, floorStatus: http.StatusNoContent,
		ours: v.Protect(bareHandler), oursStatus: http.StatusNoContent,
		request: func(address string, _ int) []byte { return request("GET", address, "/", compact, "") },
		finish: func(r *result, d duel) {
			r.note("%.1f allocations a request more", d.extra(sample.allocsEach))
			added = result{Row: "4", Work: "Protect: processor time added", Floor: nanos(of(d.floor, sample.cpuNS)), Ours: nanos(of(d.ours, sample.cpuNS)),
				Value: d.extra(sample.cpuNS) / 1e3, Budget: new(within(2.5, "us more"))}
			added.CPU = added.Value
		},
	})
	if err == nil {
		b.add(added)
	}
	return err
}

// canned answers the same bytes each time, as JSON: what a handler that had nothing to do would answer.
func canned(body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if len(body) > 1<<11 { // up to there net/http tells the length by itself
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		}
		_, _ = w.Write(body)
	})
}

// web is a comparison of two handlers over HTTP.
type web struct {
	row, work               string
	budget                  limit
	n                       int // requests a round
	floor, ours             http.Handler
	floorStatus, oursStatus int
	variety                 int // how many different requests there are; 1 if zero
	request                 func(address string, i int) []byte
	finish                  func(*result, duel)
}

// compareHTTP loads both in turns. The processor time is that of client and server; the client's is the same for both.
func (b *bench) compareHTTP(c web) error {
	floor, err := c.side(c.floor, c.floorStatus)
	if err != nil {
		return err
	}
	defer floor.close()
	ours, err := c.side(c.ours, c.oursStatus)
	if err != nil {
		return err
	}
	defer ours.close()
	d, err := b.fight(func() (sample, error) { return floor.run(c.n) }, func() (sample, error) { return ours.run(c.n) })
	if err != nil {
		return err
	}
	r := result{Row: c.row, Work: c.work, Floor: perSecond(of(d.floor, sample.rate)), Ours: perSecond(of(d.ours, sample.rate)),
		Value: d.ratio(sample.rate), CPU: 1 / d.ratio(sample.cpuNS), Budget: &c.budget}
	if c.finish != nil {
		c.finish(&r, d)
	}
	b.add(r)
	return nil
}

// side is one of the two, with its server, connections and requests.
type side struct {
	server   *server
	loader   *loader
	requests [][]byte
	order    []int
}

func (c web) side(h http.Handler, status int) (*side, error) {
	srv, err := serve(h)
	if err != nil {
		return nil, err
	}
	s := &side{server: srv}
	if s.loader, err = newLoader(srv.address, status); err != nil {
		srv.close()
		return nil, err
	}
	s.requests = make([][]byte, max(1, c.variety))
	for i := range s.requests {
		s.requests[i] = c.request(srv.address, i)
	}
	if s.order = make([]int, 1<<16); len(s.requests) > 1 {
		s.order = zipf(len(s.requests))
	}
	return s, nil
}

func (s *side) run(n int) (sample, error) {
	return s.loader.run(n, func(i int) []byte { return s.requests[s.order[i&(len(s.order)-1)]] })
}

func (s *side) close() {
	s.loader.close()
	s.server.close()
}
