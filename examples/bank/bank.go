// Package bank is an example of a service behind Tandem: a bank's API with a stateless feed, a transfer that asks the
// server on each request and wants a fresh proof of who you are, an administrator's route and an open event stream.
// What it shows is how little a service has to say: one rule a route.
package bank

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"tandem.example/tandem/verify"
)

// New answers the bank's API, guarded by v.
func New(v *verify.Verifier) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /feed", v.Protect(http.HandlerFunc(feed)))
	mux.Handle("POST /transfer", v.Protect(http.HandlerFunc(transfer), verify.Live(), verify.AuthenticatedWithin(5*time.Minute)))
	mux.Handle("GET /admin/customers", v.Protect(http.HandlerFunc(customers), verify.Role("admin")))
	mux.Handle("GET /events", v.Protect(http.HandlerFunc(events)))
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		s := v.Status()
		answer(w, map[string]any{"ready": s.Ready, "position": s.Position, "staleness_ms": s.Staleness.Milliseconds()})
	})
	return mux
}

// feed is read at every scroll: checked offline, in well under a microsecond once the token has been seen.
func feed(w http.ResponseWriter, r *http.Request) {
	token, _ := verify.FromContext(r.Context())
	answer(w, map[string]any{"customer": token.Subject(), "items": []string{"Salary +2,400", "Rent -900"}})
}

// transfer moves money: the server is asked whether the session lives, and the customer must have proven themselves
// within five minutes.
func transfer(w http.ResponseWriter, r *http.Request) {
	token, _ := verify.FromContext(r.Context())
	answer(w, map[string]any{"customer": token.Subject(), "transferred": true})
}

func customers(w http.ResponseWriter, r *http.Request) {
	token, _ := verify.FromContext(r.Context())
	answer(w, map[string]any{"administrator": token.Subject(), "customers": 3})
}

// events is an open stream. It need not know of revocation: the context ends when the token is revoked or expires.
func events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Time{}) // an open stream outlives the server's timeout
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 0; ; n++ {
		if _, err := fmt.Fprintf(w, "data: {\"balance\":%d}\n\n", 1500+n); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client has gone; there is nobody to tell
}
