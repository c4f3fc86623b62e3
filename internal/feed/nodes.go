package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tandem.example/tandem/internal/joint"
)

// Shared is what a service needs beside Config where several nodes share the store. No clock of another node is ever
// compared with this one's: a holder whose row was written again since it was last looked at has been granted a lease
// meanwhile, and counts from the look on.
type Shared struct {
	Signals Signals
	// RolledBack is called when the log has lost what it held: a store that failed over to a standby which lacked the
	// tail, or was restored under running nodes. It begins a new epoch in place of `from`.
	RolledBack func(ctx context.Context, from string) error
	// Intact is called when the log was found to hold all that it held at the last look; nil for nothing to do. It
	// answers ErrMayBeLost if there may have been more: a store that has failed over, and whose commits had not waited
	// for the standby.
	Intact func(ctx context.Context) error
	// Ring is called with the version of the signing keys before a reply is signed, so that no key signs that another
	// node has replaced by then; nil for nothing to do.
	Ring func(ctx context.Context, version uint64) (bool, error)
	// Clock is the store's time, by which nodes agree on what may be forgotten, whatever their own clocks show; nil where
	// they share one.
	Clock  func(ctx context.Context) (time.Time, error)
	Logger *slog.Logger
}

const (
	// clockEvery is how often a node asks for the store's time. Meanwhile it counts.
	clockEvery = time.Minute
	// checkEvery is how often a node makes sure that the log has not lost anything; ten times as often while it moves,
	// since what was never seen cannot be missed.
	checkEvery = time.Second
	// lookEvery is how often the holders are read while a receipt waits; hints make it sooner.
	lookEvery = 200 * time.Millisecond
	// gather is for how long acknowledgements are gathered before they are written down for a receipt.
	gather = 25 * time.Millisecond
)

// nodes is the part of a service that shares its store with others.
type nodes struct {
	Shared
	wanted  chan struct{} // a receipt waits somewhere
	written chan struct{} // acknowledgements were written somewhere
	waiting atomic.Int64  // receipts of this node under way
	heads   *joint.Asking[struct{}, Head]
	looks   *joint.Asking[struct{}, struct{}]
	checks  *joint.Asking[struct{}, struct{}]
	moved   atomic.Bool // the log has moved since it was checked
	rolled  atomic.Uint64
	stop    context.CancelFunc
	done    chan struct{}

	mu      sync.Mutex
	last    Ask // the furthest that the log was seen to hold
	at      time.Time
	common  time.Time // the store's time, as it was `counted` ago
	counted time.Time
	own     time.Time // what Config.Now showed then
	broken  time.Time // when the log was last found to have another history, by Now; zero if never
}

// saw notes the end of the log as it was read. Whoever is answered from that read relies on it, so a log that does not
// hold it any more has lost something.
func (n *nodes) saw(head Head) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if head.Epoch == n.last.Epoch && head.Position > n.last.Position {
		n.last, n.at = askAt(head), time.Now()
	}
}

// adopt goes on from the end of a log that holds what was asked for. What was seen beyond it meanwhile stays.
func (n *nodes) adopt(head Head) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.last.Epoch != head.Epoch || n.last.Position <= head.Position {
		n.last, n.at = askAt(head), time.Now()
	}
}

// seen answers the furthest that the log was seen to hold, and since when.
func (n *nodes) seen() (Ask, time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.last, n.at
}

// broke notes when the log was found to have another history.
func (n *nodes) broke(at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.broken = at
}

// mayBeLost reports whether a commit of this node may belong to a history that was replaced: it began before that was
// noticed.
func (n *nodes) mayBeLost(c Commit) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.broken.IsZero() && !c.At.After(n.broken)
}

// setClock asks for the store's time.
func (s *Service) setClock(ctx context.Context) error {
	n := s.nodes
	if n.Clock == nil {
		return nil
	}
	asked, own := time.Now(), s.Now()
	now, err := n.Clock(ctx)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.common, n.counted, n.own = now, asked, own
	n.mu.Unlock()
	return nil
}

