package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tandem.example/tandem/verify/jws"
)

// issuer is a Tandem server as anybody sees it.
type issuer struct {
	Name string `json:"issuer"`
	JWKS string `json:"jwks_uri"`
	Feed string `json:"tandem_revocation_endpoint"`

	date time.Time // what its clock shows, to the second; zero if it did not say
}

// discoverTimeout bounds each question to an issuer.
const discoverTimeout = 5 * time.Second

// maxDocument bounds what is read of an answer, in bytes.
const maxDocument = 1 << 20

// discover asks the server at the URL who it is (RFC 8414 §3). It must call itself by that URL to the letter.
func discover(ctx context.Context, at string) (issuer, error) {
	var found issuer
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return found, fmt.Errorf("%w: the issuer must be a URL such as https://auth.example.com", errUsage)
	}
	if u.Scheme == "http" && !isLocal(u.Hostname()) {
		return found, fmt.Errorf("%w: what issuer %s says over plain http could be anybody's word: use https", errUsage, at)
	}
	u.Path = "/.well-known/oauth-authorization-server" + strings.TrimSuffix(u.Path, "/")
	body, date, err := fetch(ctx, u.String())
	if err != nil {
		return found, fmt.Errorf("ask issuer %s: %w", at, err)
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return found, fmt.Errorf("ask issuer %s: what answers there is no Tandem server: %w", at, err)
	}
	found.date = date
	if found.Name != at {
		return found, fmt.Errorf("the server at %s calls itself %s: use that URL, letter by letter, or set issuer there", at, printable(found.Name))
	}
	return found, nil
}

// keys fetches the keys that sign its access tokens.
func (i issuer) keys(ctx context.Context) (jws.Set, error) {
	body, _, err := fetch(ctx, i.JWKS)
	if err != nil {
		return nil, fmt.Errorf("fetch keys of %s: %w", i.Name, err)
	}
	set, err := jws.ParseSet(body)
	if err != nil {
		return nil, fmt.Errorf("fetch keys of %s: %w", i.Name, err)
	}
	return set, nil
}

func fetch(ctx context.Context, address string) (body []byte, date time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, date, err
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	defer t.CloseIdleConnections()
	client := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return nil, date, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, date, fmt.Errorf("%s answered %d", address, res.StatusCode)
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, maxDocument+1))
	if err == nil && len(body) > maxDocument {
		err = errors.New("the answer is too long")
	}
	date, _ = http.ParseTime(res.Header.Get("Date"))
	return body, date, err
}
