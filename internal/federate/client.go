package federate

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode"

	"tandem.example/tandem/internal/secret"
)

// maxBody bounds an answer of a provider, in bytes.
const maxBody = 256 << 10

var (
	errInsecure = errors.New("not an https address")
	errTooMuch  = errors.New("the answer is too large")
	errRedirect = errors.New("it sends us to another host")
)

// newClient makes a client that waits for a bounded time, reads a bounded answer, speaks https unless to this machine,
// and follows nobody to another host.
func newClient(timeout time.Duration) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxResponseHeaderBytes = maxBody
	return &http.Client{
		Transport: careful{t}, Timeout: timeout,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 3 || r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme {
				return errRedirect
			}
			return nil
		},
	}
}

type careful struct{ next http.RoundTripper }

func (c careful) RoundTrip(r *http.Request) (*http.Response, error) {
	if !secure(r.URL) {
		return nil, errInsecure
	}
	resp, err := c.next.RoundTrip(r)
	if err == nil {
		resp.Body = &bounded{resp.Body, maxBody}
	}
	return resp, err
}

// bounded fails where a limit would cut off silently.
type bounded struct {
	io.ReadCloser
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errTooMuch
	}
	return n, err
}

// secure reports whether what is said to the address stays between the two: https, or this machine.
func secure(u *url.URL) bool {
	if u.Scheme != "http" {
		return u.Scheme == "https" && u.Host != ""
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
}

// secureURL reports whether the text is an absolute URL of that kind.
func secureURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.User == nil && secure(u)
}

// plain keeps of an error of a request what says why, and drops what was asked or answered.
func plain(err error) error {
	var network net.Error
	for _, known := range []error{errInsecure, errTooMuch, errRedirect, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, known) {
			return known
		}
	}
	var op *net.OpError
	switch {
	case errors.As(err, &op):
		return op
	case errors.As(err, &network) && network.Timeout():
		return errors.New("no answer in time")
	}
	return errors.New("no answer that can be read")
}

// unreachable words a request that failed.
func unreachable(what string, err error) error {
	return fmt.Errorf("%w: for %s: %w", ErrUnreachable, what, plain(err))
}

// random is 256 bits in base64url.
func random() string { return base64.RawURLEncoding.EncodeToString(secret.Random(32)) }

func unprintable(r rune) bool { return !unicode.IsGraphic(r) }

// clean makes a text of a provider fit to be shown: one line, bounded.
func clean(s string, longest int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool { return unicode.IsSpace(r) || unprintable(r) }), " ")
	if runes := []rune(s); len(runes) > longest {
		s = string(runes[:longest])
	}
	return s
}
