package memory

import (
	"cmp"
	"context"
	"slices"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/signing"
)

// Keys answers the port to the signing keys.
func (s *Store) Keys() signing.Store { return keys{s} }

type keys struct{ s *Store }

func (k keys) Keys(ctx context.Context) (found []signing.Stored, version uint64, err error) {
	err = k.s.do(ctx, "signing.Keys", func() error {
		for _, key := range k.s.keys {
			found = append(found, cloneKey(key))
		}
		slices.SortFunc(found, func(a, b signing.Stored) int {
			return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.KID, b.KID))
		})
		version = k.s.log.ring
		return nil
	})
	return found, version, err
}

func (k keys) Change(ctx context.Context, c signing.Change) (commit feed.Commit, err error) {
	err = k.s.do(ctx, "signing.Change", func() error {
		if c.Version != k.s.log.ring {
			return signing.ErrRaced
		}
		k.s.log.ring++
		for _, key := range c.Put {
			k.s.keys[key.KID] = cloneKey(key)
		}
		for _, kid := range c.Delete {
			delete(k.s.keys, kid)
		}
		commit = k.s.finish(c.At, c.Announce, c.Audit...)
		return nil
	})
	return commit, err
}

func cloneKey(k signing.Stored) signing.Stored {
	k.Sealed = slices.Clone(k.Sealed)
	return k
}
