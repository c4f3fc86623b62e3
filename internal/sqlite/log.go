package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

// Log answers the port to the revocation log.
func (s *Store) Log() feed.Log { return revocationLog{s} }

type revocationLog struct{ s *Store }

// Head answers the published head: the last commit that is durable and in the mirror.
func (p revocationLog) Head(ctx context.Context) (feed.Head, error) {
	if p.s.closed.Load() {
		return feed.Head{}, ErrClosed
	}
	return *p.s.write.head.Load(), ctx.Err()
}

const (
	selectChain  = `SELECT chain FROM events WHERE seq = ?`
	selectEvents = `SELECT seq, kind, id, chain, retain_until FROM events WHERE seq > ? ORDER BY seq`
)

// Read opens a transaction, whose snapshot SQLite takes at the first query: after the call, whatever is in memory.
func (p revocationLog) Read(ctx context.Context, ask feed.Ask) (page feed.Page, err error) {
	if p.s.closed.Load() {
		return feed.Page{}, ErrClosed
	}
	r, err := p.s.snapshot(ctx)
	if err != nil {
		return feed.Page{}, fmt.Errorf("read the log: %w", err)
	}
	defer r.tx.Rollback() //nolint:errcheck // nothing was written, so nothing is lost
	if page, err = r.page(ask); err != nil {
		return feed.Page{}, fmt.Errorf("read the log: %w", err)
	}
	return page, nil
}

// logReader reads the log in one snapshot of the database.
type logReader struct {
	ctx                 context.Context //nolint:containedctx // lives for one call
	tx                  *sql.Tx
	head, chain, events *sql.Stmt
}

// snapshot prepares what is to be asked before it takes a connection for good: preparing takes one too, and readers
// that each hold one while they wait for a second would wait for ever.
func (s *Store) snapshot(ctx context.Context) (r logReader, err error) {
	r.ctx = ctx
	for query, statement := range map[string]**sql.Stmt{selectHead: &r.head, selectChain: &r.chain, selectEvents: &r.events} {
		if *statement, err = s.read.statement(ctx, query); err != nil {
			return logReader{}, err
		}
	}
	r.tx, err = s.read.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	return r, err
}

func (r logReader) page(ask feed.Ask) (feed.Page, error) {
	h, err := scanHead(r.tx.StmtContext(r.ctx, r.head).QueryRowContext(r.ctx))
	if err != nil {
		return feed.Page{}, err
	}
	marks, err := r.marks(&h, ask)
	if err != nil {
		return feed.Page{}, err
	}
	page := feed.Page{Head: h.public(), Snapshot: feed.Plan(ask, marks)}
	after := ask.Position
	if page.Snapshot {
		after = 0
	}
	if after < h.position {
		rows, err := r.tx.StmtContext(r.ctx, r.events).QueryContext(r.ctx, int64(after))
		page.Events, err = collect(rows, err, scanEvent)
		return page, err
	}
	return page, nil
}

// marks is what Plan wants to know. The chain is known at both ends of the log without an event there.
func (r logReader) marks(h *head, ask feed.Ask) (feed.Marks, error) {
	m := feed.Marks{Epoch: h.epoch, Floor: h.floor, Head: h.position}
	switch {
	case ask.Position == h.position:
		m.ChainAtAsk, m.HasChainAsk = h.chain, true
	case ask.Position == h.floor:
		m.ChainAtAsk, m.HasChainAsk = h.anchor, true
	case ask.Position > h.floor && ask.Position < h.position:
		var chain []byte
		if err := r.tx.StmtContext(r.ctx, r.chain).QueryRowContext(r.ctx, int64(ask.Position)).Scan(&chain); err != nil {
			return m, fmt.Errorf("chain at position %d: %w", ask.Position, err)
		}
		m.HasChainAsk = copy(m.ChainAtAsk[:], chain) == len(m.ChainAtAsk)
	}
	return m, nil
}

func scanEvent(row scanner) (e feed.Stored, err error) {
	var chain []byte
	var until int64
	err = row.Scan(&e.Event.Seq, &e.Event.Kind, &e.Event.ID, &chain, &until)
	if err == nil && copy(e.Chain[:], chain) != len(e.Chain) {
		err = fmt.Errorf("chain of %d bytes at position %d", len(chain), e.Event.Seq)
	}
	e.RetainUntil = instant(until)
	return e, err
}

func (p revocationLog) Append(ctx context.Context, a feed.Append) (commit feed.Commit, err error) {
	err = p.s.write.do(ctx, func(t *tx) error {
		commit, err = t.finish(a.At, a.Events, a.Audit...)
		return err
	})
	return commit, err
}

func (p revocationLog) KeepFor(ctx context.Context, lifetime time.Duration, now time.Time) (kept time.Duration, err error) {
	err = p.s.write.do(ctx, func(t *tx) error {
		t.head.lifetime = feed.Longest(t.head.lifetime, lifetime, grain(now))
		kept = t.head.lifetime.Longest
		return nil
	})
	return kept, err
}

// Key events in force are spared when the floor moves past them. They live on below it, until deleteSpared.
const (
	deletePruned = `DELETE FROM events WHERE seq > ? AND seq <= ? AND (kind <> '` + string(revocation.KindKey) + `' OR retain_until <= ?)`
	deleteSpared = `DELETE FROM events WHERE seq IN
		(SELECT seq FROM events WHERE seq <= ? AND retain_until <= ? ORDER BY seq LIMIT ?)`
)

// Prune moves the floor up. A key event that is still in force is passed over rather than in the way: it is kept for
// years, and the events of years must not wait for it.
func (p revocationLog) Prune(ctx context.Context, now time.Time, limit int) (pruned int, err error) {
	err = p.s.write.do(ctx, func(t *tx) error {
		spared, err := t.exec(deleteSpared, int64(t.head.floor), millis(now), max(limit, 0))
		if err != nil {
			return fmt.Errorf("prune the log: %w", err)
		}
		floor, err := t.prunable(grain(now), limit-spared)
		if err != nil {
			return fmt.Errorf("prune the log: %w", err)
		}
		pruned, err = t.exec(deletePruned, int64(t.head.floor), int64(floor.seq), millis(now))
		if err != nil {
			return fmt.Errorf("prune the log: %w", err)
		}
		pruned += spared
		t.head.floor, t.head.anchor = floor.seq, floor.chain
		return nil
	})
	return pruned, err
}

// place is a position and the chain there.
type place struct {
	seq   uint64
	chain revocation.Chain
}

// prunable is how far the floor may move so that at most limit events go.
func (t *tx) prunable(now time.Time, limit int) (floor place, err error) {
	floor = place{seq: t.head.floor, chain: t.head.anchor}
	rows, err := t.rows(selectEvents, int64(t.head.floor))
	if err != nil {
		return place{}, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for dead := 0; rows.Next(); {
		e, err := scanEvent(rows)
		if err != nil {
			return place{}, err
		}
		live := now.Before(e.RetainUntil)
		if dead >= limit || live && e.Event.Kind != revocation.KindKey {
			break
		}
		if !live {
			dead++
		}
		floor = place{seq: e.Event.Seq, chain: e.Chain}
	}
	return floor, errors.Join(rows.Err(), rows.Close())
}

func (p revocationLog) OnCommit(hint func()) { p.s.write.onCommit(hint) }
