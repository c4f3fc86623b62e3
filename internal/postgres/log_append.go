package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/feed"
)

// Append takes part of a round trip and of a commit. Appends wait for each other at the head, each until the one before
// is durable, so those that come while one is under way go together.
func (p revocationLog) Append(ctx context.Context, a feed.Append) (feed.Commit, error) {
	at, err := p.s.appends.do(ctx, a, p.s.appendOne)
	if err != nil {
		return feed.Commit{}, fmt.Errorf("append to the log: %w", err)
	}
	p.s.committed(a.At, len(a.Events))
	return at.commit(a.At), nil
}

func (s *Store) appendOne(ctx context.Context, a feed.Append) (place, error) {
	return s.append(ctx, a.At, drafts(a.At, a.Events), records(a.Audit...))
}

func (s *Store) append(ctx context.Context, at time.Time, drafts, records []string) (reached place, err error) {
	err = s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		return reached.scan(c.QueryRow(ctx, selectAppend, drafts, records, millis(at)))
	})
	return reached, err
}

// appendMany commits the appends together, one behind the other, and answers where each stands.
func (s *Store) appendMany(ctx context.Context, batch []feed.Append) ([]place, error) {
	var events, entries []string
	var last time.Time
	for _, a := range batch {
		events, entries = append(events, drafts(a.At, a.Events)...), append(entries, records(a.Audit...)...)
		if a.At.After(last) {
			last = a.At
		}
	}
	reached, err := s.append(ctx, last, listed(events), listed(entries))
	if err != nil {
		return nil, err
	}
	places := make([]place, len(batch))
	for i := len(batch) - 1; i >= 0; i-- {
		places[i] = reached
		reached.position -= int64(len(batch[i].Events))
	}
	return places, nil
}

// listed is a list that is never NULL.
func listed(texts []string) []string {
	if texts == nil {
		return []string{}
	}
	return texts
}
