package sqlite

import (
	"context"
	"fmt"
	"time"

	"tandem.example/tandem/internal/feed"
)

// Leases answers the port to the verifiers that may hold a lease.
func (s *Store) Leases() feed.Leases { return leases{s} }

type leases struct{ s *Store }

// The statement follows feed.Holder.Merge.
const upsertHolder = `INSERT INTO holders (application, instance, name, seen_at, epoch, acknowledged)
	VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET name = excluded.name, seen_at = max(seen_at, excluded.seen_at),
	acknowledged = iif(epoch = excluded.epoch, max(acknowledged, excluded.acknowledged), excluded.acknowledged),
	epoch = excluded.epoch, renewals = renewals + 1`

func (p leases) Hold(ctx context.Context, holders ...feed.Holder) error {
	return p.s.write.do(ctx, func(t *tx) error {
		for _, h := range holders {
			_, err := t.exec(upsertHolder, h.Application, h.Instance, h.Name, millis(h.SeenAt), h.Epoch, int64(h.Acknowledged))
			if err != nil {
				return fmt.Errorf("hold a lease: %w", err)
			}
		}
		return nil
	})
}

// The index on the time finds them, and what it finds is sorted.
const selectHolders = `SELECT application, instance, name, seen_at, epoch, acknowledged, renewals FROM holders INDEXED BY holders_seen
	WHERE seen_at >= ? ORDER BY application, instance`

func (p leases) Holders(ctx context.Context, since time.Time) ([]feed.Holder, error) {
	if p.s.closed.Load() {
		return nil, ErrClosed
	}
	rows, err := p.s.read.rows(ctx, selectHolders, millis(since))
	found, err := collect(rows, err, func(row scanner) (h feed.Holder, err error) {
		var seen int64
		err = row.Scan(&h.Application, &h.Instance, &h.Name, &seen, &h.Epoch, &h.Acknowledged, &h.Renewals)
		h.SeenAt = instant(seen)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("list lease holders: %w", err)
	}
	return found, nil
}

func (p leases) Forget(ctx context.Context, before time.Time) error {
	return p.s.write.do(ctx, func(t *tx) error {
		if _, err := t.exec(`DELETE FROM holders WHERE seen_at < ?`, millis(before)); err != nil {
			return fmt.Errorf("forget lease holders: %w", err)
		}
		return nil
	})
}
