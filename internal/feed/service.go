package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tandem.example/tandem/internal/joint"
	"tandem.example/tandem/verify/revocation"
)

// MaxWait bounds how long a sync request may be held.
const MaxWait = 25 * time.Second

// Config wires a Service. All fields but RestoredAt are required.
type Config struct {
	Log    Log
	Leases Leases
	// Lease is L: for how long a verifier may decide offline after it sent a request.
	Lease time.Duration
	// Sign makes the detached JWS of a reply with the feed key.
	Sign func(body []byte) (string, error)
	Now  func() time.Time
	// RestoredAt is when the store was last restored from a backup; zero if never. Verifiers that it does not know may
	// hold leases that were granted before that, for L at the most.
	RestoredAt time.Time
	// Shared is for a store that several nodes share; nil where one process owns it.
	Shared *Shared
}

// Service answers verifiers and knows which of them hold leases. Safe for concurrent use.
type Service struct {
	Config
	wake    broadcast
	reads   *joint.Asking[Ask, Page]
	holding *holding
	tracker tracker
	pace    pace
	nodes   *nodes // nil where one process owns the store
}

// beforeRestore stands for all verifiers that were granted leases by the store that was replaced.
const beforeRestore = "unknown, from before the restore"

// Open starts a service. Holders that an earlier process may have granted leases to count as holding one for L more.
func Open(ctx context.Context, c Config) (*Service, error) {
	s := &Service{Config: c, reads: joint.New(c.Log.Read), holding: newHolding(c.Leases)}
	s.wake.init()
	s.tracker.init()
	if c.Shared != nil {
		s.nodes = newNodes(*c.Shared)
		if err := s.setClock(ctx); err != nil {
			return nil, fmt.Errorf("ask for the store's time: %w", err)
		}
	}
	// All that are there, for the clock may have been set since they were written.
	span, since := c.Lease, time.Time{}
	if c.Shared != nil {
		span, since = 2*c.Lease, s.now().Add(-forgetAfter) // see look
	}
	holders, err := c.Leases.Holders(ctx, since)
	if err != nil {
		return nil, fmt.Errorf("load lease holders: %w", err)
	}
	until := time.Now().Add(span)
	for _, h := range holders {
		s.tracker.restore(h, until)
	}
	if left := c.RestoredAt.Add(span).Sub(c.Now()); left > 0 {
		s.tracker.restore(Holder{Name: beforeRestore}, time.Now().Add(left))
	}
	if c.Shared != nil {
		if err := s.share(ctx); err != nil {
			return nil, err
		}
	}
	c.Log.OnCommit(s.wake.hint)
	return s, nil
}

// Release answers every held request now, and further ones at once, so that verifiers turn to another node.
func (s *Service) Release() { s.wake.release() }

// Close releases every held request; further ones answer ErrClosed.
func (s *Service) Close() {
	s.wake.close()
	if s.nodes != nil {
		s.nodes.stop()
		<-s.nodes.done
	}
}

// Caller is the authenticated application a sync request came from.
type Caller struct{ Application string }

// Signed is a reply: the exact bytes and the detached JWS over them.
type Signed struct {
	Body      []byte
	Signature string
}

// Sync answers one long poll. It holds the request until the log moves or the wait is over, then answers from a
// read of the primary that began after the request arrived, or says how old the read is. The request acknowledges what
// its Enforced says.
//
// Errors: *RequestError for a malformed request, ErrClosed, ErrStale, and what the store answers.
func (s *Service) Sync(ctx context.Context, caller Caller, req revocation.Request) (Signed, error) {
	if err := checkRequest(req); err != nil {
		return Signed{}, err
	}
	arrived := time.Now()
	key := holderKey{caller.Application, req.Instance}
	if err := s.hold(ctx, key, req.Verifier); err != nil {
		return Signed{}, err
	}
	head, err := s.head(ctx)
	if err != nil {
		return Signed{}, fmt.Errorf("sync: %w", err)
	}
	ask := Ask{Epoch: req.Epoch, Position: req.Position, Chain: req.Chain}
	if ask == (Ask{head.Epoch, head.Position, head.Chain.String()}) {
		s.tracker.acknowledge(key, ask.Epoch, req.Enforced()) // before the wait: somebody may be waiting for it
	}
	if err := s.await(ctx, ask, time.Duration(req.WaitMS)*time.Millisecond); err != nil {
		return Signed{}, err
	}
	held := time.Since(arrived) // before the read begins, so no more than its age has grown meanwhile
	page, err := s.reads.Ask(ctx, ask)
	if err != nil {
		return Signed{}, fmt.Errorf("sync: %w", err)
	}
	if s.nodes != nil {
		s.nodes.saw(page.Head) // before anything of it counts as acknowledged
	}
	if page.Snapshot {
		s.tracker.astray(key)
	} else {
		s.tracker.acknowledge(key, ask.Epoch, req.Enforced())
	}
	// The verifier counts from before the request arrived, so what it must add is how old the read was then.
	page.Age = max(0, page.Age-held)
	if s.nodes != nil && s.nodes.Ring != nil {
		if _, err := s.nodes.Ring(ctx, page.Head.Ring); err != nil {
			return Signed{}, fmt.Errorf("sync: %w", err)
		}
	}
	return s.reply(req, page)
}

