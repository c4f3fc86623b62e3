package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

const (
	email    = "anna@example.com"
	password = "the cat sat on 3 hats"
)

// bareArgon2id is one hash at the server's cost.
func bareArgon2id(int) error {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	argon2.IDKey([]byte(password), salt, 2, 19456, 1, 32)
	return nil
}

// body is JSON with e-mail and password.
func body() string {
	text, err := json.Marshal(map[string]string{"email": email, "password": password})
	if err != nil {
		panic(err) // a map of strings
	}
	return string(text)
}

// signUp registers the person who signs in.
func signUp(address string) error {
	c, err := dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	var answer bytes.Buffer
	status, err := c.do(request("POST", address, "/v1/sign-up", "", body()), &answer)
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("sign up: status %d: %s", status, answer.String())
	}
	return err
}

// Row 10: whole sign-ins over HTTP, by more callers than are hashed at once, beside bare Argon2id on each processor.
func signIn(b *bench) error {
	server, err := b.open(filepath.Join(b.dir, "sign-in"))
	if err != nil {
		return err
	}
	s, err := serve(server)
	if err != nil {
		return errors.Join(err, server.Close())
	}
	err = b.compareSignIn(s.address)
	s.close()
	return errors.Join(err, server.Close())
}

func (b *bench) compareSignIn(address string) error {
	if err := signUp(address); err != nil {
		return err
	}
	load, err := newLoader(address, http.StatusOK)
	if err != nil {
		return err
	}
	defer load.close()
	const n = 2 * connections
	in := request("POST", address, "/v1/sign-in", "", body())
	d, err := b.fight(
		func() (sample, error) { return together(n, runtime.GOMAXPROCS(0), bareArgon2id) },
		func() (sample, error) { return load.run(n, func(int) []byte { return in }) })
	if err != nil {
		return err
	}
	b.add(result{Row: "10", Work: "POST /v1/sign-in, SQLite", Floor: perSecond(of(d.floor, sample.rate)), Ours: perSecond(of(d.ours, sample.rate)),
		Value: d.ratio(sample.rate), CPU: 1 / d.ratio(sample.cpuNS), Budget: new(atLeast(0.92, "x the rate"))})
	return nil
}

// stormSize is how many sign in at once in row 11.
const stormSize = 200

// Row 11: 200 sign-ins at once at a server process: its memory, the time until all are done, and what becomes of
// other endpoints meanwhile.
func storm(b *bench) error {
	p, err := b.startTandem(filepath.Join(b.dir, "storm"))
	if err != nil {
		return err
	}
	defer p.stop()
	if err := signUp(p.address); err != nil {
		return err
	}
	var idle, during, peaks []float64
	turnedAway := 0
	d, err := b.fight(
		func() (sample, error) {
			quiet, err := watchLiveness(p.address, func() error { time.Sleep(300 * time.Millisecond); return nil })
			if err != nil {
				return sample{}, err
			}
			idle = append(idle, quiet...)
			return together(stormSize, runtime.GOMAXPROCS(0), bareArgon2id)
		},
		func() (s sample, err error) {
			if err := p.resetPeak(); err != nil {
				return s, err
			}
			cpu := p.cpu()
			times, err := watchLiveness(p.address, func() error {
				var refused int
				s, refused, err = signInAtOnce(p.address)
				turnedAway += refused
				return err
			})
			if err != nil {
				return s, err
			}
			s.cpu = p.cpu() - cpu
			peak, err := p.memory("VmHWM")
			during, peaks = append(during, times...), append(peaks, peak/1e6)
			return s, err
		})
	if err != nil {
		return err
	}
	total := func(s sample) float64 { return float64(s.wall) }
	r := result{Row: "11", Work: "200 sign-ins at once: total time", Floor: nanos(of(d.floor, total)), Ours: nanos(of(d.ours, total)),
		Value: d.ratio(total), CPU: d.ratio(sample.cpuNS), Budget: new(atMost(1.1, "x"))}
	r.require(turnedAway == 0, "%d of %d sign-ins were told to come back later: they had waited for 10 s", turnedAway, (b.rounds+1)*stormSize)
	b.add(r)
	peak := quantile(peaks, 1)
	b.add(result{Row: "11", Work: "200 sign-ins at once: peak memory", Floor: "-", Ours: digits(peak) + " MB", Value: peak, Budget: new(atMost(150, "MB"))})
	calm, busy := quantile(idle, 0.99), quantile(during, 0.99)
	r = result{Row: "11", Work: "200 sign-ins at once: /livez p99", Floor: nanos(calm), Ours: nanos(busy), Value: busy / calm, Budget: new(atMost(5, "x idle"))}
	r.note("medians: idle %s, during %s", nanos(quantile(idle, 0.5)), nanos(quantile(during, 0.5)))
	b.add(r)
	return nil
}

func signInAtOnce(address string) (s sample, refused int, err error) {
	clients := make([]*client, stormSize)
	for i := range clients {
		c, err := dial("tcp", address)
		if err != nil {
			return s, 0, err
		}
		defer c.conn.Close()
		clients[i] = c
	}
	in := request("POST", address, "/v1/sign-in", "", body())
	var late atomic.Int64
	s, err = together(stormSize, stormSize, func(i int) error {
		status, err := clients[i].do(in, nil)
		switch {
		case err != nil:
			return err
		case status == http.StatusServiceUnavailable:
			late.Add(1)
		case status != http.StatusOK:
			return fmt.Errorf("sign in: status %d", status)
		}
		return nil
	})
	return s, int(late.Load()), err
}

// watchLiveness asks /livez every two milliseconds while work runs, and answers how long each answer took, in ns.
func watchLiveness(address string, work func() error) (times []float64, err error) {
	c, err := dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	done := make(chan struct{})
	var failed error
	var wg sync.WaitGroup
	wg.Go(func() {
		ask := request("GET", address, "/livez", "", "")
		for {
			start := time.Now()
			if _, failed = c.do(ask, nil); failed != nil {
				return
			}
			times = append(times, float64(time.Since(start)))
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	err = work()
	close(done)
	wg.Wait()
	return times, errors.Join(err, failed)
}
