package tandem

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/verify"
)

//go:generate go test -run ^TestMatrixIsPrinted$ -update .

var update = flag.Bool("update", false, "write the files that tests print")

const matrixFile = "docs/matrix.md"

// TestMatrixIsPrinted keeps the document and the expectation the same.
func TestMatrixIsPrinted(t *testing.T) {
	want := printMatrix()
	if *update {
		if err := os.WriteFile(matrixFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(matrixFile)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the matrix says (%v): run `go generate .`", matrixFile, err)
	}
}

// TestMatrix goes through every cell: the event happens to people who hold every credential, and each is tried at the
// server and at a verifier.
func TestMatrix(t *testing.T) {
	for _, r := range matrix {
		t.Run(r.event, func(t *testing.T) {
			s := newScene(t, r.before)
			s.happen(r)
			got := s.observe(r)
			for c := range columns {
				if got[c] != r.want[c] {
					t.Errorf("%s: %s, want %s", columnNames[c], got[c], r.want[c])
				}
			}
		})
	}
}

// scene is a server, a verifier and people who have signed in.
type scene struct {
	*house
	verifier         *verify.Verifier
	guarded, streams string

	web, mobile          *victim // in mode hybrid and in mode jwt
	neighbour, elsewhere answer
	keyID, apiKey        string
	opened               chan string
	ended                chan ending
	closing              context.Context // of open connections
	done                 time.Time       // when the last call returned that made the event
}

// victim is a user to whom the event happens, with two sessions: that one and another.
type victim struct {
	*scene
	email, app  string
	that, other answer
	successor   answer // what the event handed out instead
	refreshed   *answer
	phone       *authenticator
	passkey     *passkey
}

// user is the victim's id.
func (v *victim) user() string { return v.that.user() }

// ending is the end of an open connection.
type ending struct {
	name string
	at   time.Time
}

func newScene(t *testing.T, before func(*victim)) *scene {
	s := &scene{house: mailing(t, nil), opened: make(chan string), ended: make(chan ending, 3)}
	s.house.app("web", "hybrid")
	s.house.app("mobile", "jwt")
	s.web, s.mobile = s.join("wanda@example.com", "web"), s.join("mo@example.com", "mobile")
	s.neighbour, s.elsewhere = s.signUp("ned@example.com", "web"), s.signUp("els@example.com", "")
	if before != nil {
		for _, v := range []*victim{s.web, s.mobile} {
			before(v)
			v.settle()
		}
	}
	s.keyID, s.apiKey = s.house.apiKey()
	s.verifier = s.follow()
	s.guarded = s.guard(s.verifier)
	leave := make(chan struct{})
	streams := httptest.NewServer(s.verifier.Protect(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		name := r.URL.Path[1:]
		s.opened <- name
		select {
		case <-r.Context().Done():
			s.ended <- ending{name, time.Now()}
		case <-leave:
		}
	})))
	s.streams = streams.URL
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { close(leave); cancel(); streams.Close() })
	s.open(ctx, "web", visit{cookie: cookieOf(s.web.that.text("session_token"))})
	s.open(ctx, "mobile", visit{bearer: s.mobile.that.text("access_token")})
	s.closing = ctx
	s.abreast(s.verifier)
	return s
}

func (s *scene) join(email, app string) *victim {
	return &victim{scene: s, email: email, app: app, that: s.signUp(email, app), other: s.signIn(email, app)}
}

// open opens a connection and waits until the handler has it.
func (s *scene) open(ctx context.Context, name string, v visit) {
	req, err := http.NewRequestWithContext(ctx, "GET", s.streams+"/"+name, nil)
	if err != nil {
		s.Fatal(err)
	}
	if v.cookie != "" {
		req.Header.Set("Cookie", v.cookie)
	} else {
		req.Header.Set("Authorization", "Bearer "+v.bearer)
	}
	failed := make(chan error, 1)
	go func() {
		res, err := s.client.Do(req)
		if err == nil {
			res.Body.Close()
		}
		failed <- err
	}()
	select {
	case <-s.opened:
	case err := <-failed:
		s.Fatalf("open connection %s: %v", name, err)
	}
}

