package relay

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/web"
	"tandem.example/tandem/verify/revocation"
)

// MetadataPath is where a relay says what it is.
const MetadataPath = "/.well-known/tandem-relay"

// Metadata describes a relay to verifiers and to relays behind it.
type Metadata struct {
	Issuer     string `json:"issuer"` // whose log it repeats
	LeaseMS    int64  `json:"lease_ms"`
	Revocation string `json:"tandem_revocation_endpoint"`
	FeedJWKS   string `json:"tandem_feed_jwks_uri"`
}

const (
	syncPath    = "/v1/revocations/sync"
	keysPath    = "/.well-known/tandem-feed-jwks.json"
	maxSync     = 4 << 10                // bytes of a sync request
	anonymous   = "anonymous"            // the application of those who sent no credential, where that is allowed
	readThrough = 500 * time.Millisecond // for how long an answer that may not wait does wait for upstream
	aheadFor    = 3 * time.Second        // for how long a verifier that is ahead is kept waiting
	retrySoon   = time.Second
	retryLater  = 5 * time.Second // for who is refused
)

// Handler answers the zone.
func (r *Relay) Handler() http.Handler { return r.handler }

func (r *Relay) routes(front *web.Front) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h web.Handler) { mux.Handle(pattern, front.Serve(h)) }
	handle("POST "+syncPath, r.serveSync)
	handle("GET "+MetadataPath, r.serveMetadata)
	handle("GET "+keysPath, func(x *web.Exchange, _ *http.Request) error { return writeJSON(x, r.keySet) })
	handle("GET /livez", func(x *web.Exchange, _ *http.Request) error { return writeJSON(x, []byte(`{"status":"ok"}`)) })
	handle("GET /readyz", r.serveReady)
	handle("/", func(*web.Exchange, *http.Request) error {
		return web.NewProblem(http.StatusNotFound, web.CodeNotFound, "there is nothing at this path: a relay serves the revocation log alone")
	})
	return front.Wrap(mux)
}

// errCold: upstream has not answered yet.
var errCold = errors.New("relay: upstream has not answered yet")

// serveSync answers a verifier of the zone as a server would, from what was read upstream.
func (r *Relay) serveSync(x *web.Exchange, q *http.Request) error {
	client, err := r.authenticate(q)
	if err != nil {
		return err
	}
	var req revocation.Request
	body, err := io.ReadAll(io.LimitReader(q.Body, maxSync+1))
	if len(body) > maxSync {
		return web.TooLarge()
	}
	if err != nil || json.Unmarshal(body, &req) != nil {
		return web.NewProblem(http.StatusBadRequest, web.CodeInvalidRequest, "the body is no sync request")
	}
	l := r.current.Load()
	if l == nil {
		return errCold
	}
	if err := l.approach(q.Context(), req); err != nil {
		return err
	}
	signed, err := l.zone.Sync(q.Context(), feed.Caller{Application: client}, req)
	if err != nil {
		return err
	}
	x.Header().Set("Tandem-Signature", signed.Signature)
	return writeJSON(x, signed.Body)
}

// approach has upstream asked first where the answer would not do: for a verifier that does not want to wait, and so is
// about to decide on what it is told; and for one that is ahead of this relay.
func (l *life) approach(ctx context.Context, req revocation.Request) error {
	l.pace.asked(time.Duration(req.WaitMS) * time.Millisecond)
	fresh, patience := req.WaitMS == 0, readThrough
	epoch, position, _ := l.mirror.place()
	if ahead := req.Epoch != "" && (req.Epoch != epoch || req.Position > position); ahead {
		patience = aheadFor
	} else if !fresh {
		return nil
	}
	return l.mirror.catchUp(ctx, feed.Ask{Epoch: req.Epoch, Position: req.Position}, fresh, patience, l.pace.hurry)
}

// authenticate answers the client that a request comes from.
func (r *Relay) authenticate(q *http.Request) (string, error) {
	headers := q.Header.Values("Authorization")
	if r.InsecureOpen && len(headers) == 0 {
		return anonymous, nil
	}
	id, text, ok := q.BasicAuth()
	if len(headers) != 1 || !ok {
		p := web.NewProblem(http.StatusUnauthorized, web.CodeUnauthenticated, "send the client id and secret that this relay was told of")
		p.Challenge, p.RetryAfter = basicChallenge, retryLater
		return "", p
	}
	id, errID := url.QueryUnescape(id) // RFC 6749 §2.3.1
	text, errText := url.QueryUnescape(text)
	switch {
	case errID != nil || errText != nil || id == "":
	case r.InsecureOpen, r.Clients.accept(id, text):
		return id, nil
	}
	p := web.NewProblem(http.StatusUnauthorized, web.CodeInvalidCredentials, "client id or secret is wrong")
	p.Challenge, p.RetryAfter = basicChallenge, retryLater
	return "", p
}

const basicChallenge = `Basic realm="tandem relay", charset="UTF-8"`

func (r *Relay) serveMetadata(x *web.Exchange, _ *http.Request) error {
	issuer, l := r.issuer.Load(), r.current.Load()
	if issuer == nil || l == nil {
		return errCold
	}
	body, err := json.Marshal(Metadata{Issuer: *issuer, LeaseMS: l.lease.Milliseconds(), Revocation: r.URL + syncPath, FeedJWKS: r.URL + keysPath})
	if err != nil {
		return err
	}
	return writeJSON(x, body)
}

func (r *Relay) serveReady(x *web.Exchange, _ *http.Request) error {
	if !r.Status().Ready {
		return later("there is no lease from upstream")
	}
	return writeJSON(x, []byte(`{"status":"ok"}`))
}

func writeJSON(x *web.Exchange, body []byte) error {
	x.Header().Set("Content-Type", "application/json")
	x.WriteHeader(http.StatusOK)
	_, _ = x.Write(body) // the client is gone if this fails
	return nil
}

func later(detail string) *web.Problem {
	p := web.NewProblem(http.StatusServiceUnavailable, web.CodeUnavailable, detail)
	p.RetryAfter = retrySoon
	return p
}

// problemOf answers the problem that an error is. Whatever goes wrong is 503: a verifier that can go on under its lease
// must not take it for a verdict.
func problemOf(err error) *web.Problem {
	var made *web.Problem
	var field *feed.RequestError
	switch {
	case errors.As(err, &made):
		return made
	case errors.As(err, &field):
		return web.Invalid(field.Field, field.Rule)
	}
	detail := "the relay cannot answer at this moment"
	fault := false
	switch {
	case errors.Is(err, errCold):
		detail = "upstream has not answered yet"
	case errors.Is(err, errBehind):
		detail = "the relay is behind and upstream does not answer"
	case errors.Is(err, feed.ErrStale):
		detail = "upstream has not answered for too long"
	case errors.Is(err, feed.ErrClosed):
		detail = "the relay is shutting down"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	default:
		fault = true
	}
	p := later(detail)
	p.Err, p.Fault = err, fault
	return p
}
