package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// together runs n operations, shared by so many goroutines.
func together(n, goroutines int, op func(i int) error) (sample, error) {
	return timed(n, func() error {
		var next atomic.Int64
		var wg sync.WaitGroup
		var first onceError
		for range goroutines {
			wg.Go(func() {
				for i := int(next.Add(1)) - 1; i < n && first.get() == nil; i = int(next.Add(1)) - 1 {
					first.set(op(i))
				}
			})
		}
		wg.Wait()
		return first.get()
	})
}

// apart is together for cheap operations: each goroutine has its own share, so that nothing is shared but the work.
func apart(n, goroutines int, op func(i int) error) (sample, error) {
	return timed(n, func() error {
		var wg sync.WaitGroup
		var first onceError
		for g := range goroutines {
			wg.Go(func() {
				for i := g * n / goroutines; i < (g+1)*n/goroutines; i++ {
					if err := op(i); err != nil {
						first.set(err)
						return
					}
				}
			})
		}
		wg.Wait()
		return first.get()
	})
}

// onceError keeps the first error.
type onceError struct{ p atomic.Pointer[error] }

func (e *onceError) set(err error) {
	if err != nil {
		e.p.CompareAndSwap(nil, &err)
	}
}

func (e *onceError) get() error {
	if p := e.p.Load(); p != nil {
		return *p
	}
	return nil
}

// server is an http.Handler on the loopback, as plain net/http serves it.
type server struct {
	address string
	http    *http.Server
	done    chan struct{}
}

func serve(h http.Handler) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{address: l.Addr().String(), http: &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(l) // ends by close
	}()
	return s, nil
}

func (s *server) close() {
	_ = s.http.Close()
	<-s.done
}

// client is a kept-alive connection that sends prepared bytes and reads answers with as little work as can be: the
// less the client needs of the processors, the more the server has.
type client struct {
	conn net.Conn
	in   *bufio.Reader
}

func dial(network, address string) (*client, error) {
	conn, err := net.DialTimeout(network, address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReader(conn)}, nil
}

// request is the bytes of one.
func request(method, address, path, bearer, body string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n", method, path, address)
	if bearer != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", bearer)
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	fmt.Fprintf(&b, "\r\n%s", body)
	return b.Bytes()
}

var (
	contentLength = []byte("content-length:")
	chunked       = []byte("transfer-encoding:")
	errFraming    = errors.New("the answer has no length")
)

// do answers the status and, if into is not nil, the body.
func (c *client) do(request []byte, into *bytes.Buffer) (status int, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, errFraming
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, err
	}
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			break
		}
		switch {
		case len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return 0, err
			}
		case len(line) > len(chunked) && bytes.EqualFold(line[:len(chunked)], chunked):
			return 0, errFraming
		}
	}
	if into == nil {
		_, err = c.in.Discard(length)
		return status, err
	}
	into.Reset()
	_, err = io.CopyN(into, c.in, int64(length))
	return status, err
}

// connections is how many load a server at once.
const connections = 16

// loader keeps connections to a server open over the rounds.
type loader struct {
	clients []*client
	want    int // status
}

func newLoader(address string, want int) (*loader, error) {
	l := &loader{want: want}
	for range connections {
		c, err := dial("tcp", address)
		if err != nil {
			l.close()
			return nil, err
		}
		l.clients = append(l.clients, c)
	}
	return l, nil
}

func (l *loader) close() {
	for _, c := range l.clients {
		_ = c.conn.Close()
	}
}

// run sends n requests, each connection its share.
func (l *loader) run(n int, request func(i int) []byte) (sample, error) {
	return timed(n, func() error {
		var wg sync.WaitGroup
		var first onceError
		for k, c := range l.clients {
			wg.Go(func() {
				for i := k; i < n; i += len(l.clients) {
					status, err := c.do(request(i), nil)
					if err == nil && status != l.want {
						err = fmt.Errorf("status %d, want %d", status, l.want)
					}
					if err != nil {
						first.set(err)
						return
					}
				}
			})
		}
		wg.Wait()
		return first.get()
	})
}
