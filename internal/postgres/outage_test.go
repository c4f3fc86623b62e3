package postgres

import (
	"errors"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/outage"
)

// A restart is ridden out. A server that stays down costs callers that time once, and after that none has to wait to be
// told; when it is back, it is used.
func TestServerThatStaysDownIsToldAtOnce(t *testing.T) {
	server := rig.Postgres(t, rig.PostgresConfig{})
	c := config(t)
	c.URL = server.NewDatabase(t)
	s := open(t, c)
	head := func() error {
		_, err := s.Log().Head(t.Context())
		return err
	}

	server.Kill(t)
	ridden := make(chan error, 1)
	go func() { ridden <- head() }()
	time.Sleep(rideOut / 4)
	server.Start(t)
	if err := <-ridden; err != nil {
		t.Errorf("a restart was not ridden out: %v", err)
	}

	server.Kill(t)
	began := time.Now()
	var unreachable *outage.Error
	if err := head(); !errors.As(err, &unreachable) || time.Since(began) < rideOut/2 {
		t.Errorf("the first caller was told after %v: %v", time.Since(began), err)
	}
	began = time.Now()
	var asking sync.WaitGroup
	for range 64 {
		asking.Go(func() {
			var unreachable *outage.Error
			if err := head(); !errors.As(err, &unreachable) {
				t.Errorf("while it is down: %v", err)
			}
		})
	}
	asking.Wait()
	if took := time.Since(began); took > rideOut/2 {
		t.Errorf("later callers were told after %v, which is a wait of its own", took)
	}

	server.Start(t)
	if err := head(); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}
