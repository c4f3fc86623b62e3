package verify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"time"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
)

// Sync is what one successful sync brought; see Config.OnSync.
type Sync struct {
	Epoch    string
	Position uint64
	Events   []revocation.Event // must not be changed
	Snapshot bool
	// Sent and Received are when the request was sent and the reply had come.
	Sent, Received time.Time
	// ServerTime is what the issuer's clock showed when it answered.
	ServerTime time.Time
}

// syncer follows the revocation log: one goroutine, one request after another.
type syncer struct {
	v        *Verifier
	follower *revocation.Follower

	// The goroutine's own.
	began    time.Time // entries are retained by the monotonic clock since
	metadata *metadata
	feedKeys jws.Set
	owesKeys bool // the token keys must be fetched before a lease is granted
	fails    int  // rounds in vain since the last that was not
	fetched  reading

	first chan error // the first round's result, once

	mu     sync.Mutex
	over   chan struct{}      // closed at the end of the round under way
	cancel context.CancelFunc // of the poll under way, if it waits for something to happen
	urgent bool               // the next poll must not wait
	stuck  bool               // the last round failed, or keeps somebody waiting in vain
}

const (
	pollWait     = 2 * time.Second        // how long the server may hold a request
	minWait      = 20 * time.Millisecond  // however fresh a route wants to be
	spacing      = 5 * time.Millisecond   // between polls at least, whatever the server does
	syncPatience = time.Second            // for how long a decision waits for a sync
	backoffBase  = 100 * time.Millisecond // after the first failure; doubled each time
	backoffMax   = 3 * time.Second
	maxNext      = 30 * time.Second // of next_ms and Retry-After
	guessedLease = 10 * time.Second // before the first
	keysEvery    = 5 * time.Minute  // the token keys are fetched anyway
)

func newSyncer(v *Verifier) *syncer {
	instance := rand.Text()
	return &syncer{
		v: v, follower: revocation.NewFollower(v.config.Name, instance, v.entries),
		began: time.Now(), first: make(chan error, 1), over: make(chan struct{}),
	}
}

// run syncs until the verifier is closed.
func (s *syncer) run(ctx context.Context) {
	for ctx.Err() == nil {
		next, err := s.round(ctx)
		if ctx.Err() != nil {
			return
		}
		superseded := errors.Is(err, errSuperseded)
		if !superseded {
			s.report(err)
			s.finish(err)
		}
		select {
		case s.first <- err:
		default:
		}
		if err != nil && !superseded {
			next = s.backoff(err)
		}
		if next > 0 {
			pause(ctx, next)
		}
	}
}

// errSuperseded: the poll was given up because somebody cannot wait for it.
var errSuperseded = errors.New("superseded")

// finish wakes those who wait for a sync.
func (s *syncer) finish(err error) {
	s.mu.Lock()
	close(s.over)
	s.over = make(chan struct{})
	s.stuck = err != nil
	s.mu.Unlock()
}

// hurry has the next poll made now, and without waiting for something to happen.
// It returns what is closed at the end of a round, or true if trying is in vain.
func (s *syncer) hurry() (over <-chan struct{}, stuck bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stuck {
		return nil, true
	}
	if !s.urgent {
		s.urgent = true
		if s.cancel != nil {
			s.cancel()
		}
	}
	return s.over, false
}

// await waits for the end of a round, which it makes one that does not wait for
// something to happen. It returns false if that is in vain.
func (s *syncer) await(ctx context.Context) bool {
	over, stuck := s.hurry()
	if stuck {
		return false
	}
	timer := time.NewTimer(syncPatience)
	defer timer.Stop()
	select {
	case <-over:
		return true
	case <-timer.C:
		s.mu.Lock()
		s.stuck = s.stuck || s.over == over
		s.mu.Unlock()
	case <-ctx.Done():
	case <-s.v.tasks.ctx.Done():
	}
	return false
}

// backoff is how long to wait after a failure: longer each time, spread out,
// and not shorter than the server asks for.
func (s *syncer) backoff(err error) time.Duration {
	s.fails++
	wait := min(backoffBase<<min(s.fails-1, 10), backoffMax)
	wait = wait/2 + mathrand.N(wait/2)
	if l := s.v.lease.Load(); l.Length > 0 { // while there is a lease to save, try several times more
		wait = min(wait, max(backoffBase, l.remaining(s.v.config.clock(), l.Length)/4))
	}
	var status *statusError
	if errors.As(err, &status) {
		wait = max(wait, min(status.retryAfter, maxNext))
	}
	return wait
}

