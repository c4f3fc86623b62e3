package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/feed"
)

// Leases answers the port to the verifiers that may hold a lease.
func (s *Store) Leases() feed.Leases { return leases{s} }

type leases struct{ s *Store }

// What is there already is merged as feed.Holder.Merge has it.
const holdLeases = `INSERT INTO holders AS old (application, instance, name, seen_at, epoch, acknowledged, renewals)
	SELECT application, instance, name, seen_at, epoch, acknowledged, 1
	FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[])
		AS new(application, instance, name, seen_at, epoch, acknowledged)
	ON CONFLICT (application, instance) DO UPDATE SET name = excluded.name, epoch = excluded.epoch,
		seen_at = greatest(old.seen_at, excluded.seen_at), renewals = old.renewals + 1,
		acknowledged = CASE WHEN old.epoch = excluded.epoch THEN greatest(old.acknowledged, excluded.acknowledged)
			ELSE excluded.acknowledged END`

// Hold writes in the order of the keys, so that two nodes that write about the same holders do not wait for each other
// in a circle.
func (l leases) Hold(ctx context.Context, holders ...feed.Holder) error {
	if len(holders) == 0 {
		return ctx.Err()
	}
	holders = slices.SortedFunc(slices.Values(holders), func(a, b feed.Holder) int {
		return cmp.Or(cmp.Compare(a.Application, b.Application), cmp.Compare(a.Instance, b.Instance))
	})
	n := len(holders)
	apps, instances, names := make([]string, n), make([]string, n), make([]string, n)
	epochs, seen, acknowledged := make([]string, n), make([]int64, n), make([]int64, n)
	for i, h := range holders {
		apps[i], instances[i], names[i] = text(h.Application), text(h.Instance), text(h.Name)
		epochs[i], seen[i], acknowledged[i] = text(h.Epoch), millis(h.SeenAt), int64(h.Acknowledged)
	}
	err := l.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		_, err := c.Exec(ctx, holdLeases, apps, instances, names, seen, epochs, acknowledged)
		return err
	})
	if err != nil {
		return fmt.Errorf("write lease holders: %w", err)
	}
	return nil
}

// There are as many holders as verifiers, so all of them are looked at.
const selectHolders = `SELECT application, instance, name, seen_at, epoch, acknowledged, renewals FROM holders
	WHERE seen_at >= $1 ORDER BY application, instance`

func (l leases) Holders(ctx context.Context, since time.Time) (found []feed.Holder, err error) {
	err = l.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		rows, err := c.Query(ctx, selectHolders, millis(since))
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (h feed.Holder, err error) {
			var seen, acknowledged, renewals int64
			err = row.Scan(&h.Application, &h.Instance, &h.Name, &seen, &h.Epoch, &acknowledged, &renewals)
			h.SeenAt, h.Acknowledged, h.Renewals = instant(seen), uint64(acknowledged), uint64(renewals)
			return h, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list lease holders: %w", err)
	}
	return found, nil
}

func (l leases) Forget(ctx context.Context, before time.Time) error {
	err := l.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		_, err := c.Exec(ctx, `DELETE FROM holders WHERE seen_at < $1`, millis(before))
		return err
	})
	if err != nil {
		return fmt.Errorf("forget lease holders: %w", err)
	}
	return nil
}
