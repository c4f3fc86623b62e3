package verify

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
)

// prepare fetches what is needed before the first poll.
func (s *syncer) prepare(ctx context.Context) error {
	if s.metadata == nil {
		m, err := s.v.server.discover(ctx)
		if err != nil {
			return err
		}
		s.metadata = m
		s.v.jwks.Store(&m.JWKS)
	}
	if s.feedKeys == nil {
		return s.fetchFeedKeys(ctx)
	}
	return nil
}

func (s *syncer) fetchFeedKeys(ctx context.Context) error {
	keys, err := s.v.server.keySet(ctx, s.metadata.FeedJWKS)
	if err != nil {
		return fmt.Errorf("feed: %w", err)
	}
	s.feedKeys = keys
	return nil
}

// polled is a reply whose signature has been checked, with its request.
type polled struct {
	request        revocation.Request
	reply          revocation.Reply
	sent, received reading
}

// poll sends one request and checks the reply's signature.
func (s *syncer) poll(ctx context.Context) (polled, error) {
	granted := s.v.lease.Load().Length
	if granted == 0 {
		granted = guessedLease
	}
	ctx, wait, done := s.begin(ctx, granted)
	defer done()
	p := polled{request: s.follower.Request(rand.Text(), wait)}
	request, err := json.Marshal(p.request)
	if err != nil {
		return p, fmt.Errorf("sync: %w", err)
	}
	p.sent = s.v.config.clock()
	body, signature, err := s.v.server.post(ctx, s.metadata.Sync, request, revocation.MaxReplyBytes)
	p.received = s.v.config.clock()
	if errors.Is(context.Cause(ctx), errSuperseded) && err != nil {
		return p, errSuperseded
	}
	if err != nil {
		s.forgetMoved(err)
		return p, fmt.Errorf("sync: %w", err)
	}
	if err := s.checkSignature(ctx, body, signature); err != nil {
		return p, fmt.Errorf("sync: %w", err)
	}
	p.reply, err = revocation.DecodeReply(body)
	if err != nil {
		return p, fmt.Errorf("sync: %w", err)
	}
	return p, nil
}

// forgetMoved has the metadata fetched anew if the endpoint is not where it
// says any more.
func (s *syncer) forgetMoved(err error) {
	var status *statusError
	if errors.As(err, &status) && (status.status == http.StatusNotFound || status.status == http.StatusGone) {
		s.metadata, s.feedKeys = nil, nil
	}
}

// begin chooses how long the next poll may wait, and bounds it: a reply that
// comes when its lease would have lapsed is of no use.
func (s *syncer) begin(ctx context.Context, granted time.Duration) (_ context.Context, wait time.Duration, done func()) {
	ctx, supersede := context.WithCancelCause(ctx)
	s.mu.Lock()
	if !s.urgent && s.v.lease.Load().Length > 0 {
		wait = s.v.pollWait()
	}
	if wait > minWait {
		s.cancel = func() { supersede(errSuperseded) }
	}
	s.urgent = false
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, wait+granted)
	return ctx, wait, func() {
		s.mu.Lock()
		s.cancel = nil
		s.mu.Unlock()
		cancel()
		supersede(context.Canceled)
	}
}

// errFeedSignature: a reply that the feed key did not sign.
var errFeedSignature = errors.New("the reply is not signed by the feed key")

// checkSignature checks the reply's exact bytes with the feed's keys, which are
// fetched once more if they lack the one it names. Token keys are no good here:
// whoever stole one must not be able to forge the feed.
func (s *syncer) checkSignature(ctx context.Context, body []byte, signature string) error {
	header, err := jws.DetachedHeader(signature)
	if err != nil {
		return fmt.Errorf("%w: %w", errFeedSignature, err)
	}
	key, ok := s.feedKeys.Find(header.KeyID)
	if !ok {
		if err := s.fetchFeedKeys(ctx); err != nil {
			return err
		}
		if key, ok = s.feedKeys.Find(header.KeyID); !ok {
			return fmt.Errorf("%w: unknown key", errFeedSignature)
		}
	}
	if err := jws.VerifyDetached(signature, body, "revocation-sync", key); err != nil {
		return fmt.Errorf("%w: %w", errFeedSignature, err)
	}
	return nil
}
