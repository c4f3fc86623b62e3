package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
)

// The pages beside a bare handler that writes the same bytes: what a person waits for on the server. No budget was set
// for them; the time of the server is told in the notes.
func pages(b *bench) error {
	s, err := b.store(kind{sessions: b.scaled(1_000, 100)})
	if err != nil {
		return err
	}
	server, err := b.open(s.dir)
	if err != nil {
		return err
	}
	err = b.page(server, "/sign-in", "")
	for _, path := range []string{"/account", "/account/security"} {
		if err == nil {
			err = b.page(server, path, "tandem_session="+s.tokens[0])
		}
	}
	return errors.Join(err, server.Close())
}

// page compares one page, as a browser sees it that has been there before.
func (b *bench) page(server http.Handler, path, cookie string) error {
	host := "localhost"
	seen, err := visit(server, "http://"+host+path, cookie)
	if err != nil {
		return err
	}
	for _, one := range seen.Result().Cookies() {
		cookie = strings.TrimPrefix(cookie+"; "+one.Name+"="+one.Value, "; ")
	}
	if seen, err = visit(server, "http://"+host+path, cookie); err != nil {
		return err
	}
	return b.compareHTTP(web{
		row: "page", work: "GET " + path, budget: atLeast(leastOfPage, "x the rate"), n: b.scaled(2_000, 32),
		floor: canned(seen.Body.Bytes()), floorStatus: http.StatusOK, ours: server, oursStatus: http.StatusOK,
		request: func(address string, _ int) []byte {
			return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/html\r\nCookie: %s\r\n\r\n", path, address, cookie)
		},
		finish: func(r *result, d duel) {
			r.note("%d bytes; %+.0f us of processor time more than the floor", seen.Body.Len(), d.extra(sample.cpuNS)/1e3)
		},
	})
}

// leastOfPage: a page is looked at by a person, a few times a day. It may cost as much as the hash of one password costs
// for a hundred of them, and no more.
const leastOfPage = 0.02

func visit(server http.Handler, url, cookie string) (*httptest.ResponseRecorder, error) {
	w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, url, nil)
	req.Header.Set("Accept", "text/html")
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	server.ServeHTTP(w, req)
	if w.Code != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d: %.200s", url, w.Code, w.Body)
	}
	return w, nil
}