// round is one sync. The order of its steps is what the promise rests on: the
// clock is read before the request is sent, the reply is checked and applied,
// open requests are ended, the token keys are as new as the reply, and only
// then the lease is granted.
func (s *syncer) round(ctx context.Context) (next time.Duration, err error) {
	if err := s.prepare(ctx); err != nil {
		return 0, err
	}
	p, err := s.poll(ctx)
	if err != nil {
		return 0, err
	}
	// What was seen to pass will not do here: a wall clock that is set ahead must not make entries expire.
	out, err := s.follower.Apply(p.request, p.reply, time.Since(s.began))
	if err != nil {
		return 0, s.mismatch(err)
	}
	s.alarms(out)
	if len(out.Applied) > 0 || out.Snapshot {
		s.v.watches.recheck()
	}
	if err := s.renewKeys(ctx, out); err != nil {
		return 0, err
	}
	if !s.grant(p) {
		return 0, errNoLease
	}
	if f := s.v.config.OnSync; f != nil {
		f(Sync{
			Epoch: p.reply.Epoch, Position: p.reply.To, Events: out.Applied, Snapshot: out.Snapshot,
			Sent: wall(p.sent), Received: wall(p.received), ServerTime: time.UnixMilli(p.reply.ServerTimeMS),
		})
	}
	next = min(time.Duration(p.reply.NextMS)*time.Millisecond, maxNext)
	return max(next, spacing-passed(p.sent, s.v.config.clock())), nil
}

// renewKeys fetches the token keys if one of them may have been revoked: a key
// event says so, and with a snapshot one may have been missed, pruned while
// nobody was listening. Until that has succeeded no lease is granted, however
// many replies come meanwhile.
func (s *syncer) renewKeys(ctx context.Context, out revocation.Outcome) error {
	s.owesKeys = s.owesKeys || out.Snapshot
	for _, e := range out.Applied {
		s.owesKeys = s.owesKeys || e.Kind == revocation.KindKey
	}
	now := s.v.config.clock()
	routine := passed(s.fetched, now) >= keysEvery
	if !s.owesKeys && !routine {
		return nil
	}
	err := s.v.keys.refresh(ctx)
	if err != nil && s.owesKeys {
		return err
	}
	s.owesKeys, s.fetched = false, now
	if err == nil && routine {
		err = s.fetchFeedKeys(ctx)
	}
	if err != nil {
		s.v.config.Logger.Warn("verify: routine fetch of keys failed", "error", err)
	}
	return nil
}

// grant publishes the lease of a reply that has been applied. It counts from
// when the request was sent: what the reply holds was read after that, and
// whatever held it up on its way here must count.
func (s *syncer) grant(p polled) bool {
	r := p.reply
	next := &lease{
		Lease:    r.Lease(p.sent),
		maxToken: time.Duration(r.MaxTokenMS) * time.Millisecond,
		epoch:    revocation.Short(r.Epoch), position: r.To,
		clock: s.v.lease.Load().clock.observe(p.sent, p.received, time.Duration(r.ServerTimeMS)*time.Millisecond),
	}
	next.Length = min(next.Length, maxLease)
	if next.granted = next.Length; next.granted == 0 {
		next.granted = s.v.lease.Load().granted
	}
	s.v.lease.Store(next)
	if next.Length <= next.Age {
		return false
	}
	s.fails = 0
	return true
}

// errNoLease: a reply that is in order and permits nothing. The server is not
// asked again at once.
var errNoLease = errors.New("sync: the reply grants no lease")

// mismatch deals with a reply that does not fit.
func (s *syncer) mismatch(err error) error {
	var m *revocation.Mismatch
	if errors.As(err, &m) && m.Alarm() {
		s.drop()
	}
	return fmt.Errorf("sync: %w", err)
}

// alarms raises the alarms of a reply that was applied.
func (s *syncer) alarms(out revocation.Outcome) {
	if out.NewEpoch || out.Rewritten {
		s.drop()
	}
	if out.NewEpoch {
		s.v.alarm("verify: the revocation log began a new epoch: the server's store was restored or replaced")
	}
	if out.Rewritten {
		s.v.alarm("verify: the revocation log has another history than before: its store was rolled back or edited")
	}
}

// drop takes the lease back.
func (s *syncer) drop() { s.v.lease.Store(s.v.lease.Load().withdrawn()) }

// report keeps and logs what became of a round.
func (s *syncer) report(err error) {
	s.v.lastError.Store(&err)
	var m *revocation.Mismatch
	var status *statusError
	switch {
	case err == nil:
	case errors.As(err, &m), errors.Is(err, errFeedSignature), errors.Is(err, errOtherIssuer), errors.Is(err, errOtherRelay):
		s.v.alarm("verify: the revocation feed is not to be trusted", "error", err)
	case errors.As(err, &status) && status.status == http.StatusUnauthorized:
		s.v.config.Logger.Error("verify: the server refuses Config.ClientID and ClientSecret", "error", err)
	default:
		s.v.config.Logger.Warn("verify: sync failed", "error", err, "failures", s.fails+1)
	}
}

func wall(r reading) time.Time { return time.Unix(0, int64(r.Wall)) }
