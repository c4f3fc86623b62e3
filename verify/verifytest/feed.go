package verifytest

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
)

// holder is a verifier as the server knows it.
type holder struct {
	name     string
	epoch    string
	position uint64    // acknowledged
	until    time.Time // when its lease is over at the latest
	changed  chan struct{}
}

// maxWait bounds how long a sync request is held.
const maxWait = 25 * time.Second

func (s *Server) serveSync(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if s.settings.client != "" && (id != s.settings.client || secret != s.settings.password) {
		writeProblem(w, http.StatusUnauthorized, "invalid_credentials", "")
		return
	}
	var req revocation.Request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		writeProblem(w, http.StatusBadRequest, "invalid_request", "")
		return
	}
	s.arrive(req)
	s.hold(r.Context(), req)
	body, signature := s.reply(req)
	s.mu.Lock()
	delay := s.delay
	s.mu.Unlock()
	if delay > 0 {
		sleep(r.Context(), delay)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Tandem-Signature", signature)
	_, _ = w.Write(body)
}

// arrive takes note of what a verifier acknowledges.
func (s *Server) arrive(req revocation.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.holders[req.Instance]
	if h == nil {
		h = &holder{changed: make(chan struct{})}
		s.holders[req.Instance] = h
	}
	h.name, h.epoch, h.position = req.Verifier, req.Epoch, req.Position
	h.until = time.Now().Add(time.Duration(req.WaitMS)*time.Millisecond + s.settings.lease)
	close(h.changed)
	h.changed = make(chan struct{})
}

// hold waits until the log is not where the verifier is any more, or its wait
// is over.
func (s *Server) hold(ctx context.Context, req revocation.Request) {
	timer := time.NewTimer(min(time.Duration(req.WaitMS)*time.Millisecond, maxWait))
	defer timer.Stop()
	for {
		s.mu.Lock()
		there := req.Epoch == s.log.epoch && req.Position == s.log.head
		moved := s.log.moved
		s.mu.Unlock()
		if !there {
			return
		}
		select {
		case <-moved:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// reply answers from a read of the log that begins now.
func (s *Server) reply(req revocation.Request) (body []byte, signature string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.log.prune(now)
	events, snapshot := s.log.since(req, now)
	rep := revocation.Reply{
		Epoch: s.log.epoch, From: req.Position, To: s.log.head, Chain: s.log.chains[s.log.head].String(), Nonce: req.Nonce,
		Snapshot: snapshot, Events: events, LeaseMS: s.settings.lease.Milliseconds(),
		ServerTimeMS: now.UnixMilli(), MaxTokenMS: s.settings.maxToken.Milliseconds(),
	}
	if snapshot {
		rep.From = 0
	}
	if s.tamper != nil {
		s.tamper(&rep)
	}
	body, err := json.Marshal(rep)
	if err != nil {
		s.fatal("verifytest: %v", err)
		return nil, ""
	}
	signature, err = s.feed.SignDetached("revocation-sync", body)
	if err != nil {
		s.fatal("verifytest: %v", err)
	}
	return body, signature
}

// Tamper has f change every sync reply before it is signed; nil ends that. So
// lies a server that holds the feed key.
func (s *Server) Tamper(f func(*revocation.Reply)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tamper = f
}

// Delay holds each sync reply for so long after it was made, as a slow proxy
// does: the replies keep coming, but all are old.
func (s *Server) Delay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// FeedKey signs sync replies.
func (s *Server) FeedKey() jws.Signer { return s.feed }

// settlePatience is for how long Settle waits.
const settlePatience = 30 * time.Second

// Settle waits until every verifier that may hold a lease has applied all of
// the log, and fails the test if that takes longer than half a minute.
func (s *Server) Settle() {
	timeout := time.NewTimer(settlePatience)
	defer timeout.Stop()
	for {
		waiting := s.waiting()
		if waiting == nil {
			return
		}
		lapse := time.NewTimer(max(0, time.Until(waiting.until)))
		select {
		case <-waiting.changed:
		case <-lapse.C:
		case <-timeout.C:
			s.fatal("verifytest: verifier %q is at %d of %d after %v", waiting.name, waiting.position, s.Position(), settlePatience)
		}
		lapse.Stop()
	}
}

// waiting returns a copy of a verifier that holds a lease and has not
// acknowledged the head of the log.
func (s *Server) waiting() *holder {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.holders {
		if (h.epoch != s.log.epoch || h.position < s.log.head) && time.Now().Before(h.until) {
			copied := *h
			return &copied
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
