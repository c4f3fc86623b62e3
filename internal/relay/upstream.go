package relay

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
	"tandem.example/tandem/verify/revocation"
)

const (
	fetchTimeout = 5 * time.Second
	maxDocument  = 1 << 20 // bytes of metadata or a key set
)

// upstream is the feed that is relayed, as seen from here: what it is asked over HTTP. One goroutine uses it.
type upstream struct {
	config *Config
	client *http.Client

	found *Metadata
	keys  jws.Set
}

// serverMetadata is what is needed of a Tandem server's (RFC 8414 §2).
type serverMetadata struct {
	Issuer     string `json:"issuer"`
	Revocation string `json:"tandem_revocation_endpoint"`
	FeedJWKS   string `json:"tandem_feed_jwks_uri"`
}

// errOtherIssuer: what answers upstream serves the log of somebody else.
var errOtherIssuer = errors.New("upstream serves another issuer")

// errSignature: a reply that the upstream's feed key did not sign.
var errSignature = errors.New("the reply is not signed by the upstream's feed key")

// prepare finds out what must be known before upstream can be asked.
func (u *upstream) prepare(ctx context.Context) error {
	if u.found == nil {
		m, err := u.discover(ctx)
		if err != nil {
			return fmt.Errorf("discover upstream: %w", err)
		}
		u.found = m
	}
	if u.keys == nil {
		return u.fetchKeys(ctx)
	}
	return nil
}

// discover reads what a relay says of itself, or else what a server does.
func (u *upstream) discover(ctx context.Context) (*Metadata, error) {
	base, err := url.Parse(u.config.Upstream)
	if err != nil {
		return nil, err
	}
	var m Metadata
	err = u.read(ctx, strings.TrimSuffix(u.config.Upstream, "/")+MetadataPath, &m)
	var status *statusError
	if errors.As(err, &status) && status.status == http.StatusNotFound {
		var s serverMetadata
		path := *base
		path.Path = "/.well-known/oauth-authorization-server" + strings.TrimSuffix(base.Path, "/") // RFC 8414 §3.1
		if err = u.read(ctx, path.String(), &s); err == nil && s.Issuer != u.config.Upstream {
			err = fmt.Errorf("%w: %.200q is at its address", errOtherIssuer, s.Issuer) // RFC 8414 §3.3
		}
		m = Metadata{Issuer: s.Issuer, Revocation: s.Revocation, FeedJWKS: s.FeedJWKS}
	}
	if err != nil {
		return nil, err
	}
	if want := u.config.Issuer; want != "" && m.Issuer != want {
		return nil, fmt.Errorf("%w: %.200q", errOtherIssuer, m.Issuer)
	}
	for _, address := range []string{m.Revocation, m.FeedJWKS} {
		e, err := url.Parse(address)
		if err != nil || e.Host == "" || e.User != nil || e.Scheme != "https" && e.Scheme != base.Scheme {
			return nil, errors.New("its metadata names an endpoint that is no URL, or less protected than upstream")
		}
	}
	return &m, nil
}

func (u *upstream) fetchKeys(ctx context.Context) error {
	body, err := u.get(ctx, u.found.FeedJWKS)
	if err != nil {
		return fmt.Errorf("fetch the upstream's feed keys: %w", err)
	}
	u.keys, err = jws.ParseSet(body)
	if err != nil {
		return fmt.Errorf("fetch the upstream's feed keys: %w", err)
	}
	return nil
}

func (u *upstream) read(ctx context.Context, address string, into any) error {
	body, err := u.get(ctx, address)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

func (u *upstream) get(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Cache-Control", "no-cache")
	body, _, err := u.do(r, maxDocument)
	return body, err
}

// sync sends one request and answers the reply, whose signature is checked.
func (u *upstream) sync(ctx context.Context, req revocation.Request) (rep revocation.Reply, err error) {
	text, err := json.Marshal(req)
	if err != nil {
		return rep, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.found.Revocation, bytes.NewReader(text))
	if err != nil {
		return rep, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if u.config.ClientID != "" { // RFC 6749 §2.3.1
		r.SetBasicAuth(url.QueryEscape(u.config.ClientID), url.QueryEscape(u.config.ClientSecret.Reveal()))
	}
	body, header, err := u.do(r, revocation.MaxReplyBytes)
	if err != nil {
		var status *statusError
		if errors.As(err, &status) && (status.status == http.StatusNotFound || status.status == http.StatusGone) {
			u.found, u.keys = nil, nil // it has moved
		}
		return rep, err
	}
	if signatures := header.Values("Tandem-Signature"); len(signatures) != 1 {
		return rep, fmt.Errorf("%w: %d signatures", errSignature, len(signatures))
	}
	if err := u.check(ctx, body, header.Get("Tandem-Signature")); err != nil {
		return rep, err
	}
	return revocation.DecodeReply(body)
}

// check verifies a reply's exact bytes with the feed keys, which are fetched once more if they lack the one it names.
func (u *upstream) check(ctx context.Context, body []byte, signature string) error {
	header, err := jws.DetachedHeader(signature)
	if err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	key, ok := u.keys.Find(header.KeyID)
	if !ok {
		if err := u.fetchKeys(ctx); err != nil {
			return err
		}
		if key, ok = u.keys.Find(header.KeyID); !ok {
			return fmt.Errorf("%w: unknown key", errSignature)
		}
	}
	if err := jws.VerifyDetached(signature, body, "revocation-sync", key); err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	return nil
}

func (u *upstream) do(r *http.Request, limit int64) ([]byte, http.Header, error) {
	res, err := u.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		e := &statusError{status: res.StatusCode}
		if seconds, err := strconv.ParseUint(res.Header.Get("Retry-After"), 10, 16); err == nil {
			e.retryAfter = time.Duration(seconds) * time.Second
		}
		return nil, nil, e
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = fmt.Errorf("the answer is longer than %d bytes", limit)
	}
	return body, res.Header, err
}

// statusError is an answer other than 200.
type statusError struct {
	status     int
	retryAfter time.Duration
}

func (e *statusError) Error() string { return "upstream answered " + strconv.Itoa(e.status) }
