package tandem

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/postgres"
	"tandem.example/tandem/internal/redis"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/signing"
)

// A store that several nodes share is a PostgreSQL, with a Redis for the sessions beside it if configured.

// sharedStore is such a store.
type sharedStore struct {
	store
	main *postgres.Store
	// suspect is set when a connection was made to a server whose history is not the one that was confirmed last: a
	// standby was promoted, and the end of the log may be lost.
	suspect *atomic.Bool
	// watched is when replication was last looked at, in nanoseconds since 1970.
	watched *atomic.Int64
}

// watchEvery is how often a node looks whether commits wait for a standby.
const watchEvery = time.Second

func openShared(ctx context.Context, c Config, o options) (store, error) {
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil { // for the administration socket and the master key
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	s := sharedStore{suspect: new(atomic.Bool), watched: new(atomic.Int64)}
	var err error
	s.main, err = postgres.Open(ctx, postgres.Config{
		URL: c.Store, NoMigrate: c.NoMigrate, InsecureAllowAsyncCommit: c.InsecureAllowAsyncCommit, Logger: o.logger,
		OnTimeline: func() { s.suspect.Store(true) },
	})
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := s.checkClock(ctx); err != nil {
		return nil, errors.Join(err, s.main.Close())
	}
	s.store = s.main
	if c.Sessions.Store != "" {
		beside, err := redis.Open(ctx, redis.Config{
			URL: c.Sessions.Store, InsecureAllowVolatile: c.Sessions.InsecureAllowVolatile, Log: o.logger,
			Base: redis.Base{Ledger: s.main.Ledger(), SignIn: s.main.SignIn(), Log: s.main.Log(), Whole: s.main},
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("sessions.store: %w", err), s.main.Close())
		}
		s.store = apart{s.main, beside}
	}
	if err := s.settleTimeline(ctx, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// checkClock refuses a clock that is further off than is reckoned with anywhere: what this node commits would be kept
// for too short a time.
func (s sharedStore) checkClock(ctx context.Context) error {
	asked := time.Now()
	there, err := s.main.Time(ctx)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if off := asked.Sub(there); off > feed.Skew || off < -feed.Skew {
		return fmt.Errorf("the clock of this machine and that of PostgreSQL differ by %s: keep both right with NTP", off.Abs().Round(time.Second))
	}
	return nil
}

// apart is a PostgreSQL whose sessions are kept in Redis, which extends what concerns both.
type apart struct {
	*postgres.Store
	sessions *redis.Store
}

func (a apart) Log() feed.Log              { return a.sessions.Log() }
func (a apart) Sessions() session.Store    { return a.sessions.Sessions() }
func (a apart) Bindings() session.Bindings { return a.sessions.Bindings() }
func (a apart) SignIn() signin.Store       { return a.sessions.SignIn() }
func (a apart) Limits() limit.Store        { return a.sessions.Limits() }
func (a apart) Signals() feed.Signals      { return a.sessions.Signals() }

func (a apart) Ping(ctx context.Context) error { return a.sessions.Ping(ctx) }

func (a apart) LastCommit(ctx context.Context) (time.Time, error) { return a.sessions.LastCommit(ctx) }

func (a apart) BeginEpoch(ctx context.Context, n feed.NewEpoch) (feed.Commit, error) {
	return a.sessions.BeginEpoch(ctx, n)
}

// Close closes both.
func (a apart) Close() error { return a.sessions.Close() }

// settleTimeline begins a new epoch if the server's history is another than the one that was confirmed last: no node
// that ran meanwhile has seen to it that nothing is lost, so it must be taken for lost.
func (s sharedStore) settleTimeline(ctx context.Context, o options) error {
	rolled, err := s.main.Rolled(ctx)
	if err != nil || !rolled {
		return err
	}
	head, err := s.Log().Head(ctx)
	if err != nil {
		return fmt.Errorf("read the head of the log: %w", err)
	}
	o.logger.Error("PostgreSQL has failed over or was restored since this store was last used: the end of the revocation log may be lost, and a new epoch begins",
		"epoch", head.Epoch, "position", head.Position)
	if err := s.rolledBack(ctx, head.Epoch); err != nil && !errors.Is(err, feed.ErrEpochMoved) {
		return err
	}
	return nil
}

// rolledBack begins a new epoch of a log that has lost its end, or may have. Nodes notice at the same time, and each
// would tell Redis of an epoch of its own, so that none which then begins is the one it was told of last, and every
// session ends: one node at a time does, and those who waited find it done, which is feed.ErrEpochMoved.
func (s sharedStore) rolledBack(ctx context.Context, from string) error {
	for {
		begun := false
		err := s.main.Alone(ctx, "begin a new epoch", func(ctx context.Context) (err error) {
			begun, err = s.beginAfter(ctx, from)
			return err
		})
		if err != nil || begun {
			return err
		}
		select {
		case <-time.After(epochPause):
		case <-ctx.Done():
			return fmt.Errorf("begin a new epoch: %w", context.Cause(ctx))
		}
	}
}

// epochPause is how long a node waits for another that begins an epoch before it looks again.
const epochPause = 50 * time.Millisecond

// beginAfter begins an epoch if `from` is still the one.
func (s sharedStore) beginAfter(ctx context.Context, from string) (begun bool, err error) {
	head, err := s.Log().Head(ctx)
	if err != nil {
		return false, fmt.Errorf("begin a new epoch: %w", err)
	}
	if head.Epoch != from {
		return false, fmt.Errorf("begin a new epoch: %w", feed.ErrEpochMoved)
	}
	now := time.Now()
	entry := audit.New(audit.StoreRolledBack, now)
	entry.Actor, entry.Reason = "system", "the store has lost what was committed last"
	_, err = s.BeginEpoch(ctx, feed.NewEpoch{Epoch: feed.RandomEpoch(), From: from, KeepHolders: true, Audit: entry, At: now})
	if err != nil {
		return false, fmt.Errorf("begin a new epoch: %w", err)
	}
	return true, s.main.ConfirmTimeline(ctx)
}

// intact is asked once the log was found to hold all that this node had seen of it. After a failover that is all there
// was if commits had waited for the standby, and the server's new history is confirmed. Otherwise there may have been
// more, which nobody here had seen: a token may carry its position, and one that is given out again would not be
// refused by it.
func (s sharedStore) intact(ctx context.Context) error {
	if last := s.watched.Load(); time.Since(time.Unix(0, last)) >= watchEvery && s.watched.CompareAndSwap(last, time.Now().UnixNano()) {
		if err := s.main.WatchReplication(ctx); err != nil {
			return err
		}
	}
	if !s.suspect.Swap(false) {
		return nil
	}
	rolled, err := s.main.Rolled(ctx)
	if err == nil && rolled && !s.main.Replicated() {
		err = feed.ErrMayBeLost // it stays suspect until the new epoch has confirmed the history
	} else if err == nil && rolled {
		err = s.main.ConfirmTimeline(ctx)
	}
	if err != nil {
		s.suspect.Store(true)
	}
	return err
}

// nodes is what the feed needs where several nodes share the store; nil elsewhere.
func nodes(st store, ring *signing.Ring, o options) *feed.Shared {
	s, ok := st.(sharedStore)
	if !ok {
		return nil
	}
	return &feed.Shared{Signals: st.Signals(), RolledBack: s.rolledBack, Intact: s.intact, Ring: ring.Follow, Clock: s.main.Time, Logger: o.logger}
}
