package verifytest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
)

// Response is what the server is about to answer; see Intercept.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

func (r *Response) writer() http.ResponseWriter { return &recorder{response: r} }

type recorder struct{ response *Response }

func (w *recorder) Header() http.Header    { return w.response.Header }
func (w *recorder) WriteHeader(status int) { w.response.Status = status }
func (w *recorder) Write(b []byte) (int, error) {
	w.response.Body = append(w.response.Body, b...)
	return len(b), nil
}

type weather uint8

const (
	fair        weather = iota
	crashed             // connections are cut at once
	partitioned         // nothing gets through, and nobody is told
	paused              // requests wait, to be handled later
)

// network is what lies between the server and everybody else.
type network struct {
	mu        sync.Mutex
	weather   weather
	changed   chan struct{}
	intercept func(*http.Request, *Response)
	done      chan struct{}
}

func (n *network) init() {
	n.changed = make(chan struct{})
	n.done = make(chan struct{})
}

func (n *network) set(to weather) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.weather = to
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *network) close() { close(n.done) }

// Partition lets nothing through from now on, neither requests nor answers, and
// tells nobody, until Heal. What was sent meanwhile is lost.
func (s *Server) Partition() { s.network.set(partitioned) }

// Crash cuts all connections at once, and each new one, until Heal.
func (s *Server) Crash() { s.network.set(crashed) }

// Pause holds requests and answers, as a stopped process does, until Heal.
func (s *Server) Pause() { s.network.set(paused) }

// Heal ends Partition, Crash and Pause.
func (s *Server) Heal() { s.network.set(fair) }

// Intercept has f change every answer on its way; nil ends that. f is called by
// several goroutines.
func (s *Server) Intercept(f func(*http.Request, *Response)) {
	s.network.mu.Lock()
	defer s.network.mu.Unlock()
	s.network.intercept = f
}

var errLost = errors.New("verifytest: lost on the way")

// pass waits until something gets through; an error if it never does.
func (n *network) pass(ctx context.Context) error {
	wasCut := false
	for {
		n.mu.Lock()
		now, changed := n.weather, n.changed
		n.mu.Unlock()
		switch {
		case now == crashed, now == fair && wasCut:
			return errLost
		case now == fair:
			return nil
		case now == partitioned:
			wasCut = true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.done:
			return errLost
		}
	}
}

// wrap puts the network before a handler, both ways. Crash also cuts what is
// being handled.
func (n *network) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
		if err != nil || n.pass(r.Context()) != nil {
			panic(http.ErrAbortHandler)
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			n.cutWhenCrashed(ctx, cancel)
		}()
		r = r.Clone(ctx)
		r.Body = io.NopCloser(bytes.NewReader(body))
		res := &Response{Status: http.StatusOK, Header: make(http.Header)}
		h.ServeHTTP(res.writer(), r)
		err = n.pass(ctx)
		cancel()
		<-watched
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		n.mu.Lock()
		intercept := n.intercept
		n.mu.Unlock()
		if intercept != nil {
			intercept(r, res)
		}
		for name, values := range res.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(res.Status)
		_, _ = w.Write(res.Body)
	})
}

func (n *network) cutWhenCrashed(ctx context.Context, cancel context.CancelFunc) {
	for {
		n.mu.Lock()
		now, changed := n.weather, n.changed
		n.mu.Unlock()
		if now == crashed {
			cancel()
			return
		}
		select {
		case <-changed:
		case <-n.done:
			cancel()
			return
		case <-ctx.Done():
			return
		}
	}
}

// pipes is a listener without sockets.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	mine, yours := net.Pipe()
	select {
	case p.conns <- yours:
		return mine, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "tandem.localhost" }
