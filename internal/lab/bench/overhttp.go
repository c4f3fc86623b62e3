package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"

	"tandem.example/tandem"
)

// The aims for the whole server on PostgreSQL, 16 connections, as ratios to a bare net/http handler that writes the same
// bytes: 16,000 checks and 4,100 refreshes a second where that answers 47,800.
func aims(b *bench) error {
	e, err := b.engine(engineKind{})
	if err != nil {
		return err
	}
	server, err := tandem.Open(b.ctx, e.config, quiet)
	if err != nil {
		return err
	}
	err = b.checkAim(e, server)
	if err == nil {
		err = b.refreshAim(server)
	}
	return errors.Join(err, server.Close())
}

func (b *bench) checkAim(e *engine, server *tandem.Server) error {
	w, req := httptest.NewRecorder(), httptest.NewRequestWithContext(b.ctx, http.MethodGet, server.Issuer()+"/v1/session", nil)
	req.Header.Set("Authorization", "Bearer "+e.tokens[0])
	server.ServeHTTP(w, req)
	if w.Code != http.StatusOK {
		return fmt.Errorf("session check: status %d: %s", w.Code, w.Body)
	}
	floor, err := web{request: func(address string, _ int) []byte { return request("GET", address, "/v1/session", e.tokens[0], "") }}.
		side(canned(w.Body.Bytes()), http.StatusOK)
	if err != nil {
		return err
	}
	defer floor.close()
	ours, err := web{variety: len(e.tokens), request: func(address string, i int) []byte {
		return request("GET", address, "/v1/session", e.tokens[i], "")
	}}.side(server, http.StatusOK)
	if err != nil {
		return err
	}
	defer ours.close()
	n := b.scaled(8_000, 64)
	d, err := b.fight(func() (sample, error) { return floor.run(2 * n) },
		func() (sample, error) { return withFamily(func() (sample, error) { return ours.run(n) }) })
	if err != nil {
		return err
	}
	b.addAim("check over HTTP", d, 0.33, 16_000)
	return nil
}

// addAim adds the ratio, and what it comes to on the machine where the aim was set.
func (b *bench) addAim(work string, d duel, least, there float64) {
	r := result{Row: "aim", Work: work + ", PostgreSQL, 16 at once", Floor: perSecond(of(d.floor, sample.rate)), Ours: perSecond(of(d.ours, sample.rate)),
		Value: d.ratio(sample.rate), CPU: finite(1 / d.ratio(sample.cpuNS)), Budget: new(atLeast(least, "x the rate"))}
	r.note("%s/s where the bare handler does 47,800; the aim there is %s/s", digits(r.Value*47_800), digits(there))
	b.add(r)
}

// chain is a connection that refreshes the sessions of one person in turn, each with its newest token.
type chain struct {
	*client
	tokens []string
	next   int
	answer bytes.Buffer
}

// refresh exchanges the next token for its successor.
func (c *chain) refresh(address string) error {
	i := c.next % len(c.tokens)
	c.next++
	status, err := c.do(request("POST", address, "/v1/token/refresh", "", fmt.Sprintf(`{"refresh_token":%q}`, c.tokens[i])), &c.answer)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("refresh: status %d: %s", status, c.answer.String())
	}
	if err == nil {
		c.tokens[i] = member(c.answer.Bytes(), `"refresh_token":`)
	}
	return err
}

func (b *bench) refreshAim(server *tandem.Server) error {
	if err := newApp(b, server.Local()); err != nil {
		return err
	}
	s, err := serve(server)
	if err != nil {
		return err
	}
	defer s.close()
	chains, err := signInChains(s.address, b.scaled(4, 1))
	if err != nil {
		return err
	}
	defer func() {
		for _, c := range chains {
			_ = c.conn.Close()
		}
	}()
	if err := chains[0].refresh(s.address); err != nil {
		return err
	}
	text := fmt.Sprintf(`{"refresh_token":%q}`, chains[0].tokens[0])
	floor, err := web{request: func(address string, _ int) []byte { return request("POST", address, "/v1/token/refresh", "", text) }}.
		side(canned(bytes.Clone(chains[0].answer.Bytes())), http.StatusOK)
	if err != nil {
		return err
	}
	defer floor.close()
	n := b.scaled(3_200, 64)
	d, err := b.fight(func() (sample, error) { return floor.run(4 * n) },
		func() (sample, error) {
			return withFamily(func() (sample, error) { return runChains(chains, s.address, n) })
		})
	if err != nil {
		return err
	}
	b.addAim("refresh over HTTP", d, 0.09, 4_100)
	return nil
}

// phone is an application whose sessions have refresh tokens.
const phone = "phone"

func newApp(b *bench, local http.Handler) error {
	w := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(b.ctx, http.MethodPost, "http://localhost/v1/admin/apps", bytes.NewBufferString(`{"name":"`+phone+`","mode":"jwt"}`))
	req.Header.Set("Content-Type", "application/json")
	local.ServeHTTP(w, req)
	if w.Code != http.StatusCreated {
		return fmt.Errorf("make an application: status %d: %s", w.Code, w.Body)
	}
	return nil
}

// signInChains signs a person in, for each connection some times.
func signInChains(address string, each int) ([]*chain, error) {
	if err := signUp(address); err != nil {
		return nil, err
	}
	chains := make([]*chain, connections)
	_, err := together(connections, connections, func(i int) error {
		c, err := dial("tcp", address)
		if err != nil {
			return err
		}
		chains[i] = &chain{client: c}
		for range each {
			text := fmt.Sprintf(`{"email":%q,"password":%q,"app":%q,"delivery":"body"}`, email, password, phone)
			status, err := c.do(request("POST", address, "/v1/sign-in", "", text), &chains[i].answer)
			if err != nil || status != http.StatusOK {
				return fmt.Errorf("sign in: status %d: %s (%v)", status, chains[i].answer.String(), err)
			}
			chains[i].tokens = append(chains[i].tokens, member(chains[i].answer.Bytes(), `"refresh_token":`))
		}
		return nil
	})
	return chains, err
}

// runChains does n refreshes, each connection its share.
func runChains(chains []*chain, address string, n int) (sample, error) {
	return timed(n, func() error {
		var wg sync.WaitGroup
		var first onceError
		for _, c := range chains {
			wg.Go(func() {
				for range n / len(chains) {
					if err := c.refresh(address); err != nil {
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
