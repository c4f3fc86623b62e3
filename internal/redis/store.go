package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"tandem.example/tandem/internal/session"
)

// Store keeps sessions in Redis and the rest in its Base. Safe for concurrent use, and by any number of nodes.
type Store struct {
	keys   keys
	link   link
	base   Base
	ledger session.Ledger
	finder finder
	log    *slog.Logger
	now    func() time.Time

	remembered memory
	parsed     parsedMarks
	sweeper    sweeper
	clock      clock
	hints      hints
	hinted     chan struct{} // wakes the follower

	stop    context.CancelFunc
	running sync.WaitGroup
	closing sync.Once
	closed  error
}

// Open connects, checks that the server keeps what it confirms, and brings Redis up to the log before anything else can
// read or prune it. The Base is closed with the store, and not if Open fails.
//
// Errors: ErrVolatile, ErrUnknownDurability, ErrReplica, *outage.Error.
func Open(ctx context.Context, c Config) (*Store, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	option, err := c.option()
	if err != nil {
		return nil, err
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		return nil, fmt.Errorf("open: %w", failed(ctx, err))
	}
	s := newStore(c, client)
	if err := s.checkServers(ctx, c); err != nil {
		client.Close()
		return nil, err
	}
	if err := s.settleAll(ctx); err != nil {
		client.Close()
		return nil, fmt.Errorf("open: %w", err)
	}
	c.Base.Log.OnCommit(s.hint)
	background, stop := context.WithCancel(context.Background())
	s.stop = stop
	for _, run := range []func(context.Context){s.follow, s.publishing, s.listening} {
		s.running.Go(func() { run(background) })
	}
	s.hint()
	return s, nil
}

func newStore(c Config, client rueidis.Client) *Store {
	s := &Store{keys: newKeys(c.Prefix), link: newLink(client), base: c.Base, ledger: c.Base.Ledger, log: c.Log, now: c.Now,
		hints: hints{out: make(chan string, outSize)}, hinted: make(chan struct{}, 1)}
	s.finder.look = s.lookAll
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Ping answers nil while both stores can be used.
func (s *Store) Ping(ctx context.Context) error {
	err := s.link.read(ctx, func(b rueidis.Builder) rueidis.Completed { return b.Ping().Build() }).Error()
	return errors.Join(failed(ctx, err), s.base.Whole.Ping(ctx))
}

// Close stops following, and closes the Base too.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.stop()
		s.running.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), answerTime)
		defer cancel()
		if err := s.writeClock(ctx); err != nil {
			s.log.Warn("redis was closed without its last write", "error", err)
		}
		s.link.client.Close()
		s.closed = s.base.Whole.Close()
	})
	return s.closed
}