// happen makes the event.
func (s *scene) happen(r row) {
	if !r.jwtOnly {
		r.do(s.web)
	}
	if !r.once {
		r.do(s.mobile)
	}
	s.done = time.Now()
}

// observe tries every credential.
func (s *scene) observe(r row) (got [columns]string) {
	gone := s.endings()
	if r.jwtOnly {
		got[theCookie], got[theSessionToken], got[theAccessToken], got[theCookieStream] = none, none, none, none
	} else {
		w := s.web
		token, next := w.that.text("session_token"), w.successor.text("session_token")
		got[theCookie] = s.session(visit{cookie: cookieOf(token)}, visit{cookie: cookieOf(next)})
		got[theSessionToken] = s.session(visit{bearer: token}, visit{bearer: next})
		got[theAccessToken] = w.access()
		got[theCookieStream] = stream(gone["web"], got[theCookie])
	}
	m := s.mobile
	got[theRefreshToken] = m.refresh()
	got[theJWTAccessToken] = m.access()
	got[theJWTStream] = stream(gone["mobile"], got[theJWTAccessToken])
	got[theOtherSession] = s.otherSession(r)
	got[theAPIKey] = diesNow
	if s.get("/v1/admin/users", s.apiKey).Code == 200 {
		got[theAPIKey] = lives
	}
	got[theNeighbour] = s.session(visit{bearer: s.neighbour.text("session_token")}, visit{})
	got[theNeighbourAccess] = s.accessOf(s.neighbour, visit{}, func() string {
		return s.post("/v1/session/token", s.neighbour.text("session_token"), nil).text("access_token")
	})
	got[theElsewhere] = s.session(visit{bearer: s.elsewhere.text("session_token")}, visit{})
	return got
}

// otherSession must fare alike in both modes. In mode jwt a session lives if it can be refreshed.
func (s *scene) otherSession(r row) string {
	inJWT := diesNow
	if s.post("/v1/token/refresh", "", map[string]any{"refresh_token": s.mobile.other.text("refresh_token")}).Code == 200 {
		inJWT = lives
	}
	if r.jwtOnly {
		return inJWT
	}
	fate := s.session(visit{bearer: s.web.other.text("session_token")}, visit{})
	if strings.Fields(fate)[0] != strings.Fields(inJWT)[0] {
		return fate + ", but in mode jwt it " + inJWT
	}
	return fate
}

// endings answers which open connections the event has closed. A control session is begun and ended after it: once
// its connection is closed, everything before it in the log has had its effect.
func (s *scene) endings() map[string]bool {
	control := s.signUp("control@example.com", "")
	s.open(s.closing, "control", visit{cookie: cookieOf(control.text("session_token"))})
	s.must(204, s.operate("DELETE", "/v1/admin/sessions/"+control.session(), nil))
	gone := make(map[string]bool)
	wait := func() {
		select {
		case e := <-s.ended:
			gone[e.name] = true
			if late := e.at.Sub(s.done); e.name != "control" && late > promised {
				s.Errorf("the open connection of %s was closed %s after the event, L is %s", e.name, late, promised)
			}
		case <-time.After(time.Minute):
			s.Fatalf("of the open connections only %v were closed", gone)
		}
	}
	for !gone["control"] {
		wait()
	}
	// All watches are judged together, so the verifier has given up by now what it ever will; the handlers of some
	// may still have to hear of it.
	for len(gone) < 3-s.verifier.Status().Open {
		wait()
	}
	return gone
}

// stream says what has become of an open connection, whose credential has met the given fate.
func stream(gone bool, credential string) string {
	fate, _, _ := strings.Cut(credential, " ")
	switch {
	case !gone:
		return lives
	case fate == "lives", fate == "renews":
		return renews
	}
	return fate + " (L)"
}
