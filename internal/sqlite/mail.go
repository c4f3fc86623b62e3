package sqlite

import (
	"context"
	"fmt"
	"time"

	"tandem.example/tandem/internal/mail"
)

// MailQueue answers the port to messages that wait.
func (s *Store) MailQueue() mail.Queue { return mailQueue{s} }

type mailQueue struct{ s *Store }

const (
	insertMail = `INSERT INTO mails (id, sealed, tries, next_at, until) VALUES (?, ?, ?, ?, ?)`
	selectDue  = `SELECT id, sealed, tries, next_at, until FROM mails WHERE next_at <= ? ORDER BY next_at, id LIMIT ?`
	updateMail = `UPDATE mails SET tries = ?, next_at = ? WHERE id = ?`
	deleteMail = `DELETE FROM mails WHERE id = ?`
	countMails = `SELECT count(*), coalesce(min(id), '') FROM mails`
)

func (p mailQueue) Put(ctx context.Context, q mail.Queued) error {
	return p.exec(ctx, "put mail into the queue", insertMail, q.ID, blob(q.Sealed), q.Tries, millis(q.NextAt), millis(q.Until))
}

func (p mailQueue) exec(ctx context.Context, what, query string, args ...any) error {
	return p.s.write.do(ctx, func(t *tx) error {
		if _, err := t.exec(query, args...); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	})
}

func scanQueued(row scanner) (q mail.Queued, err error) {
	var next, until int64
	err = row.Scan(&q.ID, &q.Sealed, &q.Tries, &next, &until)
	q.NextAt, q.Until = instant(next), instant(until)
	return q, err
}

func (p mailQueue) Due(ctx context.Context, now time.Time, most int) ([]mail.Queued, error) {
	if p.s.closed.Load() {
		return nil, ErrClosed
	}
	rows, err := p.s.read.rows(ctx, selectDue, millis(now), limit(most))
	due, err := collect(rows, err, scanQueued)
	if err != nil {
		return nil, fmt.Errorf("list mail that is due: %w", err)
	}
	return due, nil
}

func (p mailQueue) Again(ctx context.Context, q mail.Queued) error {
	return p.exec(ctx, "put mail off", updateMail, q.Tries, millis(q.NextAt), q.ID)
}

func (p mailQueue) Remove(ctx context.Context, id string) error {
	return p.exec(ctx, "remove mail from the queue", deleteMail, id)
}

func (p mailQueue) Waiting(ctx context.Context) (n int, oldest time.Time, err error) {
	if p.s.closed.Load() {
		return 0, time.Time{}, ErrClosed
	}
	var first string
	if err := p.s.read.row(ctx, countMails).Scan(&n, &first); err != nil {
		return 0, time.Time{}, fmt.Errorf("count mail in the queue: %w", err)
	}
	return n, mail.PutAt(first), nil
}
