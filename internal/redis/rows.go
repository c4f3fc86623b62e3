package redis

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"github.com/redis/rueidis"

	"tandem.example/tandem/verify/revocation"
)

// chunk is how many rows are read or written in one pipeline.
const chunk = 500

// found is a row with the mark of its bucket, read at one moment.
type found struct {
	row  *row // nil if there is none
	mark mark
}

func (s *Store) row(ctx context.Context, h revocation.ID) (found, error) {
	all, err := s.rows(ctx, []*name{s.name(h)})
	if err != nil {
		return found{}, err
	}
	return all[0], nil
}

// rows reads rows, each with the mark of its bucket: on one server with one command for all, on a cluster with one for
// each, since only the two share a slot.
func (s *Store) rows(ctx context.Context, ids []*name) ([]found, error) {
	out := make([]found, 0, len(ids))
	for len(ids) > 0 {
		part := ids[:min(len(ids), chunk)]
		ids = ids[len(part):]
		var err error
		if s.link.slots && len(part) > 1 {
			out, err = s.rowsOfSlots(ctx, part, out)
		} else {
			out, err = s.rowsAtOnce(ctx, part, out)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Store) rowsAtOnce(ctx context.Context, ids []*name, out []found) ([]found, error) {
	names := make([]string, len(ids), 2*len(ids))
	var at [buckets]int // of a bucket's mark in names, if it is there
	for i, id := range ids {
		names[i] = id.row
		if b := id.bucket; at[b] == 0 {
			at[b] = len(names)
			names = append(names, s.keys.mark(b))
		}
	}
	values, err := s.link.read(ctx, func(b rueidis.Builder) rueidis.Completed { return b.Mget().Key(names...).Build() }).ToArray()
	if err != nil || len(values) != len(names) {
		return nil, fmt.Errorf("read sessions: %w", cmp.Or(failed(ctx, err), errRow))
	}
	for i, id := range ids {
		f, err := s.parseFound(values[i], values[at[id.bucket]], id)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func (s *Store) rowsOfSlots(ctx context.Context, ids []*name, out []found) ([]found, error) {
	results := s.link.readAll(ctx, len(ids), func(b rueidis.Builder, i int) rueidis.Completed {
		return b.Mget().Key(ids[i].row, s.keys.mark(ids[i].bucket)).Build()
	})
	for i, r := range results {
		values, err := r.ToArray()
		if err != nil || len(values) != 2 {
			return nil, fmt.Errorf("read sessions: %w", cmp.Or(failed(ctx, err), errRow))
		}
		f, err := s.parseFound(values[0], values[1], ids[i])
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func (s *Store) parseFound(value, marked rueidis.RedisMessage, of *name) (f found, err error) {
	if text, err := value.ToString(); err == nil {
		if f.row, err = decode(text); err != nil {
			return f, err
		}
		f.row.key = of.row
	}
	if text, err := marked.ToString(); err == nil {
		f.mark = s.parsed.mark(of.bucket, text)
	}
	return f, nil
}

// swap writes the row if nobody has written it since it was read.
func (s *Store) swap(ctx context.Context, r *row) (bool, error) {
	ok, err := doneOf(ctx, s.link.exec(ctx, swapScript, s.swapping(r)))
	if err != nil {
		err = fmt.Errorf("write session: %w", err)
	}
	return ok, err
}

func (s *Store) swapping(r *row) call {
	stamp := r.stamp
	return call{
		keys: []string{r.key},
		args: []string{stamp, r.encode(), strconv.FormatInt(millis(r.expiry()), 10)},
	}
}

// swapAll writes rows and answers which of them somebody else has written meanwhile.
func (s *Store) swapAll(ctx context.Context, rows []*row) (lost []*row, err error) {
	if len(rows) == 0 {
		return nil, nil
	}
	calls := make([]call, len(rows))
	for i, r := range rows {
		calls[i] = s.swapping(r)
	}
	for i, result := range s.link.execAll(ctx, swapScript, calls) {
		ok, err := doneOf(ctx, result)
		if err != nil {
			return nil, fmt.Errorf("write sessions: %w", err)
		}
		if !ok {
			lost = append(lost, rows[i])
		}
	}
	return lost, nil
}

// endRows writes ends, whatever else is being written. Sessions that are not there, or have ended, stay as they are.
func (s *Store) endRows(ctx context.Context, ends []end) error {
	for len(ends) > 0 {
		part := ends[:min(len(ends), chunk)]
		ends = ends[len(part):]
		for len(part) > 0 {
			lost, err := s.tryEnds(ctx, part)
			if err != nil {
				return fmt.Errorf("end sessions: %w", err)
			}
			part = lost
		}
	}
	return nil
}

func (s *Store) tryEnds(ctx context.Context, ends []end) (lost []end, err error) {
	ids := make([]*name, len(ends))
	for i, e := range ends {
		ids[i] = s.name(e.id)
	}
	all, err := s.rows(ctx, ids)
	if err != nil {
		return nil, err
	}
	var rows []*row
	of := map[*row]end{}
	for i, f := range all {
		if f.row != nil && f.row.end(ends[i].reason, ends[i].at, ends[i].hearsay) {
			rows = append(rows, f.row)
			of[f.row] = ends[i]
		}
	}
	again, err := s.swapAll(ctx, rows)
	for _, r := range again {
		lost = append(lost, of[r])
	}
	return lost, err
}
