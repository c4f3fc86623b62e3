package tandem

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tandem.example/tandem/internal/httpapi"
	"tandem.example/tandem/internal/web"
)

// SocketName is the unix socket in the data directory by which the command line administers a running server.
const SocketName = "tandem.sock"

// endIn is how long requests under way may take to end at a shutdown.
const endIn = 10 * time.Second

// Addresses are where a server listens.
type Addresses struct {
	API, Admin net.Addr
	Socket     string // empty for a store without a data directory
}

// Serve listens as configured (the API, the admin listener, the unix socket in the data directory) until ctx ends,
// then drains as configured, lets requests under way end, and returns nil. It does not close the server. `ready` is
// called once all listeners are open; nil is allowed.
func (s *Server) Serve(ctx context.Context, ready func(Addresses)) error {
	var at Addresses
	doors, err := s.open(&at)
	if err != nil {
		return err
	}
	failed := make(chan error, len(doors))
	for _, d := range doors {
		go func() { failed <- d.server.Serve(d.listener) }()
	}
	if ready != nil {
		ready(at)
	}
	patience := endIn
	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		if s.config.Drain > 0 {
			s.drain(failed)
			patience = max(patience, s.config.Lease+time.Second) // for receipts, which take a lease at the most
		}
	}
	if s.config.Drain == 0 || err != nil {
		s.parts.feed.Close() // held sync requests, and whoever waits for receipts, would keep the shutdown waiting
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	for _, d := range doors {
		if serr := d.server.Shutdown(ending); serr != nil {
			err = errors.Join(err, fmt.Errorf("shut down %s: %w", d.listener.Addr(), serr), d.server.Close())
		}
	}
	return err
}

// drain goes on serving for a while, for those whom a load balancer still sends here, and sends away whom it can: each
// answer ends its connection, and no sync is held any more.
func (s *Server) drain(failed <-chan error) {
	s.log.Info("draining", "for", s.config.Drain)
	s.draining.Store(true)
	s.parts.feed.Release()
	timer := time.NewTimer(s.config.Drain)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-failed: // nobody can come any more
	}
}

// errDraining is why a server that serves is not ready.
var errDraining = errors.New("it was told to stop")

// ready answers nil if requests may be sent here.
func (s *Server) ready(ctx context.Context) error {
	if s.draining.Load() {
		return &httpapi.NotReadyError{Part: "a server that is about to stop", Err: errDraining}
	}
	return s.store.Ping(ctx)
}

// leaving has the connections of a server that drains end with their next answer, while the client listens: one that is
// closed when the client is about to write loses a request.
func (s *Server) leaving(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// door is a listener with the server behind it.
type door struct {
	listener net.Listener
	server   *http.Server
}

func (s *Server) open(at *Addresses) (doors []door, err error) {
	defer func() {
		if err != nil {
			for _, d := range doors {
				err = errors.Join(err, d.listener.Close())
			}
		}
	}()
	add := func(network, address, key string, h http.Handler) (net.Addr, error) {
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, listenError(key, address, err)
		}
		doors = append(doors, door{l, web.NewServer(h, s.log)})
		return l.Addr(), nil
	}
	if at.API, err = add("tcp", s.config.Listen, "listen", s.leaving(s.handler)); err != nil {
		return doors, err
	}
	if at.Admin, err = add("tcp", s.config.AdminListen, "admin_listen", s.admin); err != nil {
		return doors, err
	}
	if s.config.Store == "memory" {
		return doors, nil
	}
	socket := filepath.Join(s.config.DataDir, SocketName)
	if conn, derr := net.Dial("unix", socket); derr == nil { // nodes of a shared store are told apart by this directory alone
		return doors, errors.Join(conn.Close(), fmt.Errorf("data_dir: another server runs on %s: give each node a directory of its own", s.config.DataDir))
	}
	if err = os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) { // left by a crash: the store's lock is ours
		return doors, fmt.Errorf("remove old socket: %w", err)
	}
	if _, err = add("unix", socket, "data_dir", s.local); err != nil {
		return doors, err
	}
	at.Socket = socket
	// The directory is closed to others already (0700), so there is no moment at which they could connect.
	return doors, os.Chmod(socket, 0o600)
}

func listenError(key, address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s: %s is in use by another program: stop it, or choose another address: --%s, or %s in tandem.yaml", key, address, strings.ReplaceAll(key, "_", "-"), key)
	case errors.Is(err, syscall.EINVAL) && key == "data_dir":
		return fmt.Errorf("%s: the path of the socket %s is too long for this system: choose a shorter data_dir", key, address)
	}
	return fmt.Errorf("%s: listen on %s: %w", key, address, err)
}
