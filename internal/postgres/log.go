package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

// Log answers the port to the revocation log.
func (s *Store) Log() feed.Log { return revocationLog{s} }

type revocationLog struct{ s *Store }

const selectHead = `SELECT epoch, position, chain, token_longest, ring FROM head WHERE one`

func (p revocationLog) Head(ctx context.Context) (head feed.Head, err error) {
	var end logEnd
	err = p.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		return c.QueryRow(ctx, selectHead).Scan(&end.epoch, &end.position, &end.chain, &end.longest, &end.ring)
	})
	if err == nil {
		head, err = end.head()
	}
	if err != nil {
		return feed.Head{}, fmt.Errorf("read the head of the log: %w", err)
	}
	return head, nil
}

// logEnd is the part of the head's row that the log is read with.
type logEnd struct {
	epoch                          string
	position, longest, ring, floor int64
	chain, anchor                  []byte
}

func (e *logEnd) head() (feed.Head, error) {
	h := feed.Head{
		Epoch: e.epoch, Position: uint64(e.position), MaxToken: duration(e.longest), Ring: uint64(e.ring),
	}
	if len(e.chain) != len(h.Chain) {
		return feed.Head{}, fmt.Errorf("chain of %d bytes", len(e.chain))
	}
	h.Chain = revocation.Chain(e.chain)
	return h, nil
}

// One statement is one snapshot. The head is the row without a seq; it comes with the chain at the asked position, if
// there is an event there. Events follow that are after it, unless it is of another epoch.
const (
	selectSince = `SELECT NULL::bigint, NULL::text, NULL::text, e.chain, NULL::bigint,
			h.epoch, h.position, h.chain, h.token_longest, h.ring, h.floor, h.anchor
		FROM head h LEFT JOIN events e ON e.seq = $1 WHERE h.one
		UNION ALL (SELECT seq, kind, id, chain, retain_until, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM events
			WHERE seq > $1 AND (SELECT epoch FROM head WHERE one) = $2 ORDER BY seq)`
	selectAll = `SELECT NULL::bigint, NULL::text, NULL::text, NULL::bytea, NULL::bigint,
			h.epoch, h.position, h.chain, h.token_longest, h.ring, h.floor, h.anchor
		FROM head h WHERE h.one
		UNION ALL (SELECT seq, kind, id, chain, retain_until, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM events
			ORDER BY seq)`
)

// logRead is the answer to one of them.
type logRead struct {
	end    logEnd
	asked  []byte // chain at the asked position, nil if there is no event
	events []feed.Stored
}

func (r *logRead) scan(rows pgx.Rows) error {
	defer rows.Close()
	for rows.Next() {
		var seq, until, position, longest, ring, floor *int64
		var kind, id, epoch *string
		var at, chain, anchor []byte
		err := rows.Scan(&seq, &kind, &id, &at, &until, &epoch, &position, &chain, &longest, &ring, &floor, &anchor)
		if err != nil {
			return err
		}
		if seq == nil {
			r.asked = at
			r.end = logEnd{epoch: *epoch, position: *position, longest: *longest, ring: *ring, floor: *floor, chain: chain, anchor: anchor}
			continue
		}
		e := feed.Stored{
			Event: revocation.Event{Seq: uint64(*seq), Kind: revocation.Kind(*kind), ID: *id}, RetainUntil: instant(*until),
		}
		if copy(e.Chain[:], at) != len(e.Chain) {
			return fmt.Errorf("chain of %d bytes at position %d", len(at), *seq)
		}
		r.events = append(r.events, e)
	}
	return rows.Err()
}

// Read takes one round trip, and a second for a snapshot.
func (p revocationLog) Read(ctx context.Context, ask feed.Ask) (page feed.Page, err error) {
	err = p.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		page, err = readLog(ctx, c, ask)
		return err
	})
	if err != nil {
		return feed.Page{}, fmt.Errorf("read the log: %w", err)
	}
	return page, nil
}

func readLog(ctx context.Context, c *pgxpool.Conn, ask feed.Ask) (feed.Page, error) {
	if ask.Position <= math.MaxInt64 && keepable(ask.Epoch) {
		var r logRead
		rows, err := c.Query(ctx, selectSince, int64(ask.Position), ask.Epoch)
		if err != nil {
			return feed.Page{}, err
		}
		if err := r.scan(rows); err != nil {
			return feed.Page{}, err
		}
		if !feed.Plan(ask, r.marks(ask)) {
			head, err := r.end.head()
			return feed.Page{Head: head, Events: r.events}, err
		}
	}
	// A snapshot is read anew, whole, from a snapshot of the database of its own.
	var r logRead
	rows, err := c.Query(ctx, selectAll)
	if err != nil {
		return feed.Page{}, err
	}
	if err := r.scan(rows); err != nil {
		return feed.Page{}, err
	}
	head, err := r.end.head()
	return feed.Page{Head: head, Snapshot: true, Events: r.events}, err
}

// marks is what Plan wants to know. The chain is known at both ends of the log without an event there.
func (r *logRead) marks(ask feed.Ask) feed.Marks {
	m := feed.Marks{Epoch: r.end.epoch, Floor: uint64(r.end.floor), Head: uint64(r.end.position)}
	at := r.asked
	switch ask.Position {
	case m.Head:
		at = r.end.chain
	case m.Floor:
		at = r.end.anchor
	}
	m.HasChainAsk = copy(m.ChainAtAsk[:], at) == len(m.ChainAtAsk)
	return m
}

func (p revocationLog) KeepFor(ctx context.Context, lifetime time.Duration, now time.Time) (kept time.Duration, err error) {
	err = p.s.transact(ctx, func(t *tx) error {
		var longest, wanted, since int64
		err := t.first(func(row pgx.Row) error { return row.Scan(&longest, &wanted, &since) },
			`SELECT token_longest, token_wanted, token_since FROM head WHERE one FOR NO KEY UPDATE`)
		if err != nil {
			return err
		}
		stored := feed.Lifetimes{Longest: duration(longest), Wanted: duration(wanted), Since: instant(since)}
		l := feed.Longest(stored, lifetime, grain(now))
		kept = l.Longest
		if l == stored {
			return errNothingToDo
		}
		t.queue(`UPDATE head SET token_longest = $1, token_wanted = $2, token_since = $3 WHERE one`,
			l.Longest.Milliseconds(), l.Wanted.Milliseconds(), millis(l.Since))
		return t.commit()
	})
	if err != nil && !errors.Is(err, errNothingToDo) {
		return 0, fmt.Errorf("keep events for %s: %w", lifetime, err)
	}
	return kept, nil
}

// errNothingToDo ends a transaction that has found nothing to change.
var errNothingToDo = errors.New("nothing to do")

func (p revocationLog) OnCommit(hint func()) { p.s.signals.onCommit(hint) }
