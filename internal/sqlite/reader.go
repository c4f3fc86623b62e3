package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// readers are the connections that cannot write, in two pools: a row that is found by its key never waits for a listing.
type readers struct {
	pool        // for what takes its time: listings, the log, Check
	points pool // for rows that are found by a key
}

// pool prepares each statement once for each of its connections.
type pool struct {
	db *sql.DB

	mu         sync.RWMutex
	statements map[string]*sql.Stmt
}

// openReaders makes two pools of n connections, none of which is opened before it is used.
func openReaders(path string, n int) (*readers, error) {
	r := &readers{}
	for _, p := range []*pool{&r.pool, &r.points} {
		db, err := connect(path, reading)
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		db.SetMaxOpenConns(n)
		db.SetMaxIdleConns(n)
		p.db, p.statements = db, map[string]*sql.Stmt{}
	}
	return r, nil
}

func (r *readers) close() (err error) {
	for _, p := range []*pool{&r.pool, &r.points} {
		if p.db != nil {
			err = errors.Join(err, p.db.Close())
		}
	}
	return err
}

// statement answers the prepared form of one of the package's queries. They are few, and closed with the pool.
func (p *pool) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	p.mu.RLock()
	found := p.statements[query]
	p.mu.RUnlock()
	if found != nil {
		return found, nil
	}
	prepared, err := p.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if found := p.statements[query]; found != nil {
		return found, prepared.Close()
	}
	p.statements[query] = prepared
	return prepared, nil
}

// row runs a query for one row that is found by a key. Such a query takes microseconds, and so does the wait for one
// of the connections that run nothing else, so the context is looked at once, before: watching it would cost as much
// as the query.
func (r *readers) row(ctx context.Context, query string, args ...any) scanner {
	if err := ctx.Err(); err != nil {
		return failed{err}
	}
	statement, err := r.points.statement(ctx, query)
	if err != nil {
		return failed{err}
	}
	return statement.QueryRowContext(context.WithoutCancel(ctx), args...)
}

// rows runs a query for many rows, which the context ends.
func (r *readers) rows(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := r.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}

// scanner is a row, or the error that came instead of one.
type scanner interface{ Scan(dest ...any) error }

type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }

// collect reads all rows by scan and closes them.
func collect[T any](rows *sql.Rows, err error, scan func(scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
