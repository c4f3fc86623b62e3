package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/mail"
)

// MailQueue answers the port to messages that wait.
func (s *Store) MailQueue() mail.Queue { return mailQueue{s} }

type mailQueue struct{ s *Store }

const (
	insertMail = `INSERT INTO mails (id, sealed, tries, next_at, until) VALUES ($1, $2, $3, $4, $5)`
	selectDue  = `SELECT id, sealed, tries, next_at, until FROM mails WHERE next_at <= $1 ORDER BY next_at, id LIMIT $2`
	updateMail = `UPDATE mails SET tries = $2, next_at = $3 WHERE id = $1`
	deleteMail = `DELETE FROM mails WHERE id = $1`
	countMails = `SELECT count(*), coalesce(min(id), '') FROM mails`
)

func (p mailQueue) Put(ctx context.Context, q mail.Queued) error {
	_, err := p.s.change(ctx, "put mail into the queue", insertMail, text(q.ID), filled(q.Sealed), int64(q.Tries),
		millis(q.NextAt), millis(q.Until))
	return err
}

func scanQueued(row pgx.CollectableRow) (q mail.Queued, err error) {
	var next, until int64
	err = row.Scan(&q.ID, &q.Sealed, &q.Tries, &next, &until)
	q.NextAt, q.Until = instant(next), instant(until)
	return q, err
}

func (p mailQueue) Due(ctx context.Context, now time.Time, limit int) ([]mail.Queued, error) {
	due, err := collect(ctx, p.s, scanQueued, selectDue, millis(now), pageSize(limit))
	if err != nil {
		return nil, fmt.Errorf("list mail that is due: %w", err)
	}
	return due, nil
}

func (p mailQueue) Again(ctx context.Context, q mail.Queued) error {
	_, err := p.s.change(ctx, "put mail off", updateMail, text(q.ID), int64(q.Tries), millis(q.NextAt))
	return err
}

func (p mailQueue) Remove(ctx context.Context, id string) error {
	_, err := p.s.change(ctx, "remove mail from the queue", deleteMail, text(id))
	return err
}

func (p mailQueue) Waiting(ctx context.Context) (n int, oldest time.Time, err error) {
	var first string
	err = p.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		return c.QueryRow(ctx, countMails).Scan(&n, &first)
	})
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("count mail in the queue: %w", err)
	}
	return n, mail.PutAt(first), nil
}
