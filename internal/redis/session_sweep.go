package redis

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// sweepLooks is how many sessions one Sweep looks at, at most: Redis forgets rows by itself, so what is left to do is to
// clear them out of the indexes, and to delete early what ended long before its deadline.
const sweepLooks = 4096

// sweeper remembers where the last Sweep stopped.
type sweeper struct {
	mu     sync.Mutex
	bucket int
	after  string // member
}

// Sweep looks at a bounded number of sessions, the oldest of a bucket first, and goes on there the next time. What Redis
// has forgotten already does not count.
func (p sessions) Sweep(ctx context.Context, before time.Time, limit int) (swept int, err error) {
	at := &p.s.sweeper
	at.mu.Lock()
	defer at.mu.Unlock()
	for looked, turns := 0, 0; looked < sweepLooks && turns <= buckets; {
		members, err := p.s.oldest(ctx, at.bucket, at.after, listChunk)
		if err != nil {
			return swept, fmt.Errorf("sweep sessions: %w", err)
		}
		n, done, err := p.sweepOf(ctx, at, members, before, limit-swept)
		if swept += n; err != nil || !done {
			return swept, err
		}
		if looked += len(members); len(members) < listChunk {
			at.bucket, at.after = (at.bucket+1)%buckets, ""
			turns++
		}
	}
	return swept, nil
}

// oldest answers members of a bucket after the given one.
func (s *Store) oldest(ctx context.Context, bucket int, after string, limit int64) ([]string, error) {
	from := "-"
	if after != "" {
		from = "(" + after
	}
	members, err := s.link.read(ctx, func(b rueidis.Builder) rueidis.Completed {
		return b.Zrangebylex().Key(s.keys.index(bucket)).Min(from).Max("+").Limit(0, limit).Build()
	}).AsStrSlice()
	return members, failed(ctx, err)
}

// sweepOf deletes those of the members that are long dead. It is done unless the limit came in between.
func (p sessions) sweepOf(ctx context.Context, at *sweeper, members []string, before time.Time, limit int) (swept int, done bool, err error) {
	ids, names := make([]revocation.ID, len(members)), make([]*name, len(members))
	for i, m := range members {
		one, _ := parseMember(m)
		ids[i] = revocation.Hash(string(one))
		names[i] = p.s.name(ids[i])
	}
	rows, err := p.s.rows(ctx, names)
	if err != nil {
		return 0, false, fmt.Errorf("sweep sessions: %w", err)
	}
	for i, m := range members {
		r := rows[i].row
		if r != nil && swept == limit {
			return swept, false, nil
		}
		if dead := r == nil || r.longDead(before); dead {
			dropped, err := p.drop(ctx, m, ids[i], r)
			if err != nil {
				return swept, false, err
			}
			if dropped && r != nil {
				swept++
			}
		}
		at.after = m
	}
	return swept, true, nil
}

func (r *row) longDead(before time.Time) bool {
	ended := !r.EndedAt.IsZero() && r.EndedAt.Before(before)
	return ended || r.ExpiresAt.Before(before) || r.IdleExpiresAt.Before(before)
}

func (p sessions) drop(ctx context.Context, m string, id revocation.ID, r *row) (bool, error) {
	stamp := ""
	if r != nil {
		stamp = r.stamp
	}
	dropped, err := doneOf(ctx, p.s.link.exec(ctx, dropScript, call{
		keys: []string{p.s.keys.row(id), p.s.keys.index(bucketOf(id))}, args: []string{stamp, m},
	}))
	if err != nil || r == nil || !dropped {
		return dropped, err
	}
	return true, p.s.forget(ctx, r.User, []string{member(session.ID(r.ID), r.Application)})
}
