package redis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/id"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// Sessions answers the port to sessions.
func (s *Store) Sessions() session.Store { return sessions{s} }

type sessions struct{ s *Store }

func (p sessions) Find(ctx context.Context, id session.ID) (session.View, error) {
	one, err := p.s.look(ctx, id)
	if err != nil {
		return session.View{}, wrap("find session", err)
	}
	return one.view, nil
}

// wrap adds the operation to what the port does not name.
func wrap(operation string, err error) error {
	if errors.Is(err, session.ErrNotFound) {
		return session.ErrNotFound
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// Start is admitted by the ledger first, at a position that no later end of all sessions overlooks. The session is
// inserted last: until then nobody holds a token of it.
func (p sessions) Start(ctx context.Context, start session.Start) (session.View, error) {
	s, one := p.s, start.Session
	h := revocation.Hash(string(one.ID))
	before, err := s.row(ctx, h)
	if err != nil {
		return session.View{}, fmt.Errorf("start session: %w", err)
	}
	if before.row != nil {
		return session.View{}, fmt.Errorf("session %s exists already", one.ID)
	}
	if err := s.ready(ctx, bucketOf(h), before.mark); err != nil {
		return session.View{}, fmt.Errorf("start session: %w", err)
	}
	ground, err := s.ledger.Admit(ctx, start)
	if err != nil {
		return session.View{}, admission(err)
	}
	one.EndedAt, one.EndReason = time.Time{}, ""
	r := &row{Session: one, started: ground.Here()}
	if err := p.makeRoom(ctx, r, start.Limit); err != nil {
		return session.View{}, fmt.Errorf("start session: %w", err)
	}
	if r, err = s.insert(ctx, r); err != nil {
		return session.View{}, fmt.Errorf("start session: %w", err)
	}
	s.nameOf(r)
	if start.Limit > 0 {
		if err := s.evictable(ctx, r); err != nil {
			return session.View{}, fmt.Errorf("start session: %w", err)
		}
	}
	return see(found{row: r}, ground, ground.Of[0]).view, nil
}

// evictable ends the session that was just inserted if another, which started at the same time, has pushed it out
// before it was there: then the log tells of its end, and whoever has done in Redis what the log tells has found no row
// to end. Without this it would live again once the log forgets.
func (s *Store) evictable(ctx context.Context, r *row) error {
	one, err := s.look(ctx, r.ID)
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	if err != nil || one.how.Announced.IsZero() {
		return err
	}
	return s.endRows(ctx, endsOf([]session.ID{r.ID}, session.LimitReached, r.CreatedAt))
}

// ready makes sure that a bucket can be trusted before a session begins in it: once that was lost, as in a Redis that was
// emptied, whatever began before it is established again counts as unknown.
func (s *Store) ready(ctx context.Context, bucket int, m mark) error {
	if m.raw != "" {
		ground, err := s.ledger.Standing(ctx, nil)
		if err != nil || m.trusted(ground) {
			return err
		}
	}
	return s.settle(ctx, []int{bucket})
}

// admission leaves the errors that the port names as they are.
func admission(err error) error {
	if errors.Is(err, session.ErrAccountChanged) {
		return session.ErrAccountChanged
	}
	return fmt.Errorf("start session: %w", err)
}

// insert answers the row as it is kept: times in the grain of the store, and nothing shared with the caller.
func (s *Store) insert(ctx context.Context, r *row) (*row, error) {
	h := revocation.Hash(string(r.ID))
	value := r.encode()
	ok, err := doneOf(ctx, s.link.exec(ctx, insertScript, call{
		keys: []string{s.keys.row(h), s.keys.index(bucketOf(h))},
		args: []string{value, strconv.FormatInt(millis(r.expiry()), 10), member(r.ID, r.Application)},
	}))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("session %s exists already", r.ID)
	}
	return decode(value)
}

// makeRoom takes a place among the user's sessions for the one that starts, and ends those that the limit pushes out.
func (p sessions) makeRoom(ctx context.Context, starting *row, limit int) error {
	s := p.s
	args := []string{member(starting.ID, starting.Application), string(starting.Application), strconv.Itoa(max(limit, 0)),
		strconv.FormatInt(millis(starting.expiry()), 10)}
	if limit > 0 {
		dead, err := p.deadOf(ctx, starting)
		if err != nil {
			return err
		}
		args = append(args, dead...)
	}
	out, err := s.link.exec(ctx, reserveScript, call{
		keys: []string{s.keys.user(starting.User), s.keys.evicted(starting.User)}, args: args,
	}).AsStrSlice()
	if err := failed(ctx, err); err != nil {
		return fmt.Errorf("make room: %w", err)
	}
	var ids []session.ID
	for _, m := range out {
		one, _ := parseMember(m)
		ids = append(ids, one)
	}
	if len(ids) == 0 {
		return s.tidy(ctx, starting)
	}
	return s.conclude(ctx, ids, session.Conclusion{
		Sessions: ids, User: starting.User, Reason: session.LimitReached, At: starting.CreatedAt,
	})
}

// conclude announces ends and then writes them.
func (s *Store) conclude(ctx context.Context, ids []session.ID, c session.Conclusion) error {
	if _, err := s.ledger.Conclude(ctx, c); err != nil {
		return fmt.Errorf("announce the end: %w", err)
	}
	return s.endRows(ctx, endsOf(ids, c.Reason, c.At))
}

func endsOf(ids []session.ID, reason session.Reason, at time.Time) []end {
	ends := make([]end, len(ids))
	for i, one := range ids {
		ends[i] = end{id: revocation.Hash(string(one)), reason: reason, at: at}
	}
	return ends
}

// starting is for how long a session that has a place in the index may not be inserted yet.
const starting = time.Minute

// deadOf answers the members of the user's index that do not count towards the limit, and takes those out that nobody
// will list any more.
func (p sessions) deadOf(ctx context.Context, one *row) (dead []string, err error) {
	s := p.s
	members, err := s.members(ctx, s.keys.user(one.User), "+", 0)
	if err != nil {
		return nil, err
	}
	members = slices.DeleteFunc(members, func(m string) bool {
		_, app := parseMember(m)
		return app != one.Application
	})
	ids := make([]session.ID, len(members))
	for i, m := range members {
		ids[i], _ = parseMember(m)
	}
	all, err := s.lookAll(ctx, ids)
	if err != nil {
		return nil, err
	}
	var gone []string
	for i, m := range members {
		switch {
		case all[i] != nil && all[i].view.Alive(one.CreatedAt) == nil:
		case all[i] == nil && young(ids[i], one.CreatedAt):
		case all[i] == nil:
			gone = append(gone, m)
		default:
			dead = append(dead, m)
		}
	}
	return dead, s.forget(ctx, one.User, gone)
}

// young says that a session which is not there may be about to start.
func young(one session.ID, now time.Time) bool {
	const prefix = len("ses_")
	if len(one) < prefix {
		return false
	}
	made, ok := id.Time(string(one[prefix:]))
	return ok && now.Sub(made).Abs() < starting
}

const (
	tidyEvery = 8  // starts
	tidyLooks = 32 // members
)

// tidy takes the oldest members out of the user's index whose rows Redis has forgotten, now and then, so that the index
// of a user who signs in for years does not grow for years.
func (s *Store) tidy(ctx context.Context, one *row) error {
	if rand.N(tidyEvery) > 0 {
		return nil
	}
	members, err := s.link.read(ctx, func(b rueidis.Builder) rueidis.Completed {
		return b.Zrangebylex().Key(s.keys.user(one.User)).Min("-").Max("+").Limit(0, tidyLooks).Build()
	}).AsStrSlice()
	if err := failed(ctx, err); err != nil {
		return fmt.Errorf("tidy sessions: %w", err)
	}
	ids, names := make([]session.ID, len(members)), make([]*name, len(members))
	for i, m := range members {
		ids[i], _ = parseMember(m)
		names[i] = s.name(revocation.Hash(string(ids[i])))
	}
	rows, err := s.rows(ctx, names)
	if err != nil {
		return err
	}
	var gone []string
	for i, m := range members {
		if rows[i].row == nil && !young(ids[i], one.CreatedAt) {
			gone = append(gone, m)
		}
	}
	return s.forget(ctx, one.User, gone)
}

// forget takes members out of the user's index.
func (s *Store) forget(ctx context.Context, user account.ID, members []string) error {
	if len(members) == 0 {
		return nil
	}
	err := s.link.client.Do(ctx, s.link.client.B().Zrem().Key(s.keys.user(user)).Member(members...).Build()).Error()
	if err := failed(ctx, err); err != nil {
		return fmt.Errorf("forget sessions: %w", err)
	}
	return nil
}

// Touch gives up on a session that is being written by others again and again: they slide it too.
func (p sessions) Touch(ctx context.Context, sightings []session.Sighting) error {
	if len(sightings) == 0 {
		return nil
	}
	times := map[session.ID][]time.Time{}
	for _, one := range sightings {
		times[one.ID] = append(times[one.ID], one.At)
	}
	var ids []session.ID
	for one, at := range times {
		ids = append(ids, one)
		slices.SortFunc(at, time.Time.Compare)
	}
	for range attempts {
		var err error
		if ids, err = p.touch(ctx, ids, times); err != nil {
			return fmt.Errorf("touch sessions: %w", err)
		}
		if len(ids) == 0 {
			break
		}
	}
	return nil
}

func (p sessions) touch(ctx context.Context, ids []session.ID, times map[session.ID][]time.Time) (again []session.ID, err error) {
	all, err := p.s.lookAll(ctx, ids)
	if err != nil {
		return nil, err
	}
	var rows []*row
	for _, one := range all {
		if one == nil {
			continue
		}
		was := one.row.IdleExpiresAt
		seen := one.row.LastSeenAt
		for _, at := range times[one.row.ID] {
			if one.join(); one.view.Alive(at) == nil {
				one.row.slide(at, one.row.IdleDeadline(at))
			}
		}
		if !one.row.IdleExpiresAt.Equal(was) || !one.row.LastSeenAt.Equal(seen) {
			rows = append(rows, one.row)
		}
	}
	for len(rows) > 0 {
		part := rows[:min(len(rows), chunk)]
		rows = rows[len(part):]
		lost, err := p.s.swapAll(ctx, part)
		if err != nil {
			return nil, err
		}
		for _, r := range lost {
			again = append(again, r.ID)
		}
	}
	return again, nil
}
