package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tandem.example/tandem/internal/feed"
)

// holderKey names a holder: instances of two applications are two holders, whatever they call themselves.
type holderKey struct{ application, instance string }

// Leases answers the port to the verifiers that may hold a lease.
func (s *Store) Leases() feed.Leases { return leases{s} }

type leases struct{ s *Store }

func (l leases) Hold(ctx context.Context, holders ...feed.Holder) error {
	return l.s.do(ctx, "leases.Hold", func() error {
		for _, h := range holders {
			key := holderKey{h.Application, h.Instance}
			l.s.holders[key] = l.s.holders[key].Merge(h)
		}
		return nil
	})
}

func (l leases) Holders(ctx context.Context, since time.Time) (found []feed.Holder, err error) {
	err = l.s.do(ctx, "leases.Holders", func() error {
		for _, h := range l.s.holders {
			if !h.SeenAt.Before(since) {
				found = append(found, h)
			}
		}
		slices.SortFunc(found, func(a, b feed.Holder) int {
			return cmp.Or(cmp.Compare(a.Application, b.Application), cmp.Compare(a.Instance, b.Instance))
		})
		return nil
	})
	return found, err
}

func (l leases) Forget(ctx context.Context, before time.Time) error {
	return l.s.do(ctx, "leases.Forget", func() error {
		for key, h := range l.s.holders {
			if h.SeenAt.Before(before) {
				delete(l.s.holders, key)
			}
		}
		return nil
	})
}