// hold records the verifier as the holder of a lease, in the store too. The lease is reckoned from the request's arrival, which is no
// earlier than the verifier's own reckoning (it counts from the sending), and it is recorded before the read: a receipt
// that is being made never overlooks this verifier.
func (s *Service) hold(ctx context.Context, key holderKey, name string) error {
	every := holdEvery
	if s.nodes != nil {
		every = s.Lease // other nodes take a holder for gone whose row was not written for two leases
	}
	now := s.Now()
	write, err := s.tracker.arrive(key, name, s.Lease, every, now)
	if err != nil || !write {
		return err
	}
	h := s.tracker.row(key, s.noted())
	if err := s.holding.write(ctx, h); err != nil {
		return fmt.Errorf("sync: write lease holder: %w", err)
	}
	s.tracker.held(key, now)
	s.tracker.noted([]Holder{h})
	return nil
}

// head reads the end of the log. Where that asks a server, one read answers all who ask at the moment.
func (s *Service) head(ctx context.Context) (Head, error) {
	if s.nodes == nil {
		return s.Log.Head(ctx)
	}
	head, err := s.nodes.heads.Ask(ctx, struct{}{})
	if err == nil {
		s.nodes.saw(head)
	}
	return head, err
}

// await returns when the log is no longer where the verifier stands, or after the wait.
func (s *Service) await(ctx context.Context, ask Ask, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		moved := s.wake.next() // taken before the head is read, so no move is missed
		head, err := s.head(ctx)
		if err != nil {
			return fmt.Errorf("sync: %w", err)
		}
		if ask.Epoch != head.Epoch || ask.Position != head.Position || wait == 0 || s.wake.released() {
			return s.wake.err()
		}
		select {
		case <-moved:
			if err := s.wake.err(); err != nil {
				return err
			}
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *Service) reply(req revocation.Request, page Page) (Signed, error) {
	if page.Age >= s.Lease {
		return Signed{}, fmt.Errorf("sync: %w", ErrStale)
	}
	now := s.Now()
	r := revocation.Reply{
		Epoch: page.Head.Epoch, From: req.Position, To: page.Head.Position, Chain: page.Head.Chain.String(), Nonce: req.Nonce,
		Snapshot: page.Snapshot, Events: make([]revocation.Event, len(page.Events)),
		NextMS:  s.pace.count(time.Now(), s.Lease, s.tracker.living).Milliseconds(),
		LeaseMS: s.Lease.Milliseconds(), AgeMS: int64((page.Age + time.Millisecond - 1) / time.Millisecond), ServerTimeMS: now.UnixMilli(), MaxTokenMS: page.Head.MaxToken.Milliseconds(),
	}
	if page.Snapshot {
		r.From = 0
	}
	for i, e := range page.Events {
		r.Events[i] = e.Event
		// By the clock that is behind, as when pruning: what a verifier forgets too early it accepts.
		r.Events[i].RetainMS = max(0, e.RetainUntil.Sub(earlier(now, s.now())).Milliseconds())
	}
	body, err := json.Marshal(r)
	if err != nil {
		return Signed{}, fmt.Errorf("sync: encode reply: %w", err)
	}
	signature, err := s.Sign(body)
	if err != nil {
		return Signed{}, fmt.Errorf("sync: sign reply: %w", err)
	}
	return Signed{Body: body, Signature: signature}, nil
}

// RequestError says which field of a sync request breaks which rule.
type RequestError struct{ Field, Rule string }

func (e *RequestError) Error() string { return "sync request: " + e.Field + " " + e.Rule }

func checkRequest(r revocation.Request) error {
	switch {
	case r.Verifier == "" || len(r.Verifier) > 128:
		return &RequestError{"verifier", "must be 1 to 128 characters"}
	case r.Instance == "" || len(r.Instance) > 128:
		return &RequestError{"instance", "must be 1 to 128 characters, random per process"}
	case len(r.Nonce) < 16 || len(r.Nonce) > 128:
		return &RequestError{"nonce", "must be 16 to 128 characters, new for each request"}
	case len(r.Epoch) > 64:
		return &RequestError{"epoch", "must be as received, or empty"}
	case len(r.Chain) > 64:
		return &RequestError{"chain", "must be as received, or empty"}
	case r.WaitMS < 0 || r.WaitMS > MaxWait.Milliseconds():
		return &RequestError{"wait_ms", "must be from 0 to 25000"}
	}
	return nil
}
