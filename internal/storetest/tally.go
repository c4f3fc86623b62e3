package storetest

import (
	"fmt"
	"time"

	"tandem.example/tandem/internal/audit"
)

var tallyTests = []test{
	{"entries are counted by step, type, outcome and reason", tallyCounts},
	{"only what is asked for is counted", tallyFilters},
	{"a tally that cannot be counted, or answered, is refused", tallyRefused},
}

// acts writes an entry of the type at each of the times after since.
func (s *scene) acts(since time.Time, t audit.Type, o audit.Outcome, reason string, after ...time.Duration) {
	s.t.Helper()
	var entries []audit.Entry
	for _, d := range after {
		e := audit.New(t, since.Add(d))
		e.Outcome, e.Reason = o, reason
		entries = append(entries, e)
	}
	s.ok(s.Audit().Record(s.ctx, entries...))
}

func tallyCounts(s *scene) {
	since := s.now.Truncate(time.Hour)
	minutes := func(n ...int) (all []time.Duration) {
		for _, m := range n {
			all = append(all, time.Duration(m)*time.Minute)
		}
		return all
	}
	s.acts(since, audit.SignedIn, audit.Done, "of no interest", minutes(0, 1, 59, 60, 179)...)
	s.acts(since, audit.SignedIn, audit.Done, "at all", minutes(2)...)
	s.acts(since, audit.SignInRefused, audit.Refused, "wrong password", minutes(3, 60, 61)...)
	s.acts(since, audit.SignInRefused, audit.Refused, "locked", minutes(3)...)
	s.acts(since, audit.SignedIn, audit.Done, "", -time.Millisecond)
	hour := func(n int) time.Time { return since.Add(time.Duration(n) * time.Hour) }
	refused := []audit.Tally{
		{From: hour(0), Type: audit.SignInRefused, Outcome: audit.Refused, Reason: "locked", Count: 1},
		{From: hour(0), Type: audit.SignInRefused, Outcome: audit.Refused, Reason: "wrong password", Count: 1},
		{From: hour(1), Type: audit.SignInRefused, Outcome: audit.Refused, Reason: "wrong password", Count: 2},
	}
	all := []audit.Tally{
		refused[0], refused[1],
		{From: hour(0), Type: audit.SignedIn, Outcome: audit.Done, Count: 4},
		refused[2],
		{From: hour(1), Type: audit.SignedIn, Outcome: audit.Done, Count: 1},
		{From: hour(2), Type: audit.SignedIn, Outcome: audit.Done, Count: 1},
	}
	s.tallied(all, since, time.Hour, audit.SignedIn, audit.SignInRefused)
	s.tallied(refused, since, time.Hour, audit.SignInRefused, audit.KeyRotated)
	s.tallied(refused[2:], hour(1), time.Hour, audit.SignInRefused)
	s.tallied([]audit.Tally{{From: since, Type: audit.SignedIn, Outcome: audit.Done, Count: 6}}, since, 4*time.Hour, audit.SignedIn)
}

func (s *scene) tallied(want []audit.Tally, since time.Time, step time.Duration, types ...audit.Type) {
	s.t.Helper()
	got, err := s.Audit().Tally(s.ctx, types, since, step)
	s.ok(err)
	s.equal(got, want)
}

func tallyFilters(s *scene) {
	s.user("anna")
	since := s.now.Truncate(24 * time.Hour)
	s.tallied(nil, since, time.Hour)
	s.tallied(nil, since, time.Hour, audit.KeyRotated)
	s.tallied(nil, since.AddDate(0, 0, 1), time.Hour, audit.SignedUp, audit.SignedIn)
	s.tallied([]audit.Tally{{From: s.now.Truncate(time.Hour), Type: audit.SignedUp, Outcome: audit.Done, Count: 1}},
		since, time.Hour, audit.SignedUp, audit.SignedUp)
}

func tallyRefused(s *scene) {
	tally := func(since time.Time, step time.Duration) error {
		_, err := s.Audit().Tally(s.ctx, []audit.Type{audit.SignInRefused}, since, step)
		return err
	}
	since := s.now.Truncate(time.Hour)
	for _, step := range []time.Duration{0, -time.Hour, time.Microsecond, time.Hour + 1} {
		s.is(tally(since, step), audit.ErrStep)
	}
	s.is(tally(time.Time{}, time.Hour), audit.ErrStep)
	for i := range audit.MaxTallies/500 + 1 {
		var entries []audit.Entry
		for j := range 500 {
			e := audit.New(audit.SignInRefused, s.now)
			e.Outcome, e.Reason = audit.Refused, fmt.Sprint("reason ", i, j/100, j%100)
			entries = append(entries, e)
		}
		s.ok(s.Audit().Record(s.ctx, entries...))
	}
	s.is(tally(since, time.Hour), audit.ErrTooManyTallies)
}
