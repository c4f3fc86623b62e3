package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tandem.example/tandem/verify/jws"
)

// server is the Tandem server as seen from here: what it is asked over HTTP,
// and how much of an answer is read.
type server struct {
	config *Config
	client *http.Client
	own    *http.Transport // to be emptied at close; nil if the client is the caller's
}

const (
	fetchTimeout = 5 * time.Second
	maxDocument  = 1 << 20  // bytes of metadata, a key set or an answer
	maxProblem   = 16 << 10 // bytes of a problem that are looked at
)

func newServer(c *Config) *server {
	s := &server{config: c}
	if c.HTTPClient != nil {
		client := *c.HTTPClient
		client.Timeout = 0 // each question has a limit of its own; a poll is held longer than most
		s.client = &client
	} else {
		s.own = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: fetchTimeout, IdleConnTimeout: time.Minute}
		s.own.MaxIdleConnsPerHost = c.MaxAsks
		s.own.MaxIdleConns = 2 * c.MaxAsks
		s.client = &http.Client{Transport: s.own}
	}
	// A redirect would carry credentials to where nobody configured.
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

func (s *server) close() {
	if s.own != nil {
		s.own.CloseIdleConnections()
	}
}

// metadata is what is needed of the issuer's (RFC 8414 §2).
type metadata struct {
	Issuer   string `json:"issuer"`
	JWKS     string `json:"jwks_uri"`
	Sync     string `json:"tandem_revocation_endpoint"`
	FeedJWKS string `json:"tandem_feed_jwks_uri"`
}

// errOtherIssuer: what answers at the issuer's address says it is another.
var errOtherIssuer = errors.New("the metadata names another issuer")

// discover fetches the metadata, and the relay's if there is one. The issuer in it must be the configured one to
// the letter (RFC 8414 §3.3).
func (s *server) discover(ctx context.Context) (*metadata, error) {
	u, err := url.Parse(s.config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover: %w", err)
	}
	u.Path = "/.well-known/oauth-authorization-server" + strings.TrimSuffix(u.Path, "/") // RFC 8414 §3.1
	body, err := s.get(ctx, u.String(), "")
	if err != nil {
		return nil, fmt.Errorf("discover: %w", err)
	}
	var m metadata
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("discover: %w", err)
	}
	if m.Issuer != s.config.Issuer {
		return nil, fmt.Errorf("discover: %w: %.200q", errOtherIssuer, m.Issuer)
	}
	for _, e := range [...]struct{ name, value string }{
		{"jwks_uri", m.JWKS}, {"tandem_revocation_endpoint", m.Sync}, {"tandem_feed_jwks_uri", m.FeedJWKS},
	} {
		if err := checkEndpoint(e.value, s.config.Issuer); err != nil {
			return nil, fmt.Errorf("discover: %s: %w", e.name, err)
		}
	}
	if s.config.Relay != "" {
		if err := s.throughRelay(ctx, &m); err != nil {
			return nil, err
		}
	}
	return &m, nil
}

// checkEndpoint refuses addresses that are less protected than the one they
// were found at.
func checkEndpoint(address, foundAt string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("is not a URL with a host")
	}
	if u.Scheme != "https" && !strings.HasPrefix(foundAt, u.Scheme+"://") {
		return errors.New("has another scheme than where it was found")
	}
	return nil
}

// keySet fetches a JWK set, past whatever cache may lie in between.
func (s *server) keySet(ctx context.Context, address string) (jws.Set, error) {
	body, err := s.get(ctx, address, "")
	if err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	set, err := jws.ParseSet(body)
	if err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	return set, nil
}

// get fetches a document, with a credential if one is given.
func (s *server) get(ctx context.Context, address, credential string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Cache-Control", "no-cache")
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, refusalOf(res)
	}
	return readAtMost(res.Body, maxDocument)
}

// post sends a sync request and returns the body, exactly as it came, and its
// signature.
func (s *server) post(ctx context.Context, address string, request []byte, limit int64) (body []byte, signature string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(request))
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if s.config.ClientID != "" { // RFC 6749 §2.3.1
		req.SetBasicAuth(url.QueryEscape(s.config.ClientID), url.QueryEscape(s.config.ClientSecret))
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, "", refusalOf(res)
	}
	signatures := res.Header.Values("Tandem-Signature")
	if len(signatures) != 1 {
		return nil, "", fmt.Errorf("%w: %d signatures", errFeedSignature, len(signatures))
	}
	body, err = readAtMost(res.Body, limit)
	return body, signatures[0], err
}

func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("the answer is longer than %d bytes", limit)
	}
	return body, nil
}

// statusError is an answer other than 200.
type statusError struct {
	status     int
	code       string // of the problem, if it is one
	reason     string // of WWW-Authenticate
	retryAfter time.Duration
}

func (e *statusError) Error() string {
	s := "the server answered " + strconv.Itoa(e.status)
	if e.code != "" {
		s += " " + e.code
	}
	return s
}

func refusalOf(res *http.Response) *statusError {
	e := &statusError{status: res.StatusCode}
	if seconds, err := strconv.ParseUint(res.Header.Get("Retry-After"), 10, 16); err == nil {
		e.retryAfter = time.Duration(seconds) * time.Second
	}
	if _, after, ok := strings.Cut(res.Header.Get("WWW-Authenticate"), `reason="`); ok {
		e.reason, _, _ = strings.Cut(after, `"`)
	}
	var p struct {
		Code string `json:"code"`
	}
	if body, err := io.ReadAll(io.LimitReader(res.Body, maxProblem)); err == nil && json.Unmarshal(body, &p) == nil && plainID(p.Code) {
		e.code = p.Code
	}
	return e
}

// whoami asks about a credential: a Refusal if the server does not accept it,
// or cannot be asked.
func (s *server) whoami(ctx context.Context, credential string) (*answer, error) {
	body, err := s.get(ctx, strings.TrimSuffix(s.config.Issuer, "/")+"/v1/session", credential)
	if err != nil {
		return nil, liveRefusal(err)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, unavailable("the server's answer cannot be used", err)
	}
	return &a, nil
}

func liveRefusal(err error) error {
	var status *statusError
	if !errors.As(err, &status) || status.status != http.StatusUnauthorized {
		return unavailable("the server could not be asked", err)
	}
	switch {
	case status.code == CodeSessionEnded:
		return refusedEnded
	case status.reason == refusedRevoked.Reason:
		return refusedRevoked
	case status.reason == refusedStale.Reason:
		return refusedStale
	case status.reason == refusedExpired.Reason:
		return refusedExpired
	case status.reason == refusedUnbound.Reason:
		return refusedUnbound
	}
	return refusedUnknown
}
