package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/session"
)

const (
	selectViewByID = selectView + ` WHERE s.id = $1`
	selectViews    = selectView + ` WHERE s.id = ANY($1)`
)

// found is a session, if there is one; sure, if it is certain that there is none.
type found struct {
	view     session.View
	ok, sure bool
}

// Find takes part of a round trip: those who ask at the same time share it. One read at a time makes for the largest
// batches, and joins cost more by the statement than by the row.
func (p sessions) Find(ctx context.Context, id session.ID) (session.View, error) {
	k, ok := key(id)
	if !ok {
		return session.View{}, session.ErrNotFound
	}
	f, err := p.s.finds.do(ctx, k, p.s.readView)
	if err != nil {
		return session.View{}, fmt.Errorf("find session: %w", err)
	}
	if !f.ok {
		return session.View{}, session.ErrNotFound
	}
	return f.view, nil
}

// readView reads one session.
func (s *Store) readView(ctx context.Context, k [16]byte) (f found, err error) {
	err = s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		f = found{}
		rows, err := c.Query(ctx, selectViewByID, binaryRows, k)
		return eachView(rows, err, func(v session.View) { f = found{view: v, ok: true} })
	})
	return f, err
}

// readViews reads sessions in one statement, hence one snapshot.
func (s *Store) readViews(ctx context.Context, ids [][16]byte) ([]found, error) {
	var views map[[16]byte]session.View
	err := s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		views = make(map[[16]byte]session.View, len(ids))
		rows, err := c.Query(ctx, selectViews, binaryRows, ids)
		return eachView(rows, err, func(v session.View) {
			k, _ := key(v.Session.ID)
			views[k] = v
		})
	})
	if err != nil {
		return nil, err
	}
	answers := make([]found, len(ids))
	shared := make(map[[16]byte]bool, len(ids))
	for i, k := range ids {
		answers[i].view, answers[i].ok = views[k]
		if shared[k] {
			answers[i].view = copied(answers[i].view)
		}
		shared[k] = true
	}
	return answers, nil
}

// copied shares nothing that a caller could change.
func copied(v session.View) session.View {
	v.Session.AMR = append([]string(nil), v.Session.AMR...)
	v.Session.Refresh.Sealed = append([]byte(nil), v.Session.Refresh.Sealed...)
	v.Session.Bound.Key = append([]byte(nil), v.Session.Bound.Key...)
	v.User.Roles = append([]string(nil), v.User.Roles...)
	return v
}

// eachView reads rows of viewColumns and closes them.
func eachView(rows pgx.Rows, err error, take func(session.View)) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scanView(rows.RawValues())
		if err != nil {
			return err
		}
		take(v)
	}
	return rows.Err()
}
