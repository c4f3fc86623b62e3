package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"tandem.example/tandem/internal/web"
)

// drainFor is how long requests under way may take to end at a shutdown.
const drainFor = 10 * time.Second

// Serve answers the zone on one listener and operators on the other, and follows upstream, until ctx ends; then it lets
// requests under way end. It closes the listeners. Errors are those of Run and of the listeners.
func (r *Relay) Serve(ctx context.Context, zone, admin net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	servers := []*http.Server{web.NewServer(r.Handler(), r.Log), web.NewServer(r.AdminListener(), r.Log)}
	ended := make(chan error, len(servers)+1)
	for i, l := range []net.Listener{zone, admin} {
		go func() { ended <- fmt.Errorf("serve %s: %w", l.Addr(), servers[i].Serve(l)) }()
	}
	followed := make(chan error, 1)
	go func() {
		err := r.Run(ctx)
		followed <- err
		ended <- err
	}()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	stop()
	r.Close() // held sync requests would keep the shutdown waiting
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	for _, s := range servers {
		if serr := s.Shutdown(draining); serr != nil {
			err = errors.Join(err, fmt.Errorf("shut down: %w", serr), s.Close())
		}
	}
	<-followed
	return err
}
