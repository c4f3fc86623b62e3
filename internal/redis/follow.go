package redis

import (
	"context"
	"fmt"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

const (
	followEvery = time.Second      // without a hint
	settleEvery = 10 * time.Second // how often marks move
	followTime  = 10 * time.Second // for one look
)

// follow does here what the log says has ended, until the store is closed: as a verifier would, but for the marks,
// which make sure that nothing is left out.
func (s *Store) follow(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	var at feed.Ask
	var settled time.Time
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.hinted:
		}
		err := s.followOnce(ctx, &at)
		if err == nil && time.Since(settled) >= settleEvery {
			if err = s.settleAll(ctx); err == nil {
				settled = time.Now()
			}
		}
		if err == nil {
			err = s.writeClock(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			s.log.Error("redis does not follow the revocation log", "error", err)
		case err == nil && failing:
			s.log.Info("redis follows the revocation log again")
		}
		failing = err != nil
	}
}

func (s *Store) followOnce(ctx context.Context, at *feed.Ask) error {
	ctx, cancel := context.WithTimeout(ctx, followTime)
	defer cancel()
	page, err := s.base.Log.Read(ctx, *at)
	if err != nil {
		return fmt.Errorf("follow the log: %w", err)
	}
	epoch := at.Epoch
	if err := s.heal(ctx, page, func(revocation.ID) bool { return true }); err != nil {
		return err
	}
	*at = feed.Ask{Epoch: page.Head.Epoch, Position: page.Head.Position, Chain: page.Head.Chain.String()}
	s.tell(page.Head)
	if epoch != "" && epoch != page.Head.Epoch {
		return s.settleAll(ctx)
	}
	return nil
}

func (s *Store) settleAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, followTime)
	defer cancel()
	return s.settle(ctx, allBuckets())
}

// heal ends the sessions of which the page says so, and which are wanted.
func (s *Store) heal(ctx context.Context, page feed.Page, wanted func(revocation.ID) bool) error {
	var ended []end
	for _, e := range page.Events {
		if e.Event.Kind != revocation.KindSession {
			continue
		}
		id, err := revocation.ParseID(e.Event.ID)
		if err != nil {
			return fmt.Errorf("follow the log: event %d: %w", e.Event.Seq, err)
		}
		if wanted(id) {
			at := e.RetainUntil.Add(-page.Head.MaxToken - feed.Skew) // about
			ended = append(ended, end{id: id, reason: session.SignedOut, at: at, hearsay: true})
		}
	}
	return s.endRows(ctx, ended)
}

// end is what is to be written of a session's end. It is named as events name it.
type end struct {
	id      revocation.ID
	reason  session.Reason
	at      time.Time
	hearsay bool
}
