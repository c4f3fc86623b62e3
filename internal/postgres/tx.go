package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// tx is a transaction of several statements. They are queued and sent together: the first with BEGIN, the last with
// COMMIT, so that a lock is never held while nobody does anything.
type tx struct {
	ctx   context.Context //nolint:containedctx // lives for one call
	conn  *pgx.Conn
	batch pgx.Batch
}

// rollbackTime bounds the one statement that is sent after a failure.
const rollbackTime = time.Second

// transact runs a verb as a transaction, and again as call does. The verb commits with commit; if it returns without,
// or with an error, nothing has happened.
func (s *Store) transact(ctx context.Context, verb func(t *tx) error) error {
	return s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		t := &tx{ctx: ctx, conn: c.Conn()}
		t.batch.Queue("BEGIN")
		err := verb(t)
		if t.conn.PgConn().TxStatus() != 'I' && !t.conn.IsClosed() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
			defer cancel()
			if _, lost := t.conn.Exec(ctx, "ROLLBACK"); lost != nil {
				_ = t.conn.Close(ctx) // the server rolls back what its client has left
			}
		}
		return err
	})
}

// queue adds a statement; what it answers is read by the methods of the result, when it has been sent.
func (t *tx) queue(query string, args ...any) *pgx.QueuedQuery { return t.batch.Queue(query, args...) }

// send runs what is queued. The first error ends it, and with it the transaction. A connection that breaks here has
// committed nothing.
func (t *tx) send() error {
	err := t.flush()
	if broken(err) {
		return &unsent{err}
	}
	return err
}

// commit sends what is queued and then COMMIT.
func (t *tx) commit() error {
	t.batch.Queue("COMMIT")
	return t.flush()
}

func (t *tx) flush() error {
	err := t.conn.SendBatch(t.ctx, &t.batch).Close()
	t.batch = pgx.Batch{}
	return err
}

// first runs what is queued and then a query of one row.
func (t *tx) first(scan func(pgx.Row) error, query string, args ...any) error {
	t.queue(query, args...).QueryRow(scan)
	return t.send()
}
