package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/rueidis"

	"tandem.example/tandem/internal/session"
)

// The floors of shared stores: what the bare driver needs for the least that the work is about, on rows as wide as a
// session's, in tables of their own.

// floors makes the rows: one for each session of the engine.
func (b *bench) floors(e *engine) error {
	if _, err := e.bare.Exec(b.ctx, `CREATE TABLE bare (id uuid PRIMARY KEY, generation bigint NOT NULL, digest bytea NOT NULL,
		payload bytea NOT NULL) WITH (fillfactor = 90)`); err != nil {
		return err
	}
	_, err := e.bare.Exec(b.ctx, `INSERT INTO bare SELECT id, 0, '', convert_to(repeat('x', 200), 'UTF8') FROM unnest($1::uuid[]) AS id`, e.keys())
	if err != nil {
		return err
	}
	if e.cache != nil {
		value := strings.Repeat("x", 300)
		if _, err := together(len(e.ids), writers, func(i int) error {
			return e.cache.Do(b.ctx, e.cache.B().Set().Key(bareKey(e, i)).Value(stamp(0)+value).Build()).Error()
		}); err != nil {
			return err
		}
	}
	return settle(b.ctx, e.bare)
}

func bareKey(e *engine, i int) string { return "bare:" + string(e.ids[i]) }

// stamp begins a bare value in Redis: eight characters that tell its version.
func stamp(n uint32) string { return fmt.Sprintf("%08x", n) }

// among is an order in which neighbours are not side by side in the table.
func among(i, n int) int { return i * 7919 % n }

// turns has the operation go from row to row, and nobody begin at one where another is.
func turns(rows int, op func(row int) error) func(i int) error {
	locks := make([]sync.Mutex, rows)
	return func(i int) error {
		row := among(i, rows)
		locks[row].Lock()
		defer locks[row].Unlock()
		return op(row)
	}
}

// keys are the names of the sessions as PostgreSQL keeps them.
func (e *engine) keys() [][16]byte {
	keys := make([][16]byte, len(e.ids))
	for i, id := range e.ids {
		keys[i] = uuidOf(id)
	}
	return keys
}

// pointRead reads one row by its key: from where the sessions are.
func (e *engine) pointRead(b *bench) func(i int) error {
	if e.cache != nil {
		return func(i int) error {
			text, err := e.cache.Do(b.ctx, e.cache.B().Get().Key(bareKey(e, among(i, len(e.ids)))).Build()).ToString()
			if err == nil && len(text) < 300 {
				err = errors.New("the row is not there")
			}
			return err
		}
	}
	return e.rowRead(b)
}

// rowRead reads one row of PostgreSQL by its key.
func (e *engine) rowRead(b *bench) func(i int) error {
	keys := e.keys()
	return func(i int) error {
		var payload []byte
		return e.bare.QueryRow(b.ctx, `SELECT payload FROM bare WHERE id = $1`, keys[among(i, len(keys))]).Scan(&payload)
	}
}

// swapSource is the least compare-and-swap.
const swapSource = `if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1`

// compareAndSwap changes one row if it is still as it was: a statement, or a script.
func (e *engine) compareAndSwap(b *bench) func(i int) error {
	at, digest, keys := make([]atomic.Uint32, len(e.ids)), generation(1), e.keys()
	if e.cache != nil {
		script, value := rueidis.NewLuaScript(swapSource), strings.Repeat("x", 300)
		return turns(len(at), func(i int) error {
			n := at[i].Add(1)
			done, err := script.Exec(b.ctx, e.cache, []string{bareKey(e, i)}, []string{stamp(n - 1), stamp(n) + value}).AsInt64()
			return swapped(done, err)
		})
	}
	return turns(len(at), func(i int) error {
		from := at[i].Add(1) - 1
		tag, err := e.bare.Exec(b.ctx, `UPDATE bare SET generation = generation + 1, digest = $3 WHERE id = $1 AND generation = $2`,
			keys[i], from, digest[:])
		return swapped(tag.RowsAffected(), err)
	})
}

func swapped(n int64, err error) error {
	if err == nil && n != 1 {
		err = fmt.Errorf("swapped %d rows", n)
	}
	return err
}

// transaction does the same as code is written without thinking of round trips.
func (e *engine) transaction(b *bench) func(i int) error {
	digest, keys := generation(1), e.keys()
	return func(i int) error {
		key := keys[among(i, len(keys))]
		t, err := e.bare.Begin(b.ctx)
		if err != nil {
			return err
		}
		defer t.Rollback(b.ctx) //nolint:errcheck // it is over unless something failed
		var at int64
		if err := t.QueryRow(b.ctx, `SELECT generation FROM bare WHERE id = $1 FOR UPDATE`, key).Scan(&at); err != nil {
			return err
		}
		if _, err := t.Exec(b.ctx, `UPDATE bare SET generation = $2, digest = $3 WHERE id = $1`, key, at+1, digest[:]); err != nil {
			return err
		}
		return t.Commit(b.ctx)
	}
}

// insert adds one row to PostgreSQL, where every sign-in leaves one.
func (e *engine) insert(b *bench) func(i int) error {
	payload := make([]byte, 200)
	return func(int) error {
		var key [16]byte
		_, _ = rand.Read(key[:]) // never fails
		_, err := e.bare.Exec(b.ctx, `INSERT INTO bare VALUES ($1, 0, '', $2)`, key, payload)
		return err
	}
}

// A session's name spells 128 bits with the digits of package id, which are those of math/big but for some letters.
const (
	nameDigits = "0123456789abcdefghjkmnpqrstvwxyz"
	bigDigits  = "0123456789abcdefghijklmnopqrstuv"
)

func uuidOf(id session.ID) (key [16]byte) {
	text := strings.Map(func(r rune) rune { return rune(bigDigits[strings.IndexRune(nameDigits, r)]) }, strings.TrimPrefix(string(id), "ses_"))
	n, ok := new(big.Int).SetString(text, 32)
	if !ok {
		panic("not the name of a session: " + string(id))
	}
	n.FillBytes(key[:])
	return key
}

func nameOf(key [16]byte) session.ID {
	text := fmt.Sprintf("%026s", new(big.Int).SetBytes(key[:]).Text(32))
	return session.ID("ses_" + strings.Map(func(r rune) rune { return rune(nameDigits[strings.IndexRune(bigDigits, r)]) }, text))
}
