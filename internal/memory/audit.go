package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tandem.example/tandem/internal/audit"
)

// Audit answers the port to the audit trail.
func (s *Store) Audit() audit.Store { return trail{s} }

type trail struct{ s *Store }

func (t trail) Record(ctx context.Context, entries ...audit.Entry) error {
	return t.s.do(ctx, "audit.Record", func() error {
		t.s.trail = append(t.s.trail, entries...)
		return nil
	})
}

func (t trail) List(ctx context.Context, q audit.Query) (found []audit.Entry, err error) {
	err = t.s.do(ctx, "audit.List", func() error {
		for _, e := range t.s.trail {
			wanted := (q.User == "" || e.User == q.User) &&
				(q.Type == "" || e.Type == q.Type) &&
				(q.Outcome == "" || e.Outcome == q.Outcome) &&
				!e.At.Before(q.Since) && (q.Until.IsZero() || e.At.Before(q.Until)) &&
				(q.Before == "" || e.ID < q.Before)
			if wanted {
				found = append(found, e)
			}
		}
		slices.SortFunc(found, func(a, b audit.Entry) int { return cmp.Compare(b.ID, a.ID) })
		found = first(found, q.Limit)
		return nil
	})
	return found, err
}

func (t trail) Prune(ctx context.Context, before time.Time, limit int) (pruned int, err error) {
	err = t.s.do(ctx, "audit.Prune", func() error {
		t.s.trail = slices.DeleteFunc(t.s.trail, func(e audit.Entry) bool {
			if pruned == limit || !e.At.Before(before) {
				return false
			}
			pruned++
			return true
		})
		return nil
	})
	return pruned, err
}

// first is a page: at most limit of the rows, all of them if limit is 0.
func first[T any](rows []T, limit int) []T {
	if limit > 0 && len(rows) > limit {
		return rows[:limit]
	}
	return rows
}

func (t trail) Tally(ctx context.Context, types []audit.Type, since time.Time, step time.Duration) (found []audit.Tally, err error) {
	if err := audit.CheckStep(since, step); err != nil {
		return nil, err
	}
	err = t.s.do(ctx, "audit.Tally", func() error {
		counts := map[audit.Tally]int{}
		for _, e := range t.s.trail {
			if !e.At.Before(since) && slices.Contains(types, e.Type) {
				counts[audit.TallyOf(e, since, step)]++
			}
		}
		for what, n := range counts {
			what.Count = n
			found = append(found, what)
		}
		if len(found) > audit.MaxTallies {
			return audit.ErrTooManyTallies
		}
		audit.SortTallies(found)
		return nil
	})
	return found, err
}
