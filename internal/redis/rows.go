package redis

import (
	"context"
	"fmt"
	"strconv"
	"time"

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
	row, mark := s.keys.row(h), s.keys.mark(bucketOf(h))
	result := s.link.read(ctx, func(b rueidis.Builder) rueidis.Completed { return b.Mget().Key(row, mark).Build() })
	return parseFound(ctx, result)
}

func (s *Store) rows(ctx context.Context, ids []revocation.ID) ([]found, error) {
	if len(ids) == 1 {
		f, err := s.row(ctx, ids[0])
		return []found{f}, err
	}
	out := make([]found, 0, len(ids))
	for len(ids) > 0 {
		part := ids[:min(len(ids), chunk)]
		ids = ids[len(part):]
		results := s.link.readAll(ctx, len(part), func(b rueidis.Builder, i int) rueidis.Completed {
			return b.Mget().Key(s.keys.row(part[i]), s.keys.mark(bucketOf(part[i]))).Build()
		})
		for _, r := range results {
			f, err := parseFound(ctx, r)
			if err != nil {
				return nil, err
			}
			out = append(out, f)
		}
	}
	return out, nil
}

func parseFound(ctx context.Context, result rueidis.RedisResult) (f found, err error) {
	values, err := result.ToArray()
	if err != nil {
		return f, fmt.Errorf("read session: %w", failed(ctx, err))
	}
	if len(values) != 2 {
		return f, errRow
	}
	if text, err := values[0].ToString(); err == nil {
		if f.row, err = decode(text); err != nil {
			return f, err
		}
	}
	if text, err := values[1].ToString(); err == nil {
		f.mark = parseMark(text)
	}
	return f, nil
}

// swap writes the row if nobody has written it since it was read. rotated is when, if its refresh token was.
func (s *Store) swap(ctx context.Context, r *row, rotated time.Time) (bool, error) {
	ok, err := doneOf(ctx, s.link.exec(ctx, swapScript, s.swapping(r, rotated)))
	if err != nil {
		err = fmt.Errorf("write session: %w", err)
	}
	return ok, err
}

func (s *Store) swapping(r *row, rotated time.Time) call {
	h := revocation.Hash(string(r.ID))
	latest := ""
	if !rotated.IsZero() {
		latest = strconv.FormatInt(millis(rotated), 10)
	}
	stamp := r.stamp
	return call{
		keys: []string{s.keys.row(h), s.keys.latest(bucketOf(h))},
		args: []string{stamp, r.encode(), strconv.FormatInt(millis(r.expiry()), 10), latest},
	}
}

// swapAll writes rows and answers which of them somebody else has written meanwhile.
func (s *Store) swapAll(ctx context.Context, rows []*row) (lost []*row, err error) {
	if len(rows) == 0 {
		return nil, nil
	}
	calls := make([]call, len(rows))
	for i, r := range rows {
		calls[i] = s.swapping(r, time.Time{})
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
	ids := make([]revocation.ID, len(ends))
	for i, e := range ends {
		ids[i] = e.id
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
