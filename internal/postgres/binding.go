package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"tandem.example/tandem/internal/session"
)

// Bindings answers the port to what binds sessions to devices.
func (s *Store) Bindings() session.Bindings { return bindings{s} }

type bindings struct{ s *Store }

const updateBound = `UPDATE sessions SET bound = $2 WHERE id = $1`

// Bind locks the session, so that of two keys one is first.
func (p bindings) Bind(ctx context.Context, b session.Binding) (view session.View, err error) {
	k, ok := key(b.ID)
	if !ok {
		return session.View{}, session.ErrNotFound
	}
	wrote := false
	err = p.s.transact(ctx, func(t *tx) error {
		found := false
		t.queue(lockedView, k).Query(func(rows pgx.Rows) error {
			return eachView(rows, nil, func(v session.View) { view, found = v, true })
		})
		if err := t.send(); err != nil {
			return err
		}
		if !found {
			return session.ErrNotFound
		}
		if err := view.Alive(b.At); err != nil {
			return err
		}
		var err error
		if wrote, err = b.Decide(view.Session); err != nil {
			return err
		}
		if wrote {
			t.queue(updateBound, k, packBound(session.Bound{Key: b.Key, At: b.At}))
			t.queue(selectAppend, appending(b.At, nil, b.Audit)...)
			queueView(&t.batch, k, &view)
		}
		return t.commit()
	})
	if err != nil {
		return session.View{}, fmt.Errorf("bind session: %w", err)
	}
	if wrote {
		p.s.committed(b.At, 0)
	}
	return view, nil
}

// packBound is a device as a column: since when, as 8 bytes, big-endian, and the key. Empty for none.
func packBound(b session.Bound) []byte {
	if len(b.Key) == 0 {
		return []byte{}
	}
	return append(binary.BigEndian.AppendUint64(nil, uint64(millis(b.At))), b.Key...)
}

// boundFixed is the length of a column before the key.
const boundFixed = 8

var errBoundColumn = errors.New("the device is shorter than its time")

func unpackBound(column []byte) (session.Bound, error) {
	switch {
	case len(column) == 0:
		return session.Bound{}, nil
	case len(column) <= boundFixed:
		return session.Bound{}, errBoundColumn
	}
	return session.Bound{Key: slices.Clone(column[boundFixed:]), At: instant(int64(binary.BigEndian.Uint64(column)))}, nil
}
