package verifytest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/verifytest"
)

// ask sends one sync request and returns the reply, after checking its
// signature as any verifier must.
func ask(t *testing.T, s *verifytest.Server, req revocation.Request) (revocation.Reply, *http.Response) {
	t.Helper()
	body, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Client().Post(s.Issuer()+"/v1/revocations/sync", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		return revocation.Reply{}, res
	}
	if err := jws.VerifyDetached(res.Header.Get("Tandem-Signature"), text, "revocation-sync", s.FeedKey().Key()); err != nil {
		t.Fatal(err)
	}
	rep, err := revocation.DecodeReply(text)
	if err != nil {
		t.Fatal(err)
	}
	return rep, res
}

// The replies are those that a follower accepts, through every turn of a log.
func TestFeedIsFollowed(t *testing.T) {
	s := verifytest.NewServer(t)
	set := revocation.NewSet(0)
	f := revocation.NewFollower("test", "instance", set)
	session := s.SignIn(verifytest.User{})
	steps := []struct {
		name     string
		step     func()
		snapshot bool
		events   int
	}{
		{"first", func() {}, true, 0},
		{"nothing", func() {}, false, 0},
		{"events", func() { s.Demote(session.User()); session.End() }, false, 2},
		{"a key", func() { s.RevokeKey(s.TokenKey().Key().ID()) }, false, 1},
		{"everything", func() { s.Revoke(revocation.KindAll, "") }, false, 1},
		{"pruned behind", func() { s.Prune() }, false, 0},
		{"pruned ahead", func() { s.Demote("usr_a"); s.Prune(); s.Demote("usr_b") }, true, 1},
		{"restored", func() { s.Restore(); s.Demote("usr_c") }, true, 1},
	}
	for _, step := range steps {
		step.step()
		req := f.Request("nonce nonce nonce "+step.name, 0)
		rep, _ := ask(t, s, req)
		out, err := f.Apply(req, rep, 0)
		if err != nil || out.Snapshot != step.snapshot || len(out.Applied) != step.events {
			t.Errorf("%s: %+v, %v", step.name, out, err)
		}
		if f.Position() != s.Position() || f.Epoch() != s.Epoch() {
			t.Errorf("%s: at %d of %s", step.name, f.Position(), f.Epoch())
		}
	}
}

func TestFeedWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := verifytest.NewServer(t, verifytest.InMemory())
		f := revocation.NewFollower("test", "instance", revocation.NewSet(0))
		req := f.Request("nonce nonce nonce", 0)
		rep, _ := ask(t, s, req)
		if _, err := f.Apply(req, rep, 0); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		rep, _ = ask(t, s, f.Request("nonce nonce nonce 2", 3*time.Second))
		if waited := time.Since(start); waited != 3*time.Second || len(rep.Events) != 0 {
			t.Errorf("waited %v for nothing: %+v", waited, rep)
		}
		time.AfterFunc(time.Second, func() { s.Demote("usr_a") })
		start = time.Now()
		rep, _ = ask(t, s, f.Request("nonce nonce nonce 3", 3*time.Second))
		if waited := time.Since(start); waited != time.Second || len(rep.Events) != 1 {
			t.Errorf("waited %v for an event: %+v", waited, rep)
		}
	})
}

func TestFeedDemandsCredentials(t *testing.T) {
	s := verifytest.NewServer(t, verifytest.Credentials("app_a", "secret"))
	if _, res := ask(t, s, revocation.Request{Nonce: "nonce"}); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("%d without credentials", res.StatusCode)
	}
}

// Settle waits for those who may still decide by what they knew, and for
// nobody else.
func TestSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := verifytest.NewServer(t, verifytest.InMemory())
		s.Settle() // nobody is there
		f := revocation.NewFollower("test", "instance", revocation.NewSet(0))
		req := f.Request("nonce nonce nonce", 0)
		rep, _ := ask(t, s, req)
		if _, err := f.Apply(req, rep, 0); err != nil {
			t.Fatal(err)
		}
		s.Demote("usr_a")
		start := time.Now()
		s.Settle() // it is never heard of again
		if waited := time.Since(start); waited != 10*time.Second {
			t.Errorf("waited %v for a lease of 10 s", waited)
		}
	})
}
