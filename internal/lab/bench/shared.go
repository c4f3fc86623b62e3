package main

import (
	"math"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/jws"
)

// Rows 6 to 9 on stores that are servers: the verbs in process, beside the bare driver of the same server. Budgets are
// about 16 callers, and with 64 about what it saves to serve them together.

func onPostgres(measure func(*bench, *engine) error) func(*bench) error {
	return onEngine(engineKind{refresh: true}, measure)
}

func onRedis(measure func(*bench, *engine) error) func(*bench) error {
	return onEngine(engineKind{redis: true, refresh: true}, measure)
}

func onEngine(k engineKind, measure func(*bench, *engine) error) func(*bench) error {
	return func(b *bench) error {
		e, err := b.engine(k)
		if err != nil {
			return err
		}
		return measure(b, e)
	}
}

// Row 6: the live check beside a read of one row.
func checkShared(b *bench, e *engine) error {
	sessions := e.Sessions()
	c := contest{
		row: "6", work: "live check, " + e.name, floor: e.pointRead(b),
		ours: func(i int) error {
			_, err := sessions.Find(b.ctx, e.ids[among(i, len(e.ids))])
			return err
		},
		budgets: map[int]limit{16: atLeast(0.80, "x the rate"), 64: atLeast(1, "x the rate")},
		notes:   []string{"the floor is a read of one row by its key by pgx, on as many connections"},
	}
	if e.cache == nil {
		return b.compete(c)
	}
	c.notes = []string{"the floor is one GET by rueidis; ours reads Redis, and the end of the log and the user from PostgreSQL"}
	if err := b.compete(c); err != nil {
		return err
	}
	get, read := e.pointRead(b), e.rowRead(b)
	c.work, c.budgets, c.notes = "live check against reads of both", nil, []string{"the floor is one GET by rueidis and then a read of one row by pgx"}
	c.floor = func(i int) error {
		if err := get(i); err != nil {
			return err
		}
		return read(i)
	}
	return b.compete(c)
}

// Row 8: the refresh beside a compare-and-swap of one row, and beside a transaction.
func refreshShared(b *bench, e *engine) error {
	r := rotating(e.Sessions(), e.ids)
	ours := turns(len(e.ids), func(row int) error { return r.rotate(b.ctx, row) })
	c := contest{
		row: "8", work: "refresh, " + e.name, floor: e.compareAndSwap(b), ours: ours,
		budgets: map[int]limit{16: atLeast(0.75, "x the rate"), 64: atLeast(0.75, "x the rate")},
		notes:   []string{"the floor is one durable UPDATE ... WHERE id AND generation"},
	}
	if e.cache != nil {
		c.notes = []string{"the floor is one EVALSHA that compares and sets; ours reads Redis and PostgreSQL before"}
		return b.compete(c)
	}
	if err := b.compete(c); err != nil {
		return err
	}
	return b.compete(contest{
		row: "8", work: "refresh against BEGIN..COMMIT", floor: e.transaction(b), ours: ours,
		budgets: map[int]limit{16: atLeast(2, "x the rate"), 64: atLeast(2, "x the rate")},
	})
}

// Row 7 on these stores: what a sign-in writes, beside one durable row.
func signInShared(b *bench, e *engine) error {
	app, err := e.Applications().Find(b.ctx, application.DefaultName)
	if err != nil {
		return err
	}
	users, err := e.main.Accounts().List(b.ctx, account.Query{Limit: 1000})
	if err != nil {
		return err
	}
	sessions := e.Sessions()
	return b.compete(contest{
		row: "7", work: "sign-in rows, " + e.name, floor: e.insert(b),
		ours: func(i int) error {
			start, _ := draft(users[i%len(users)].ID, app.ID, true)
			_, err := sessions.Start(b.ctx, start)
			return err
		},
		budgets: map[int]limit{16: atLeast(0.5, "x the rate"), 64: atLeast(0.5, "x the rate")},
		notes:   []string{"the floor is one durable INSERT of one row with one index; ours writes a session and its audit entry, six indexes"},
	})
}

// Row 9 on these stores: an access token for a session, which is read before.
func mintShared(b *bench, e *engine) error {
	box, err := secret.NewBox(secret.Random(32))
	if err != nil {
		return err
	}
	keys := memory.Open(memory.Options{}) // signing reads no store
	defer keys.Close()
	ring, err := signing.Open(b.ctx, signing.Config{Store: keys.Keys(), Box: box, Algorithm: jws.ES256, Schedule: signing.DefaultSchedule,
		MaxToken: func() time.Duration { return 5 * time.Minute }, Now: time.Now})
	if err != nil {
		return err
	}
	signer, err := ring.Signer(jws.ES256)
	if err != nil {
		return err
	}
	sign, err := bareSign(signer)
	if err != nil {
		return err
	}
	claims := usualClaims()
	payload, err := claims.Encode()
	if err != nil {
		return err
	}
	read, sessions, least := e.pointRead(b), e.Sessions(), atLeast(1/1.5, "x the rate")
	return b.compete(contest{
		row: "9", work: "mint, " + e.name,
		floor: func(i int) error {
			if err := read(i); err != nil {
				return err
			}
			_, err := sign(payload)
			return err
		},
		ours: func(i int) error {
			view, err := sessions.Find(b.ctx, e.ids[among(i, len(e.ids))])
			if err != nil {
				return err
			}
			own := claims
			own.Revision, own.SessionID, own.Subject = view.Revision, string(view.Session.ID), string(view.User.ID)
			_, err = ring.Mint(own, jws.ES256)
			return err
		},
		budgets: map[int]limit{1: least, 16: least, 64: least},
		notes:   []string{"the floor is a read of one row and a bare ES256 signature; ours the live check and ring.Mint"},
	})
}

// finite is the figure, or nothing if there was nothing to divide by.
func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// scaled is a size, or the tiny one of a short run.
func (b *bench) scaled(size, tiny int) int {
	if b.short {
		return tiny
	}
	return size
}
