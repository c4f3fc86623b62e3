package relay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/verifytest"
)

// network carries requests to hosts by name, without sockets, so that time may be a bubble's. What leads to a host can
// be slowed down or cut.
type network struct {
	mu    sync.Mutex
	hosts map[string]http.RoundTripper
	links map[string]link
}

// link is the way to a host: how long a request and its answer take, and whether they are lost.
type link struct {
	there, back time.Duration
	cut         bool
}

func newNetwork() *network {
	return &network{hosts: make(map[string]http.RoundTripper), links: make(map[string]link)}
}

func (n *network) add(host string, h http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[host] = direct{h}
}

func (n *network) set(host string, l link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[host] = l
}

func (n *network) look(host string) (http.RoundTripper, link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hosts[host], n.links[host]
}

func (n *network) client() *http.Client { return &http.Client{Transport: n} }

// RoundTrip implements http.RoundTripper. What is lost is not refused: nobody hears of it.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	host, way := n.look(r.URL.Host)
	if host == nil {
		return nil, errors.New("no such host")
	}
	if way.cut {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
	pause(r.Context(), way.there)
	res, err := host.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	_, way = n.look(r.URL.Host)
	if way.cut {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
	pause(r.Context(), way.back)
	if err := context.Cause(r.Context()); err != nil {
		return nil, err
	}
	return res, nil
}

// direct calls a handler.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	answered := make(chan *http.Response, 1)
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	in.Body, in.RemoteAddr = io.NopCloser(bytes.NewReader(body)), "192.0.2.1:1"
	go func() {
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, in)
		answered <- w.Result()
	}()
	select {
	case res := <-answered:
		return res, nil
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

// swap is a handler that can be replaced, as by a restart; nil for nobody there.
type swap struct {
	mu sync.Mutex
	h  http.Handler
}

func (s *swap) set(h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.h = h
}

func (s *swap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	h := s.h
	s.mu.Unlock()
	if h == nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	h.ServeHTTP(w, r)
}

// stand is a relay under test, which can be stopped and started anew at its address.
type stand struct {
	t     *testing.T
	net   *network
	host  string
	door  swap
	setup Config

	relay *Relay
	stop  func()
}

// relayAt starts a relay at http://HOST that follows the upstream.
func relayAt(t *testing.T, n *network, host, upstream string) *stand {
	t.Helper()
	key, err := jws.Generate("relay-"+host, jws.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	s := &stand{t: t, net: n, host: host, setup: Config{
		Upstream: upstream, URL: "http://" + host, Key: key, Name: host, InsecureOpen: true,
		HTTPClient: n.client(), Log: slog.New(slog.DiscardHandler),
	}}
	n.add(host, &s.door)
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *stand) start() {
	s.t.Helper()
	r, err := New(s.setup)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			s.t.Error(err)
		}
	}()
	s.relay = r
	s.door.set(r.Handler())
	s.stop = sync.OnceFunc(func() {
		s.door.set(nil)
		cancel()
		<-done
	})
}

// restart replaces the process: nothing of it remains but its key.
func (s *stand) restart() {
	s.stop()
	s.start()
}

// ready waits until the relay has a lease.
func (s *stand) ready() {
	s.t.Helper()
	for range 2000 {
		if s.relay.Status().Ready {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.t.Fatalf("%s has no lease: %+v", s.host, s.relay.Status())
}

// origin puts a server in memory on the network.
func origin(t *testing.T, n *network, options ...verifytest.Option) *verifytest.Server {
	t.Helper()
	s := verifytest.NewServer(t, append(options, verifytest.InMemory())...)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts["tandem.localhost"] = s.Client().Transport
	return s
}
