package redis

import (
	"context"
	"fmt"
	"slices"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
)

func (p sessions) End(ctx context.Context, e session.Ending) (feed.Commit, int, error) {
	if e.Session != "" {
		return p.endOne(ctx, e)
	}
	return p.endOf(ctx, e)
}

// endOne puts up a fence that says what is about to happen: of many ends one is announced, and should this node die
// between the log and Redis, whoever heals the session knows why it ended.
func (p sessions) endOne(ctx context.Context, e session.Ending) (feed.Commit, int, error) {
	var w wait
	own := newFence(ending)
	own.reason, own.at = e.Reason, e.At
	for {
		one, err := p.s.look(ctx, e.Session)
		if err != nil {
			return feed.Commit{}, 0, wrap("end session", err)
		}
		if e.User != "" && one.row.User != e.User {
			return feed.Commit{}, 0, session.ErrNotFound
		}
		if !one.endable() {
			// Its row may tell of an end that was committed after the ground was read: the head of now lies behind that.
			ground, err := p.s.ledger.Standing(ctx, nil)
			if err != nil {
				return feed.Commit{}, 0, fmt.Errorf("end session: %w", err)
			}
			return feed.Commit{Position: ground.Head.Position, At: e.At}, 0, nil
		}
		if one.row.fence.nonce == own.nonce {
			return p.announce(ctx, e, one.row) // it stands, though its answer was lost
		}
		if one.row.fence.kind == ending {
			if again, err := w.out(ctx, one.row.fence); err != nil {
				return feed.Commit{}, 0, fmt.Errorf("end session: %w", err)
			} else if again {
				continue
			}
		}
		one.row.fence = own
		fenced, err := p.s.swap(ctx, one.row)
		if err != nil {
			return feed.Commit{}, 0, fmt.Errorf("end session: %w", err)
		}
		if fenced {
			return p.announce(ctx, e, one.row)
		}
	}
}

func (p sessions) announce(ctx context.Context, e session.Ending, r *row) (feed.Commit, int, error) {
	done, err := p.s.ledger.Conclude(ctx, session.Conclusion{
		Sessions: []session.ID{r.ID}, User: r.User, Reason: e.Reason, Theft: e.Theft, Audit: e.Audit, At: e.At,
	})
	if err != nil {
		return feed.Commit{}, 0, fmt.Errorf("end session: %w", err)
	}
	if err := p.s.endRows(ctx, endsOf([]session.ID{r.ID}, e.Reason, e.At)); err != nil {
		return feed.Commit{}, 0, err
	}
	return done.Commit, 1, nil
}

// endOf ends the user's sessions but the excepted one. If none is excepted the ledger ends them all, those that are
// starting too, and nothing is to be written here.
func (p sessions) endOf(ctx context.Context, e session.Ending) (feed.Commit, int, error) {
	ids, ground, err := p.endableOf(ctx, e)
	if err != nil {
		return feed.Commit{}, 0, fmt.Errorf("end sessions: %w", err)
	}
	c := session.Conclusion{User: e.User, Reason: e.Reason, Theft: e.Theft, Audit: e.Audit, At: e.At}
	switch {
	case e.Except == "":
		c.All = true
	case len(ids) == 0:
		return feed.Commit{Position: ground.Head.Position, At: e.At}, 0, nil
	default:
		c.Sessions = ids
	}
	done, err := p.s.ledger.Conclude(ctx, c)
	if err != nil {
		return feed.Commit{}, 0, fmt.Errorf("end sessions: %w", err)
	}
	if err := p.s.endRows(ctx, endsOf(ids, e.Reason, e.At)); err != nil {
		return feed.Commit{}, 0, err
	}
	return done.Commit, len(ids), nil
}

// endableOf answers the user's sessions that nothing has ended yet, in the order of their ids.
func (p sessions) endableOf(ctx context.Context, e session.Ending) (ids []session.ID, ground session.Ground, err error) {
	members, err := p.s.members(ctx, p.s.keys.user(e.User), "+", 0)
	if err != nil {
		return nil, ground, err
	}
	var all []session.ID
	for _, m := range members {
		if id, _ := parseMember(m); id != e.Except {
			all = append(all, id)
		}
	}
	found, err := p.s.lookAll(ctx, all)
	if err != nil {
		return nil, ground, err
	}
	for i, one := range found {
		if one != nil && one.endable() {
			ids = append(ids, all[i])
		}
	}
	slices.Sort(ids)
	if len(ids) == 0 {
		ground, err = p.s.ledger.Standing(ctx, nil)
	}
	return ids, ground, err
}
