package redis

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/redis/rueidis"

	"tandem.example/tandem/internal/session"
)

// listChunk is how many members are read at a time.
const listChunk = 200

// members answers members of an index below the cursor, the newest first; all of them if limit is 0.
func (s *Store) members(ctx context.Context, index, below string, limit int64) ([]string, error) {
	results, err := s.membersOf(ctx, []string{index}, below, limit)
	if err != nil {
		return nil, err
	}
	return results[0], nil
}

func (s *Store) membersOf(ctx context.Context, indexes []string, below string, limit int64) ([][]string, error) {
	if limit == 0 {
		limit = -1
	}
	results := s.link.readAll(ctx, len(indexes), func(b rueidis.Builder, i int) rueidis.Completed {
		return b.Zrevrangebylex().Key(indexes[i]).Max(below).Min("-").Limit(0, limit).Build()
	})
	out := make([][]string, len(indexes))
	for i, r := range results {
		members, err := r.AsStrSlice()
		if err := failed(ctx, err); err != nil {
			return nil, fmt.Errorf("read index: %w", err)
		}
		out[i] = members
	}
	return out, nil
}

// List reads the user's index, or those of all buckets side by side.
func (p sessions) List(ctx context.Context, q session.Query) (views []session.View, err error) {
	s := p.s
	indexes := []string{s.keys.user(q.User)}
	size := int64(max(q.Limit, listChunk))
	if q.User == "" {
		indexes = indexes[:0]
		for b := range buckets {
			indexes = append(indexes, s.keys.index(b))
		}
		size = size/buckets + 16
	}
	below := "+"
	if q.Before != "" {
		below = "(" + string(q.Before)
	}
	for {
		lists, err := s.membersOf(ctx, indexes, below, size)
		if err != nil {
			return nil, fmt.Errorf("list sessions: %w", err)
		}
		page, last, more := merge(lists, int(size))
		more, below = more && last != "", "("+last
		for len(page) > 0 {
			part := page[:min(len(page), listChunk)]
			page = page[len(part):]
			found, err := p.pick(ctx, q, part)
			if err != nil {
				return nil, fmt.Errorf("list sessions: %w", err)
			}
			if views = append(views, found...); q.Limit > 0 && len(views) >= q.Limit {
				return views[:q.Limit], nil
			}
		}
		if !more {
			return views, nil
		}
	}
}

// merge joins lists that each have the newest first, up to the point to which all of them are known: a list that is full
// may go on after its last.
func merge(lists [][]string, full int) (merged []string, last string, more bool) {
	for _, list := range lists {
		merged = append(merged, list...)
		if len(list) >= full {
			more, last = true, max(last, list[len(list)-1])
		}
	}
	slices.SortFunc(merged, func(a, b string) int { return cmp.Compare(b, a) })
	if more {
		merged = slices.DeleteFunc(merged, func(m string) bool { return m < last })
	}
	return merged, last, more
}

// pick reads the sessions of the members and answers those that the query asks for.
func (p sessions) pick(ctx context.Context, q session.Query, members []string) (views []session.View, err error) {
	var ids []session.ID
	for _, m := range members {
		if id, app := parseMember(m); q.Application == "" || app == q.Application {
			ids = append(ids, id)
		}
	}
	all, err := p.s.lookAll(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if one == nil || one.row.LastSeenAt.Before(q.SeenSince) || !q.AliveAt.IsZero() && one.view.Alive(q.AliveAt) != nil {
			continue
		}
		if q.User == "" || one.row.User == q.User {
			views = append(views, one.view)
		}
	}
	return views, nil
}
