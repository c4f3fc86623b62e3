package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/config"
)

// client calls the administration API, wherever it is.
type client struct {
	ctx   context.Context
	base  string
	key   string // API key, for a remote server
	trip  http.RoundTripper
	where string // for people: which server that is
	close func() error
}

// admin answers the API to administer: of --server, of the server that runs on the data directory, or of one opened
// here when none runs. It says which on standard error. A store that is not there is made only if the verb may.
func (a *app) admin(mayMake bool) (*client, error) {
	c, err := a.findAdmin(mayMake)
	if err == nil {
		fmt.Fprintln(a.stderr, c.where)
	}
	return c, err
}

func (a *app) findAdmin(mayMake bool) (*client, error) {
	if a.Server != "" {
		return a.remote()
	}
	cfg, err := a.configuration(nil, false)
	if err != nil {
		return nil, err
	}
	if cfg.Store == "memory" {
		return nil, fmt.Errorf("%w: the store is memory, which only the running server knows: administer it with --server and $TANDEM_API_KEY", errUsage)
	}
	socket := filepath.Join(cfg.DataDir, tandem.SocketName)
	if conn, err := net.Dial("unix", socket); err == nil {
		conn.Close()
		return local(a.ctx, socket, cfg.DataDir), nil
	}
	if _, err := os.Stat(cfg.DataDir); cfg.Embedded() && errors.Is(err, os.ErrNotExist) {
		if !mayMake {
			return nil, fmt.Errorf("there is no store in %s: start the server (tandem serve), or name the right directory with --data-dir", cfg.DataDir)
		}
		fmt.Fprintf(a.stderr, "(there is no store in %s yet: making one)\n", cfg.DataDir)
	}
	quiet := config.Log{Level: "error", Format: cfg.Log.Format} // what a server says at its start is of no use here
	s, err := tandem.Open(a.ctx, cfg, tandem.WithLogger(a.logger(quiet)))
	if err != nil {
		return nil, err
	}
	c := inProcess(a.ctx, s.Local())
	c.where = "(no server runs on " + cfg.DataDir + ": opened its store directly)"
	if !cfg.Embedded() {
		c.where = "(no server runs on " + cfg.DataDir + ": opened " + config.Redacted(cfg.Store) + " directly, as one more node)"
	}
	c.close = s.Close
	return c, nil
}

func (a *app) remote() (*client, error) {
	u, err := url.Parse(a.Server)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%w: --server must be a URL such as https://auth.example.com", errUsage)
	}
	key, err := a.secretVariable("TANDEM_API_KEY")
	if err != nil {
		return nil, err
	}
	if key == "" {
		return nil, fmt.Errorf("%w: --server needs an API key in $TANDEM_API_KEY: make one with `tandem apikey create NAME` on the server", errUsage)
	}
	if u.Scheme == "http" && !isLocal(u.Hostname()) {
		return nil, fmt.Errorf("%w: --server %s would send the API key unencrypted: use https", errUsage, a.Server)
	}
	return &client{ctx: a.ctx, base: strings.TrimSuffix(a.Server, "/"), key: key, trip: http.DefaultTransport,
		where: "(server: " + a.Server + ")", close: func() error { return nil }}, nil
}

func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func local(ctx context.Context, socket, dir string) *client {
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	return &client{ctx: ctx, base: "http://tandem.local", trip: t, where: "(server: the one that runs on " + dir + ")",
		close: func() error { t.CloseIdleConnections(); return nil }}
}

// inProcess calls a handler without a network.
func inProcess(ctx context.Context, h http.Handler) *client {
	return &client{ctx: ctx, base: "http://tandem.local", trip: handlerTrip{h}, close: func() error { return nil }}
}

type handlerTrip struct{ h http.Handler }

func (t handlerTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r.RemoteAddr = "127.0.0.1:0"
	t.h.ServeHTTP(w, r)
	return w.Result(), nil
}

// problem is an error that the API answered.
type problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	ID     string `json:"request_id"`
}

func (p *problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return fmt.Sprintf("%s (%d)", p.Title, p.Status)
}

func isNotFound(err error) bool {
	var p *problem
	return errors.As(err, &p) && p.Code == "not_found"
}

// do calls the API; in and out are JSON, either may be nil.
func (c *client) do(method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(c.ctx, method, c.base+path, body)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	res, err := c.trip.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("call %s: %w: is the server running there?", c.base, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode >= 400 {
		p := &problem{Status: res.StatusCode, Title: http.StatusText(res.StatusCode)}
		_ = json.Unmarshal(b, p) // an answer that is no problem document still has its status
		if c.key != "" && p.Status == http.StatusUnauthorized {
			return fmt.Errorf("%w: $TANDEM_API_KEY may be mistyped, revoked or expired: `tandem apikey list` on the server tells", p)
		}
		return p
	}
	if out == nil || len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

// randomPassword is for a person to copy: 20 characters of 5 bits.
func randomPassword() string { return strings.ToLower(rand.Text()[:20]) }
