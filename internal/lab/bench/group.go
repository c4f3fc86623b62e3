package main

import (
	"errors"
	"fmt"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/sqlite"
)

// Row 7: rows of refresh and sign-in, written by 64 callers: one commit for all that wait beside one commit a call.
func groupCommit(b *bench) error {
	s, err := b.store(kind{sessions: 10_000, refresh: true})
	if err != nil {
		return err
	}
	alone, err := b.copyOf(s, "alone")
	if err != nil {
		return err
	}
	grouped, err := b.copyOf(s, "grouped")
	if err != nil {
		return err
	}
	one, err := sqlite.Open(b.ctx, sqlite.Config{Dir: alone.dir, MaxBatch: 1})
	if err != nil {
		return err
	}
	many, err := sqlite.Open(b.ctx, sqlite.Config{Dir: grouped.dir})
	if err != nil {
		return errors.Join(err, one.Close())
	}
	err = b.groupRefresh(one, many, s.ids)
	if err == nil {
		err = b.groupSignIn(one, many)
	}
	return errors.Join(err, one.Close(), many.Close())
}

// calls of a round: about as long for both.
const (
	callsAlone   = 2_000
	callsGrouped = 16_000
)

func (b *bench) groupRefresh(one, many *sqlite.Store, ids []session.ID) error {
	alone, grouped := rotating(one.Sessions(), ids), rotating(many.Sessions(), ids)
	next := 0
	side := func(r *rotations, n int) func() (sample, error) {
		return func() (sample, error) {
			first := next
			next += n
			return together(n, writers, func(i int) error { return r.rotate(b.ctx, (first+i)%len(ids)) })
		}
	}
	return b.compareCommits("refresh rows", many, side(alone, callsAlone), side(grouped, callsGrouped))
}

func (b *bench) groupSignIn(one, many *sqlite.Store) error {
	side := func(st *sqlite.Store, n int) (func() (sample, error), error) {
		app, err := st.Applications().Find(b.ctx, application.DefaultName)
		if err != nil {
			return nil, err
		}
		users, err := st.Accounts().List(b.ctx, account.Query{Limit: 100})
		if err != nil {
			return nil, err
		}
		return func() (sample, error) {
			return together(n, writers, func(i int) error {
				start, _ := draft(users[i%len(users)].ID, app.ID, false)
				_, err := st.Sessions().Start(b.ctx, start)
				return err
			})
		}, nil
	}
	alone, err := side(one, callsAlone)
	if err != nil {
		return err
	}
	grouped, err := side(many, callsGrouped)
	if err != nil {
		return err
	}
	return b.compareCommits("sign-in rows", many, alone, grouped)
}

func (b *bench) compareCommits(work string, many *sqlite.Store, alone, grouped func() (sample, error)) error {
	before := many.Stats()
	d, err := b.fight(alone, grouped)
	if err != nil {
		return err
	}
	after := many.Stats()
	r := result{Row: "7", Work: fmt.Sprintf("%s, %d callers, grouped", work, writers), Floor: perSecond(of(d.floor, sample.rate)),
		Ours: perSecond(of(d.ours, sample.rate)), Value: d.ratio(sample.rate), Budget: new(atLeast(8, "x the rate"))}
	r.CPU = 1 / d.ratio(sample.cpuNS)
	r.note("%.0f writes a commit; %s of processor time a call (%s alone)", float64(after.Writes-before.Writes)/float64(after.Batches-before.Batches),
		nanos(of(d.ours, sample.cpuNS)), nanos(of(d.floor, sample.cpuNS)))
	b.add(r)
	return nil
}
