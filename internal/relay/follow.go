package relay

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

// life is what a relay knows from its first answer on, for as long as upstream grants leases of one length and tells
// one history. When that changes it begins another life, as if it had been restarted: with a name of its own upstream,
// so that the leases of the former one lapse there by themselves.
type life struct {
	relay    *Relay
	follower *revocation.Follower
	mirror   *mirror
	pace     *pace
	lease    time.Duration
	zone     *feed.Service // nil before the first answer

	mu      sync.Mutex
	epoch   string // of acked
	acked   uint64 // up to where the zone has enforced the log
	failing int
}

// errNewLife: what was known of upstream holds no more.
var errNewLife = errors.New("upstream has changed its lease or its history: the relay begins anew")

func newLife(r *Relay) *life {
	return &life{
		relay: r, mirror: newMirror(r.clock), pace: new(pace),
		// The set is of no use here: the mirror keeps the events as they are. Follower needs one to write to.
		follower: revocation.NewFollower(r.Name, rand.Text(), revocation.NewSet(1)),
	}
}

// run follows upstream until ctx ends or the life does, with errNewLife. Before the first answer it also ends with what
// trying again does not mend.
func (l *life) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var helpers sync.WaitGroup
	defer func() {
		l.relay.current.CompareAndSwap(l, nil)
		stop()
		if l.zone != nil {
			l.zone.Close()
		}
		helpers.Wait()
	}()
	for {
		began := l.zone == nil
		next, err := l.round(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errNewLife), err != nil && began && misconfigured(err):
			return err
		case errors.Is(err, errSuperseded):
			next = spacing
		case err != nil:
			next = l.failed(err)
		}
		if began && l.zone != nil {
			l.relay.current.Store(l)
			helpers.Go(func() { l.enforce(ctx) })
			helpers.Go(func() { l.housekeep(ctx) })
		}
		if next > 0 {
			pause(ctx, next)
		}
	}
}

// misconfigured reports what only the operator can mend.
func misconfigured(err error) bool {
	var status *statusError
	return errors.Is(err, errOtherIssuer) ||
		errors.As(err, &status) && (status.status == http.StatusUnauthorized || status.status == http.StatusForbidden)
}

func (l *life) failed(err error) time.Duration {
	l.failing++
	l.relay.failures.Add(1)
	staleness, _ := l.mirror.staleness()
	l.relay.Log.Warn("relay: upstream does not answer as it should", "error", err, "failures", l.failing)
	return backoff(err, l.failing, l.lease-staleness)
}

// round asks upstream once. The clock is read before the request is sent: from then on counts how old the answer is,
// whatever held it up on its way.
func (l *life) round(ctx context.Context) (next time.Duration, err error) {
	if err := l.relay.upstream.prepare(ctx); err != nil {
		return 0, err
	}
	l.relay.announce()
	polling, wait, done := l.pace.begin(ctx, l.lease)
	defer done()
	polling, cancel := context.WithTimeout(polling, wait+patience(l.lease, l.failing))
	defer cancel()
	req := l.request(wait)
	sent := l.relay.clock()
	rep, err := l.relay.upstream.sync(polling, req)
	if err != nil {
		if errors.Is(context.Cause(polling), errSuperseded) {
			return 0, errSuperseded
		}
		return 0, fmt.Errorf("sync: %w", err)
	}
	received := l.relay.clock()
	if err := l.take(ctx, req, rep, sent, received); err != nil {
		return 0, err
	}
	l.failing = 0
	took, _ := l.relay.clock().Since(sent)
	return max(min(time.Duration(rep.NextMS)*time.Millisecond, maxNext), spacing-took), nil
}

// patience is for how long an answer is waited for beyond what it may be held: a part of the lease, so that a request
// that was lost leaves time for others, and now and then all of it, in case the way is slow. Before the first answer
// there is no lease to save, and that one may be large.
func patience(lease time.Duration, fails int) time.Duration {
	if lease == 0 {
		return min(10*time.Second<<min(fails, 3), time.Minute)
	}
	return lease / 4 << (fails % 3) // an answer that comes later grants nothing
}

// request is what to ask next. What the zone has enforced counts in its own epoch only.
func (l *life) request(wait time.Duration) revocation.Request {
	req := l.follower.Request(rand.Text(), wait)
	l.mu.Lock()
	defer l.mu.Unlock()
	acked := uint64(0)
	if l.epoch == req.Epoch {
		acked = l.acked
	}
	req.Acknowledged = &acked
	return req
}

// take applies a reply and lets the zone have it.
func (l *life) take(ctx context.Context, req revocation.Request, rep revocation.Reply, sent, received revocation.Reading) error {
	lease := time.Duration(rep.LeaseMS) * time.Millisecond
	if l.lease > 0 && lease != l.lease {
		return fmt.Errorf("%w: lease %s, was %s", errNewLife, lease, l.lease)
	}
	out, err := l.follower.Apply(req, rep, received.Mono)
	if err != nil {
		var m *revocation.Mismatch
		if errors.As(err, &m) && m.Alarm() {
			l.mirror.drop()
			l.relay.alarm("relay: the upstream's log contradicts what was known of it", "error", err)
		}
		return fmt.Errorf("sync: %w", err)
	}
	if out.NewEpoch {
		l.relay.alarm("relay: the revocation log began a new epoch: the server's store was restored or replaced", "epoch", rep.Epoch)
	}
	if out.Rewritten {
		l.relay.alarm("relay: the revocation log has another history than before: its store was rolled back or edited")
		return fmt.Errorf("%w: its history was rewritten", errNewLife) // acknowledgements of the old one say nothing
	}
	chain, err := revocation.ParseChain(rep.Chain)
	if err != nil {
		return fmt.Errorf("sync: %w", err) // Apply has parsed it already
	}
	l.mirror.apply(rep, chain, sent, received)
	if l.zone != nil || lease <= 0 {
		return nil
	}
	l.lease = lease
	l.zone, err = feed.Open(ctx, feed.Config{
		Log: l.mirror, Leases: newHolders(), Lease: lease, Sign: l.relay.sign, Now: l.mirror.now,
	})
	return err
}

// enforce finds out up to where the zone obeys the log, and has upstream told. Positions that come while it waits for
// one are taken together: whoever has acknowledged the last of them has all.
func (l *life) enforce(ctx context.Context) {
	doneEpoch, done := "", uint64(0)
	for ctx.Err() == nil {
		epoch, position, answered := l.mirror.place()
		if epoch == doneEpoch && position <= done {
			select {
			case <-answered:
			case <-ctx.Done():
			}
			continue
		}
		// The mirror holds the position already, so whoever is granted a lease from here on has it in the answer.
		if _, err := l.zone.Enforced(ctx, feed.Commit{Position: position, At: l.mirror.now()}); err != nil {
			if ctx.Err() == nil {
				l.relay.Log.Warn("relay: cannot tell what the zone has acknowledged", "error", err)
				pause(ctx, backoffMax)
			}
			continue
		}
		doneEpoch, done = epoch, position
		l.mu.Lock()
		l.epoch, l.acked = epoch, position
		l.mu.Unlock()
		l.pace.hurry()
	}
}

// acknowledged is up to where the zone has enforced the log.
func (l *life) acknowledged() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acked
}

// housekeepEvery is how often what nobody needs any more is dropped.
const housekeepEvery = time.Minute

func (l *life) housekeep(ctx context.Context) {
	ticker := time.NewTicker(housekeepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := l.zone.Housekeep(ctx); err != nil {
				l.relay.Log.Warn("relay: housekeeping failed", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}
