package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
)

// APIKeys answers the port to API keys.
func (s *Store) APIKeys() credential.APIKeys { return apiKeys{s} }

type apiKeys struct{ s *Store }

func (k apiKeys) Create(ctx context.Context, key credential.APIKey, entry audit.Entry) error {
	return k.s.do(ctx, "apikey.Create", func() error {
		if _, ok := k.s.apiKeys[key.ID]; ok {
			return fmt.Errorf("api key %s exists already", key.ID)
		}
		k.s.apiKeys[key.ID] = cloneAPIKey(key)
		k.s.finish(key.CreatedAt, nil, entry)
		return nil
	})
}

func (k apiKeys) Find(ctx context.Context, id string) (found credential.APIKey, err error) {
	err = k.s.do(ctx, "apikey.Find", func() error {
		key, ok := k.s.apiKeys[id]
		if !ok {
			return credential.ErrAPIKeyNotFound
		}
		found = cloneAPIKey(key)
		return nil
	})
	return found, err
}

func (k apiKeys) List(ctx context.Context) (found []credential.APIKey, err error) {
	err = k.s.do(ctx, "apikey.List", func() error {
		for _, key := range k.s.apiKeys {
			found = append(found, cloneAPIKey(key))
		}
		slices.SortFunc(found, func(a, b credential.APIKey) int { return cmp.Compare(a.ID, b.ID) })
		return nil
	})
	return found, err
}

func (k apiKeys) Revoke(ctx context.Context, id string, at time.Time, entry audit.Entry) error {
	return k.s.do(ctx, "apikey.Revoke", func() error {
		key, ok := k.s.apiKeys[id]
		if !ok {
			return credential.ErrAPIKeyNotFound
		}
		if key.RevokedAt != nil {
			return nil
		}
		key.RevokedAt = &at
		k.s.apiKeys[id] = key
		k.s.finish(at, nil, entry)
		return nil
	})
}

func cloneAPIKey(k credential.APIKey) credential.APIKey {
	k.ExpiresAt, k.RevokedAt = cloneTime(k.ExpiresAt), cloneTime(k.RevokedAt)
	return k
}

func cloneTime(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	c := *t
	return &c
}
