package sqlite

import (
	"context"
	"database/sql"
	"sync"
)

// readers is the pool of connections that cannot write. Statements are prepared once for each connection.
type readers struct {
	db *sql.DB

	mu         sync.RWMutex
	statements map[string]*sql.Stmt
}

func openReaders(path string, n int) (*readers, error) {
	db, err := connect(path, reading)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return &readers{db: db, statements: map[string]*sql.Stmt{}}, nil
}

// statement answers the prepared form of one of the package's queries. They are few, and closed with the pool.
func (r *readers) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	r.mu.RLock()
	found := r.statements[query]
	r.mu.RUnlock()
	if found != nil {
		return found, nil
	}
	prepared, err := r.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if found := r.statements[query]; found != nil {
		prepared.Close()
		return found, nil
	}
	r.statements[query] = prepared
	return prepared, nil
}

// row runs a query for one row that is found by a key. Such a query takes microseconds, so the context ends the wait
// before it and not the query: watching the context would cost as much as the query.
func (r *readers) row(ctx context.Context, query string, args ...any) scanner {
	if err := ctx.Err(); err != nil {
		return failed{err}
	}
	statement, err := r.statement(ctx, query)
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
	defer rows.Close()
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
