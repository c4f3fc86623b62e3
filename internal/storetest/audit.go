package storetest

import (
	"fmt"
	"sync"
	"time"

	"tandem.example/tandem/internal/audit"
)

var auditTests = []test{
	{"an entry is kept whole", entryIsKept},
	{"list is newest first and pages by cursor", trailPages},
	{"list filters by user, type, outcome and time", trailFilters},
	{"prune deletes the oldest, and no more than asked", trailPrune},
	{"entries written side by side are all kept", trailParallel},
}

func entryIsKept(s *scene) {
	full := audit.Entry{
		ID: "aud_zzzzzzzzzzzzzzzzzzzzzzzzzz", At: s.now, Type: audit.SignInRefused, Actor: "operator", User: "usr_1",
		Target: "ses_1", IP: "2001:db8::1", Reason: "it's \"quoted\" – ünïcode", Outcome: audit.Refused, RequestID: "r1",
	}
	bare := audit.Entry{ID: "aud_zzzzzzzzzzzzzzzzzzzzzzzzzy", At: s.now, Type: audit.SignedIn, Outcome: audit.Done}
	s.ok(s.Audit().Record(s.ctx, bare, full))
	s.equal(s.trail()[:2], []audit.Entry{full, bare})
	s.ok(s.Audit().Record(s.ctx))
}

// record writes n entries of the type, one a second, and answers them newest first.
func (s *scene) record(n int, t audit.Type) (entries []audit.Entry) {
	s.t.Helper()
	for i := range n {
		s.now = s.now.Add(time.Second)
		e := s.entry(t)
		e.User = fmt.Sprintf("usr_%d", i%2)
		s.ok(s.Audit().Record(s.ctx, e))
		entries = append([]audit.Entry{e}, entries...)
	}
	return entries
}

func trailPages(s *scene) {
	want := s.record(7, audit.SignedOut)
	var got []audit.Entry
	q := audit.Query{Type: audit.SignedOut, Limit: 3}
	for _, size := range []int{3, 3, 1, 0} {
		page, err := s.Audit().List(s.ctx, q)
		s.ok(err)
		s.equal(len(page), size)
		got = append(got, page...)
		if size > 0 {
			q.Before = page[size-1].ID
		}
	}
	s.equal(got, want)
}

func trailFilters(s *scene) {
	out := s.record(4, audit.SignedOut)
	in := s.record(4, audit.SignedIn)
	s.now = s.now.Add(time.Second)
	no := s.entry(audit.SignInRefused)
	no.User, no.Outcome = "usr_1", audit.Refused
	s.ok(s.Audit().Record(s.ctx, no))
	for _, c := range []struct {
		q    audit.Query
		want []audit.Entry
	}{
		{audit.Query{User: "usr_1"}, []audit.Entry{no, in[0], in[2], out[0], out[2]}},
		{audit.Query{User: "usr_1", Outcome: audit.Done}, []audit.Entry{in[0], in[2], out[0], out[2]}},
		{audit.Query{Outcome: audit.Refused}, []audit.Entry{no}},
		{audit.Query{Outcome: audit.Refused, Type: audit.SignedIn}, nil},
		{audit.Query{Outcome: "nonsense"}, nil},
		{audit.Query{User: "usr_1", Type: audit.SignedOut}, []audit.Entry{out[0], out[2]}},
		{audit.Query{Since: in[1].At}, []audit.Entry{no, in[0], in[1]}},
		{audit.Query{Since: in[3].At, Until: in[0].At}, in[1:]},
		{audit.Query{Since: in[0].At, Until: in[0].At}, nil},
		{audit.Query{Until: in[3].At, Type: audit.SignedOut}, out},
		{audit.Query{Until: out[0].At, User: "usr_1"}, out[2:3]},
		{audit.Query{Since: out[3].At, Until: in[0].At, Before: out[1].ID}, out[2:]},
		{audit.Query{Since: out[3].At, Until: out[1].At, Before: in[0].ID}, out[2:]},
		{audit.Query{Since: out[3].At, Until: s.now.AddDate(5000, 0, 0), Outcome: audit.Refused}, []audit.Entry{no}},
		{audit.Query{Until: time.UnixMilli(-1)}, nil},
		{audit.Query{Since: in[3].At, User: "usr_0", Before: in[1].ID}, in[3:]},
		{audit.Query{User: "usr_9"}, nil},
	} {
		c.q.Limit = 100
		got, err := s.Audit().List(s.ctx, c.q)
		s.ok(err)
		s.equal(got, c.want)
	}
}

func trailPrune(s *scene) {
	s.now = s.now.Add(time.Hour)
	entries := s.record(6, audit.SignedOut)
	older, err := s.Audit().Prune(s.ctx, entries[5].At, 100)
	s.ok(err)
	s.equal(older, 1) // of the scene's application
	for _, want := range []int{2, 1, 0} {
		n, err := s.Audit().Prune(s.ctx, entries[2].At, 2)
		s.ok(err)
		s.equal(n, want)
		if want == 2 {
			s.equal(s.trail(), entries[:4]) // the two oldest went first
		}
	}
	s.equal(s.trail(), entries[:3])
}

func trailParallel(s *scene) {
	const writers, each = 8, 25
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if err := s.Audit().Record(s.ctx, audit.New(audit.SignedOut, s.now)); err != nil {
					s.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got, err := s.Audit().List(s.ctx, audit.Query{Type: audit.SignedOut, Limit: 1000})
	s.ok(err)
	s.equal(len(got), writers*each)
}
