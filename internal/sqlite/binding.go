package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"tandem.example/tandem/internal/session"
)

// Bindings answers the port to what binds sessions to devices.
func (s *Store) Bindings() session.Bindings { return bindings{s} }

type bindings struct{ s *Store }

const updateBound = `UPDATE sessions SET bound = ? WHERE id = ?`

func (p bindings) Bind(ctx context.Context, b session.Binding) (view session.View, err error) {
	err = p.s.write.do(ctx, func(t *tx) error {
		now, err := t.find(b.ID)
		if err != nil {
			return fmt.Errorf("bind session: %w", err)
		}
		if err := now.Alive(b.At); err != nil {
			return err
		}
		write, err := b.Decide(now.Session)
		if err != nil {
			return err
		}
		if write {
			now.Session.Bound = session.Bound{Key: slices.Clone(b.Key), At: grain(b.At)}
			if _, err := t.exec(updateBound, packBound(now.Session.Bound), string(b.ID)); err != nil {
				return fmt.Errorf("bind session: %w", err)
			}
			if _, err := t.finish(b.At, nil, b.Audit); err != nil {
				return fmt.Errorf("bind session: %w", err)
			}
		}
		view = t.put(&now)
		return nil
	})
	return view, err
}

// packBound is a device as a column: since when, as 8 bytes, big-endian, and the key. NULL for none.
func packBound(b session.Bound) any {
	if len(b.Key) == 0 {
		return nil
	}
	return append(binary.BigEndian.AppendUint64(nil, uint64(millis(b.At))), b.Key...)
}

// boundFixed is the length of a column before the key.
const boundFixed = 8

var errBoundColumn = errors.New("the device is shorter than its time")

func unpackBound(column []byte) (session.Bound, error) {
	switch {
	case column == nil:
		return session.Bound{}, nil
	case len(column) <= boundFixed:
		return session.Bound{}, errBoundColumn
	}
	return session.Bound{Key: slices.Clone(column[boundFixed:]), At: instant(int64(binary.BigEndian.Uint64(column)))}, nil
}