// now is the time that all nodes agree on: the store's, where several share it. It decides when something is forgotten. A
// machine that slept lags behind until it has asked again, and then forgets too late.
func (s *Service) now() time.Time {
	if s.nodes == nil || s.nodes.Clock == nil {
		return s.Now()
	}
	n := s.nodes
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.common.Add(time.Since(n.counted))
}

// noted is the time to write down of what must not be forgotten too early: as now, but that it may only be too late.
func (s *Service) noted() time.Time {
	if s.nodes == nil || s.nodes.Clock == nil {
		return s.Now()
	}
	own, now := s.Now(), s.now()
	n := s.nodes
	n.mu.Lock()
	defer n.mu.Unlock()
	return later(now, n.common.Add(own.Sub(n.own)))
}

func askAt(h Head) Ask { return Ask{Epoch: h.Epoch, Position: h.Position, Chain: h.Chain.String()} }

func newNodes(sh Shared) *nodes {
	return &nodes{Shared: sh, wanted: make(chan struct{}, 1), written: make(chan struct{}, 1), done: make(chan struct{})}
}

// share starts what several nodes need. The log is read before it returns: what is lost from now on is noticed.
func (s *Service) share(ctx context.Context) error {
	n := s.nodes
	n.heads = joint.New(func(ctx context.Context, _ struct{}) (Head, error) { return s.Log.Head(ctx) })
	n.looks = joint.New(func(ctx context.Context, _ struct{}) (struct{}, error) { return struct{}{}, s.look(ctx) })
	n.checks = joint.New(func(ctx context.Context, _ struct{}) (struct{}, error) { return struct{}{}, s.check(ctx) })
	if err := s.check(ctx); err != nil {
		return err
	}
	n.Signals.Hear(func(heard Signal) {
		switch heard {
		case AcknowledgementsWanted:
			poke(n.wanted)
		case AcknowledgementsWritten:
			poke(n.written)
		}
	})
	s.Log.OnCommit(func() { n.moved.Store(true) })
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	n.stop = stop
	go s.follow(running)
	return nil
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// follow keeps this node and the rows in step, until ctx ends.
func (s *Service) follow(ctx context.Context) {
	n := s.nodes
	defer close(n.done)
	tick := time.NewTicker(lookEvery / 2)
	defer tick.Stop()
	var looked, checked, wanted time.Time
	set := time.Now()
	acknowledged := s.tracker.next()
	var upTo uint64 // what receipts wait for
	for {
		told := false
		select {
		case <-ctx.Done():
			return
		case <-n.wanted:
			wanted = time.Now()
			if head, err := s.Log.Head(ctx); err == nil {
				upTo = head.Position // whoever asks has committed before
			}
		case <-n.written:
			told = true
		case <-acknowledged:
			pause(ctx, gather)
		case <-tick.C:
		}
		_ = s.Now()                     // looks at the clocks, so that a sleep is seen which a clock that is set back would hide
		acknowledged = s.tracker.next() // before what there is is written down: what comes meanwhile is for the next time
		now := time.Now()
		relaxed := now.Sub(looked) >= s.Lease/4
		switch {
		case relaxed:
			s.attempt(ctx, "write acknowledgements", func(ctx context.Context) error { return s.flush(ctx, 0) })
		case !wanted.IsZero() && now.Sub(wanted) < s.Lease:
			s.attempt(ctx, "write acknowledgements", func(ctx context.Context) error { return s.flush(ctx, upTo) })
		}
		if relaxed || n.waiting.Load() > 0 && (told || now.Sub(looked) >= lookEvery) {
			s.attempt(ctx, "read lease holders", func(ctx context.Context) error {
				_, err := n.looks.Ask(ctx, struct{}{})
				return err
			})
			looked = now
		}
		if now.Sub(set) >= clockEvery {
			s.attempt(ctx, "ask for the time", s.setClock)
			set = now
		}
		if now.Sub(checked) >= checkEvery || now.Sub(checked) >= lookEvery/2 && n.moved.Swap(false) {
			s.attempt(ctx, "check the revocation log", s.intact)
			checked = now
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// attempt does what will be tried again anyway.
func (s *Service) attempt(ctx context.Context, what string, do func(context.Context) error) {
	if err := do(ctx); err != nil && ctx.Err() == nil {
		s.nodes.Logger.Warn("revocation feed: will be tried again", "task", what, "error", err)
	}
}

// flush writes down what was acknowledged to this node since the last time: all of it, or that a position was reached.
func (s *Service) flush(ctx context.Context, position uint64) error {
	holders := s.tracker.unwritten(s.noted(), position)
	if len(holders) == 0 {
		return nil
	}
	if err := s.holding.write(ctx, holders...); err != nil {
		return fmt.Errorf("write acknowledgements: %w", err)
	}
	s.tracker.noted(holders)
	s.nodes.Signals.Raise(AcknowledgementsWritten)
	return nil
}

// look reads what other nodes know of the holders.
func (s *Service) look(ctx context.Context) error {
	head, err := s.Log.Head(ctx)
	if err != nil {
		return fmt.Errorf("read lease holders: %w", err)
	}
	holders, err := s.Leases.Holders(ctx, s.now().Add(-forgetAfter))
	if err != nil {
		return fmt.Errorf("read lease holders: %w", err)
	}
	// A row may be written up to a lease before the lease that it announces is granted (see hold), which then holds for
	// as long again.
	s.tracker.observe(holders, head.Epoch, time.Now().Add(2*s.Lease))
	return nil
}

func (s *Service) intact(ctx context.Context) error {
	_, err := s.nodes.checks.Ask(ctx, struct{}{})
	return err
}

// ErrRolledBack is answered to whoever waits for a receipt while the log is found to have lost its end.
var ErrRolledBack = errors.New("the revocation log has lost what it held: a new epoch begins")

// ErrMayBeLost is answered by Shared.Intact if the log may have held more than anybody here has seen.
var ErrMayBeLost = errors.New("the end of the revocation log may be lost")

// check makes sure that the log still holds what it held at the last look, as a verifier would.
func (s *Service) check(ctx context.Context) error {
	n := s.nodes
	known, at := n.seen()
	page, err := s.Log.Read(ctx, known)
	if err != nil {
		return fmt.Errorf("check the revocation log: %w", err)
	}
	switch {
	case known.Epoch == "": // the first look
	case page.Head.Epoch != known.Epoch:
		// Another node has noticed, or somebody restored a backup.
		s.distrust()
	case page.Snapshot && (page.Head.Position < known.Position || time.Since(at) < page.Head.MaxToken):
		return s.rollBack(ctx, known, page.Head, "the store has lost the end of the revocation log: a new epoch begins")
	}
	if n.Intact != nil {
		err := n.Intact(ctx)
		if errors.Is(err, ErrMayBeLost) {
			return s.rollBack(ctx, known, page.Head, "the store has failed over, and may have lost the end of the revocation log: a new epoch begins")
		}
		if err != nil {
			return err
		}
	}
	n.adopt(page.Head)
	return nil
}

// rollBack raises the alarm and begins a new epoch.
func (s *Service) rollBack(ctx context.Context, known Ask, now Head, what string) error {
	n := s.nodes
	from := known.Epoch
	if from == "" {
		from = now.Epoch
	}
	s.distrust()
	if err := n.RolledBack(ctx, from); err != nil && !errors.Is(err, ErrEpochMoved) {
		return fmt.Errorf("begin a new epoch: %w", err)
	}
	n.rolled.Add(1)
	n.Logger.Error(what, "epoch", from, "held", known.Position, "holds", now.Position)
	return ErrRolledBack
}

// distrust reckons with what was lost with the end of the store: rows that are lost allowed their nodes to grant leases
// for a lease after they were written, hence after they were lost.
func (s *Service) distrust() {
	s.nodes.broke(s.Now())
	s.tracker.restore(Holder{Name: beforeRestore}, time.Now().Add(2*s.Lease))
	s.tracker.doubt()
}

// Rollbacks is how often this node noticed that the log had lost its end.
func (s *Service) Rollbacks() uint64 {
	if s.nodes == nil {
		return 0
	}
	return s.nodes.rolled.Load()
}
