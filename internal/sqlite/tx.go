package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

// tx is the transaction of one batch, as the write that runs sees it. Writes run one after another, in the writer's
// goroutine, so what a write has read stays true until it is done.
type tx struct {
	w       *writer
	head    head // as this batch leaves it; written once, before the commit
	changes changes
	// careful makes each write set a savepoint before its first change. It costs half as much again as the write, so
	// a batch is first run without: nearly every write that fails finds its condition broken before it changes
	// anything. If one does not, the batch is spoiled, and run again from the beginning, carefully.
	careful, spoiled bool
	changed          bool  // by the write that runs
	broken           error // why the whole transaction has to be given up
}

// runAll runs the writes of a batch and leaves in answers what each came to. An error is of the batch as a whole.
func (t *tx) runAll(batch []*job, answers []error) error {
	h, err := t.w.readHead()
	if err != nil {
		return err
	}
	t.head = h
	for i, j := range batch {
		answers[i] = t.attempt(j.run)
		if t.broken != nil {
			return fmt.Errorf("write in a batch: %w", t.broken)
		}
		if t.spoiled {
			return nil
		}
	}
	if t.head == h {
		return nil
	}
	if _, err := t.w.exec(updateHead, t.head.values()...); err != nil {
		return fmt.Errorf("write the head of the log: %w", err)
	}
	return nil
}

// attempt runs one write. If it fails, what it changed is undone, and the writes around it do not notice.
func (t *tx) attempt(run func(*tx) error) error {
	before, mark := t.head, t.changes.mark()
	t.changed = false
	err := run(t)
	if err != nil {
		t.head = before
		t.changes.undo(mark)
	}
	switch {
	case err != nil && unsettles(err):
		t.broken = err
	case !t.changed:
	case !t.careful:
		t.spoiled = err != nil
	case err != nil:
		t.must("ROLLBACK TO w")
		t.must("RELEASE w")
	default:
		t.must("RELEASE w")
	}
	return err
}

// must runs a statement without which the transaction cannot go on.
func (t *tx) must(query string) {
	if _, err := t.w.exec(query); err != nil {
		t.broken = errors.Join(t.broken, fmt.Errorf("%s: %w", query, err))
	}
}

// exec changes rows and answers how many.
func (t *tx) exec(query string, args ...any) (int, error) {
	if err := t.change(); err != nil {
		return 0, err
	}
	result, err := t.w.exec(query, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// change is called before each change that a write makes.
func (t *tx) change() error {
	if t.careful && !t.changed {
		if _, err := t.w.exec("SAVEPOINT w"); err != nil {
			return fmt.Errorf("set a savepoint: %w", err)
		}
	}
	t.changed = true
	return nil
}

// row and rows read what the batch has written so far.
func (t *tx) row(query string, args ...any) scanner {
	statement, err := t.w.statement(query)
	if err != nil {
		return failed{err}
	}
	return statement.QueryRowContext(context.Background(), args...)
}

func (t *tx) rows(query string, args ...any) (*sql.Rows, error) {
	statement, err := t.w.statement(query)
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(context.Background(), args...)
}

// returning changes rows and answers the ids of those it changed.
func (t *tx) returning(query string, args ...any) ([]string, error) {
	if err := t.change(); err != nil {
		return nil, err
	}
	rows, err := t.rows(query, args...)
	return collect(rows, err, func(row scanner) (id string, err error) {
		err = row.Scan(&id)
		return id, err
	})
}

// finish is the end of every verb that may announce something: its events and entries, and where they stand.
func (t *tx) finish(at time.Time, events []revocation.Event, entries ...audit.Entry) (feed.Commit, error) {
	at = grain(at)
	if err := t.append(at, events); err != nil {
		return feed.Commit{}, err
	}
	if err := t.record(entries); err != nil {
		return feed.Commit{}, err
	}
	t.seen(at)
	return feed.Commit{Position: t.head.position, At: at}, nil
}

const insertEvent = `INSERT INTO events (seq, kind, id, chain, retain_until) VALUES (?, ?, ?, ?, ?)`

// append gives the events the next positions of the log.
func (t *tx) append(at time.Time, events []revocation.Event) error {
	for _, e := range events {
		e.Seq, e.RetainMS = t.head.position+1, 0
		chain := t.head.chain.Next(e)
		until := feed.RetainUntil(e.Kind, at, t.head.lifetime.Longest)
		if _, err := t.exec(insertEvent, int64(e.Seq), string(e.Kind), e.ID, chain[:], millis(until)); err != nil {
			return fmt.Errorf("append to the log: %w", err)
		}
		t.head.position, t.head.chain = e.Seq, chain
	}
	return nil
}

const insertEntry = `INSERT INTO audit (id, at, type, actor, user, target, ip, reason, outcome, request_id)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// record writes entries into the audit trail. The zero Entry is none.
func (t *tx) record(entries []audit.Entry) error {
	for _, e := range entries {
		if e.ID == "" {
			continue
		}
		_, err := t.exec(insertEntry, e.ID, millis(e.At), string(e.Type), e.Actor, e.User, e.Target, e.IP, e.Reason,
			string(e.Outcome), e.RequestID)
		if err != nil {
			return fmt.Errorf("record in the audit trail: %w", err)
		}
	}
	return nil
}

// seen notes the time that a commit carries.
func (t *tx) seen(at time.Time) {
	if at = grain(at); at.After(t.head.committed) {
		t.head.committed = at
	}
}
