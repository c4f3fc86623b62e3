package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/cors"
)

// Origins decides which other web origins may talk to this server from a browser. It holds the configured ones, the
// issuer's own, and those of the applications, which it looks up again now and then. Who a page may act for is known
// only with the session: see Foreign. Safe for concurrent use.
type Origins struct {
	fixed []string
	list  func(ctx context.Context) ([]string, error)
	log   *slog.Logger

	current atomic.Pointer[origins]
	looking sync.Mutex
}

// origins is one state of the list.
type origins struct {
	allowed map[string]bool
	protect *http.CrossOriginProtection
	read    time.Time
}

// originsFor is for how long the applications' origins are taken as read.
const originsFor = 5 * time.Second

// lookFor bounds one look at them, for which requests from other origins wait.
const lookFor = 2 * time.Second

// NewOrigins takes the issuer, the configured origins, and how to list those of the applications.
func NewOrigins(issuer string, fixed []string, list func(ctx context.Context) ([]string, error), log *slog.Logger) (*Origins, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("origins: issuer: %w", err)
	}
	o := &Origins{fixed: append([]string{u.Scheme + "://" + u.Host}, fixed...), list: list, log: log}
	first, err := o.make(nil)
	if err != nil {
		return nil, err
	}
	first.read = time.Time{} // nothing was read yet
	o.current.Store(first)
	return o, nil
}

func (o *Origins) make(more []string) (*origins, error) {
	n := &origins{allowed: make(map[string]bool), protect: http.NewCrossOriginProtection(), read: time.Now()}
	for _, list := range [][]string{o.fixed, more} {
		for _, origin := range list {
			if err := n.protect.AddTrustedOrigin(origin); err != nil {
				return nil, fmt.Errorf("origins: %w", err)
			}
			n.allowed[origin] = true
		}
	}
	return n, nil
}

// Forget has the applications' origins looked up anew, after one of them was changed.
func (o *Origins) Forget() {
	o.looking.Lock()
	defer o.looking.Unlock()
	old := *o.current.Load()
	old.read = time.Time{}
	o.current.Store(&old)
}

// at answers the list as it is now. If it cannot be read, the last known one goes on.
func (o *Origins) at(ctx context.Context) *origins {
	if now := o.current.Load(); time.Since(now.read) < originsFor {
		return now
	}
	o.looking.Lock()
	defer o.looking.Unlock()
	now := o.current.Load()
	if time.Since(now.read) < originsFor {
		return now
	}
	// Whoever asks must not be able to prevent it by hanging up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookFor)
	defer cancel()
	listed, err := o.list(ctx)
	if err == nil {
		var next *origins
		if next, err = o.make(listed); err == nil {
			o.current.Store(next)
			return next
		}
	}
	o.log.WarnContext(ctx, "allowed origins were not read again", "error", err)
	again := *now
	again.read = time.Now()
	o.current.Store(&again)
	return now
}

// Check refuses a state-changing request that a page of another origin sent, with a *Problem. Requests that do not
// come from a browser have no origin and pass.
func (o *Origins) Check(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return nil
	}
	now := o.at(r.Context())
	err := now.protect.Check(r)
	if origin := r.Header.Get("Origin"); err == nil && o.downgraded(r, origin) && !now.allowed[origin] {
		err = errDowngraded
	}
	if err != nil {
		p := NewProblem(http.StatusForbidden, CodeForbidden, "the request came from a page of another origin")
		p.Err = err
		return p
	}
	return nil
}

// errDowngraded: the standard library compares hosts only where a browser is too old to say where a request comes from.
var errDowngraded = errors.New("the page was loaded without encryption")

// downgraded reports a page of plain http, which anybody on its way may have written, acting on a server of https.
func (o *Origins) downgraded(r *http.Request, origin string) bool {
	return r.Header.Get("Sec-Fetch-Site") == "" && strings.HasPrefix(origin, "http://") && strings.HasPrefix(o.fixed[0], "https://")
}

// Foreign answers the origin of the page that a request came from, if that is another application's: neither this
// server's own nor a configured one, which may act with any user's cookie. It is empty for all others, and for requests
// that do not come from a page. Check knows what all applications allow together; for which of them a page may act is
// to be compared with this once the session is known.
func (o *Origins) Foreign(r *http.Request) string {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(o.fixed, origin) {
		return ""
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return "" // this server under another of its names
	case "":
		if u, err := url.Parse(origin); err == nil && u.Host == r.Host {
			return "" // the same, said by a browser that is old
		}
	}
	return origin
}

// CheckOwn refuses a request to a page that does not come from one of this server's own, with a *Problem: that of an
// application's page too, and of a configured origin. A browser may come here from anywhere by a link, which sends no
// Origin; what sends one wants to read the answer by script, which CORS would let it, or to change something. Requests
// that do not come from a browser pass.
func (o *Origins) CheckOwn(r *http.Request) error {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		if origin == "" {
			return nil
		}
	}
	own := site == "same-origin" || site == "none" || site == "" && (origin == "" || origin == o.fixed[0])
	if !own {
		p := NewProblem(http.StatusForbidden, CodeForbidden, "the request came from a page of another origin")
		p.Err = errors.New("not from a page of this server")
		return p
	}
	return nil
}

// CORS lets the pages of allowed origins read answers that are meant for their user. Other origins get no leave.
func (o *Origins) CORS() *cors.Cors {
	return cors.New(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (bool, []string) {
			return o.at(r.Context()).allowed[origin], nil
		},
		AllowCredentials: true,
		AllowedMethods:   []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete},
		AllowedHeaders:   []string{"Authorization", "Content-Type", "X-Request-Id"},
		ExposedHeaders:   []string{"X-Request-Id", "WWW-Authenticate", "Retry-After", "Tandem-Position"},
		MaxAge:           600,
	})
}

// PublicCORS lets any page read what is public anyway, without the user's cookie.
func PublicCORS() *cors.Cors {
	return cors.New(cors.Options{AllowedOrigins: []string{"*"}, AllowedMethods: []string{http.MethodGet, http.MethodHead}, MaxAge: 600})
}
