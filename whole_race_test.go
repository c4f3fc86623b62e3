package tandem

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/session"
)

// soak reports whether the long runs are wanted.
func soak() bool { return os.Getenv("TANDEM_TEST_SOAK") != "" }

// together runs the functions at the same moment and waits for all.
func together(all ...func()) {
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	for _, f := range all {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-begin
			f()
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
}

// TestHundredRefreshesOfOneToken: all get the same successor, and nobody is signed out.
func TestHundredRefreshesOfOneToken(t *testing.T) {
	h := furnish(t, nil)
	h.app("mobile", "jwt")
	first := h.signUp("ada@example.com", "mobile")
	other := h.signIn("ada@example.com", "mobile")
	token := first.text("refresh_token")
	for round := range 3 {
		answers := make([]answer, 100)
		all := make([]func(), len(answers))
		for i := range all {
			all[i] = func() { answers[i] = h.post("/v1/token/refresh", "", map[string]any{"refresh_token": token}) }
		}
		together(all...)
		successor := answers[0].text("refresh_token")
		for i, a := range answers {
			if a.Code != 200 || a.text("refresh_token") != successor || successor == token || successor == "" {
				t.Fatalf("round %d: refresh %d answered %d %s, the first one %d %s", round, i, a.Code, a.text("cause"), answers[0].Code, answers[0].text("cause"))
			}
			if who := h.get("/v1/session", a.text("access_token")); who.Code != 200 || who.session() != first.session() {
				t.Fatalf("round %d: the access token of refresh %d: %d %v", round, i, who.Code, who.Body)
			}
		}
		token = successor
	}
	h.must(200, h.post("/v1/token/refresh", "", map[string]any{"refresh_token": other.text("refresh_token")}))
	v, err := h.server.store.Sessions().Find(t.Context(), session.ID(first.session()))
	if err != nil || v.Session.Refresh.Generation != 4 {
		t.Errorf("after 3 refreshes the session is at generation %d (%v), want 4", v.Session.Refresh.Generation, err)
	}
	for _, e := range h.trail() {
		if e.Outcome == audit.Refused {
			t.Errorf("the audit trail tells of %s: %s", e.Type, e.Reason)
		}
	}
}

// departure is one session that is signed out while it is being used in every way there is.
type departure struct {
	*house
	round   int
	refresh bool // mode jwt; else hybrid
	stepUp  bool
	begun   answer // the sign-in
	left    answer // the sign-out

	mu     sync.Mutex
	issued []string // credentials that came out of the race
}

func (d *departure) keep(a answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, kind := range []string{"access_token", "session_token", "refresh_token"} {
		if text := a.text(kind); text != "" {
			d.issued = append(d.issued, text)
		}
	}
}

func (d *departure) credential() string {
	if d.refresh {
		return d.begun.text("access_token")
	}
	return d.begun.text("session_token")
}

func (d *departure) race() {
	one := session.ID(d.begun.session())
	all := []func(){
		func() { d.left = d.post("/v1/sign-out", d.credential(), map[string]any{}) },
		func() { d.keep(d.get("/v1/session", d.credential())) },
		func() {
			// A sighting from a request that began before, written now.
			if err := d.server.store.Sessions().Touch(d.Context(), []session.Sighting{{ID: one, At: time.Now().Add(time.Hour)}}); err != nil {
				d.Error(err)
			}
		},
	}
	if d.refresh {
		for range 2 {
			all = append(all, func() {
				d.keep(d.post("/v1/token/refresh", "", map[string]any{"refresh_token": d.begun.text("refresh_token")}))
			})
		}
	} else {
		all = append(all, func() { d.keep(d.post("/v1/session/token", d.credential(), nil)) })
	}
	if d.stepUp {
		all = append(all, func() { d.keep(d.post("/v1/step-up", d.credential(), map[string]any{"password": password})) })
	}
	together(all...)
}

// judge checks that a sign-out that was acknowledged has stuck. It may have been refused only because a step-up had
// replaced the credential it was sent with.
func (d *departure) judge() (gone bool) {
	if d.left.Code != 204 {
		if !d.stepUp || d.left.Code != 401 || len(d.issued) == 0 {
			d.Errorf("round %d: the sign-out was answered with %d %v", d.round, d.left.Code, d.left.Body)
		}
		return false
	}
	d.keep(d.begun)
	for _, text := range d.issued {
		path, bearer, body := "/v1/session/token", text, any(nil)
		if strings.HasPrefix(text, "tdr_") {
			path, bearer, body = "/v1/token/refresh", "", map[string]any{"refresh_token": text}
		}
		if a := d.post(path, bearer, body); a.Code/100 == 2 {
			d.Errorf("round %d: %.4s... still works after the sign-out (refresh %v, step-up %v)", d.round, text, d.refresh, d.stepUp)
		}
		if a := d.get("/v1/session", text); a.Code != 401 {
			d.Errorf("round %d: %.4s... is still signed in after the sign-out: %d (refresh %v, step-up %v)", d.round, text, a.Code, d.refresh, d.stepUp)
		}
	}
	return true
}

// TestLogoutSticks signs out a thousand sessions while requests that began before are under way.
func TestLogoutSticks(t *testing.T) {
	rounds, workers := 1000, 8
	if testing.Short() {
		rounds = 50
	}
	h := furnish(t, nil)
	h.app("mobile", "jwt")
	var running sync.WaitGroup
	var next, gone, leaked atomic.Int64
	for w := range workers {
		email := fmt.Sprintf("p%d@example.com", w)
		h.signUp(email, "")
		running.Go(func() {
			for n := int(next.Add(1)); n <= rounds && !t.Failed(); n = int(next.Add(1)) {
				d := &departure{house: h, round: n, refresh: n%2 == 0, stepUp: n%4 == 1}
				app := ""
				if d.refresh {
					app = "mobile"
				}
				if d.begun = h.post("/v1/sign-in", "", map[string]any{"email": email, "password": password, "app": app, "delivery": "body"}); d.begun.Code != 200 {
					t.Errorf("round %d: sign in: %d %v", n, d.begun.Code, d.begun.Body)
					return
				}
				d.race()
				late := len(d.issued)
				if d.judge() {
					gone.Add(1)
					leaked.Add(int64(min(late, 1)))
				} else if v, err := h.server.store.Sessions().Find(t.Context(), session.ID(d.begun.session())); err != nil || !v.Session.EndedAt.IsZero() {
					t.Errorf("round %d: the sign-out was refused and yet has ended the session (%v)", n, err)
				}
			}
		})
	}
	running.Wait()
	alive, err := h.server.store.Sessions().List(t.Context(), session.Query{AliveAt: time.Now(), Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	if want := rounds - int(gone.Load()) + workers; !t.Failed() && len(alive) != want {
		t.Errorf("%d sessions are alive, want the %d that were not signed out", len(alive), want)
	}
	t.Logf("%d rounds, %d signed out, in %d of them a credential was handed out during the race", rounds, gone.Load(), leaked.Load())
	if leaked.Load() == 0 {
		t.Error("nothing was ever under way during a sign-out: the test shows nothing")
	}
}
