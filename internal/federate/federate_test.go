package federate_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/internal/federate"
	"tandem.example/tandem/internal/lab/provider"
	"tandem.example/tandem/internal/secret"
)

const redirect = "https://sign-in.example.com/callback/acme"

// world is a provider with the client that speaks to it.
type world struct {
	*provider.Provider
	client *federate.Providers
	mu     sync.Mutex
	ahead  time.Duration
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

func newWorld(t *testing.T, kind string, change ...func(*federate.Provider)) *world {
	t.Helper()
	w := &world{Provider: provider.Start(t)}
	w.Redirects = []string{redirect}
	c := federate.Provider{Name: "acme", Title: "Acme", Kind: kind, Issuer: w.URL, ClientID: w.ClientID, ClientSecret: secret.NewText(w.ClientSecret)}
	for _, f := range change {
		f(&c)
	}
	var err error
	if w.client, err = federate.New(federate.Config{Providers: []federate.Provider{c}, Now: w.now, Timeout: 10 * time.Second}); err != nil {
		t.Fatal(err)
	}
	return w
}

// visit goes to the provider as a browser does, says yes or no there, and comes back with what it was given.
func visit(t *testing.T, address, choice string) url.Values {
	t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the provider refuses what it was asked: %s", resp.Status)
	}
	if resp, err = browser.PostForm(address, url.Values{"answer": {choice}}); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(back.String(), redirect+"?") {
		t.Fatalf("sent back to %s, %v", back, err)
	}
	return back.Query()
}

func (w *world) signIn(t *testing.T) (federate.Identity, error) {
	t.Helper()
	address, h, err := w.client.Begin(t.Context(), "acme", redirect, false)
	if err != nil {
		return federate.Identity{}, err
	}
	return w.client.Finish(t.Context(), "acme", redirect, h, visit(t, address, "yes"))
}

var kinds = []string{federate.KindOIDC, federate.KindGitHub}

func TestSignIn(t *testing.T) {
	for _, kind := range kinds {
		w := newWorld(t, kind)
		id, err := w.signIn(t)
		if want := (federate.Identity{Provider: "acme", Subject: "4711", Email: "anna@example.com", EmailVerified: true, Name: "Anna"}); err != nil || id != want {
			t.Errorf("%s: %+v, %v", kind, id, err)
		}
		w.Set(provider.Person{Subject: "1", Email: "bob@example.com", Name: "Bob\r\n\x1b" + strings.Repeat("b", 500)})
		if id, err = w.signIn(t); err != nil || id.EmailVerified || id.Email != "bob@example.com" || len(id.Name) != 100 || strings.ContainsAny(id.Name, "\r\n\x1b") {
			t.Errorf("%s: %+v, %v", kind, id, err)
		}
		w.Set(provider.Person{Subject: "1", Verified: true})
		if id, err = w.signIn(t); err != nil || id.EmailVerified || id.Email != "" {
			t.Errorf("%s without an address: %+v, %v", kind, id, err)
		}
	}
}

// TestAskedAgain: a provider that is told to ask again says when it did; one that is not told answers for whoever is
// signed in there, and need not say.
func TestAskedAgain(t *testing.T) {
	w := newWorld(t, federate.KindOIDC)
	if !w.client.List()[0].Again {
		t.Error("the provider cannot be told to ask again")
	}
	ask := func(again bool) federate.Identity {
		t.Helper()
		address, h, err := w.client.Begin(t.Context(), "acme", redirect, again)
		if err != nil {
			t.Fatal(err)
		}
		if q := mustParse(t, address).Query(); again != (q.Get("prompt") == "login" && q.Get("max_age") == "0") || !again && (q.Has("prompt") || q.Has("max_age")) {
			t.Errorf("again is %t, and it is asked %s", again, address)
		}
		id, err := w.client.Finish(t.Context(), "acme", redirect, h, visit(t, address, "yes"))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	if id := ask(false); !id.AuthTime.IsZero() {
		t.Errorf("signed in at %s, and nobody asked for it", id.AuthTime)
	}
	if id := ask(true); time.Since(id.AuthTime).Abs() > time.Minute {
		t.Errorf("asked at %s", id.AuthTime)
	}
	w.Do(provider.AsksNobody)
	if id := ask(true); time.Since(id.AuthTime) < time.Hour {
		t.Errorf("asked at %s, by one who asks nobody", id.AuthTime)
	}
	for _, fault := range []provider.Fault{provider.SaysNever, provider.SaysWords} {
		w.Do(fault)
		if id := ask(true); !id.AuthTime.IsZero() {
			t.Errorf("asked at %s, by one who %s", id.AuthTime, fault)
		}
	}
}

// TestNeverAskedAgain: GitHub and Google cannot be told to ask, and are not asked as if they could.
func TestNeverAskedAgain(t *testing.T) {
	for _, kind := range []string{federate.KindGitHub, federate.KindGoogle} {
		w := newWorld(t, kind)
		if w.client.List()[0].Again {
			t.Errorf("%s can be told", kind)
		}
		if kind == federate.KindGoogle {
			continue // which is not spoken to from here
		}
		if _, _, err := w.client.Begin(t.Context(), "acme", redirect, true); !errors.Is(err, federate.ErrNeverAgain) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func mustParse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestSignInInOtherWays(t *testing.T) {
	w := newWorld(t, federate.KindOIDC)
	w.InParams, w.BareToken = true, true
	if id, err := w.signIn(t); err != nil || id.Email != "anna@example.com" || !id.EmailVerified {
		t.Errorf("%+v, %v", id, err)
	}
	w.Do(provider.OtherUserinfo)
	if _, err := w.signIn(t); !errors.Is(err, federate.ErrAnswer) {
		t.Errorf("userinfo of another subject: %v", err)
	}
}

// TestFaultsEndInNoIdentity: nothing that a provider, or whoever stands between, does wrong is believed.
func TestFaultsEndInNoIdentity(t *testing.T) {
	both := map[provider.Fault]error{
		provider.WrongState: federate.ErrAnswer, provider.Denied: federate.ErrDenied, provider.OtherError: federate.ErrAnswer,
		provider.TwoCodes: federate.ErrAnswer, provider.BadCode: federate.ErrAnswer, provider.NoSubject: federate.ErrAnswer,
		provider.Broken: federate.ErrUnreachable, provider.Huge: federate.ErrUnreachable, provider.Elsewhere: federate.ErrUnreachable,
	}
	connect := map[provider.Fault]error{
		provider.WrongNonce: federate.ErrAnswer, provider.WrongIssuer: federate.ErrAnswer, provider.WrongAudience: federate.ErrAnswer,
		provider.WrongParty: federate.ErrAnswer, provider.WrongHash: federate.ErrAnswer, provider.AlgNone: federate.ErrAnswer,
		provider.SharedKey: federate.ErrAnswer, provider.OtherKey: federate.ErrAnswer, provider.Expired: federate.ErrAnswer,
		provider.NoIDToken: federate.ErrAnswer, provider.MixUp: federate.ErrAnswer, provider.NoIss: federate.ErrAnswer,
	}
	for _, kind := range kinds {
		for _, faults := range []map[provider.Fault]error{both, connect} {
			if kind == federate.KindGitHub && len(faults) == len(connect) {
				continue
			}
			for fault, want := range faults {
				t.Run(kind+"/"+string(fault), func(t *testing.T) {
					w := newWorld(t, kind)
					if _, err := w.signIn(t); err != nil { // so that it is known, and answers
						t.Fatal(err)
					}
					w.Do(fault)
					id, err := w.signIn(t)
					if !errors.Is(err, want) || id != (federate.Identity{}) {
						t.Errorf("%+v, %v", id, err)
					}
					if err != nil && (strings.Contains(err.Error(), w.ClientSecret) || strings.Contains(err.Error(), "script")) {
						t.Errorf("the error quotes the provider: %v", err)
					}
				})
			}
		}
	}
}

func TestAnswersThatWereNotAskedFor(t *testing.T) {
	for _, kind := range kinds {
		w := newWorld(t, kind)
		address, h, err := w.client.Begin(t.Context(), "acme", redirect, false)
		if err != nil {
			t.Fatal(err)
		}
		query := visit(t, address, "yes")
		_, other, err := w.client.Begin(t.Context(), "acme", redirect, false)
		if err != nil {
			t.Fatal(err)
		}
		if other == h || other.State == h.State || other.Nonce == h.Nonce || other.Verifier == h.Verifier {
			t.Error("two handshakes are alike")
		}
		if _, err := w.client.Finish(t.Context(), "acme", redirect, other, query); !errors.Is(err, federate.ErrAnswer) {
			t.Errorf("%s: the answer to another browser: %v", kind, err)
		}
		if _, err := w.client.Finish(t.Context(), "acme", redirect, federate.Handshake{}, url.Values{"state": {""}, "code": {"x"}}); !errors.Is(err, federate.ErrAnswer) {
			t.Errorf("%s: no handshake: %v", kind, err)
		}
		stolen := other
		stolen.State = h.State // a code that was injected into an attempt of somebody else (RFC 9700 §4.5)
		if _, err := w.client.Finish(t.Context(), "acme", redirect, stolen, query); !errors.Is(err, federate.ErrAnswer) {
			t.Errorf("%s: another verifier: %v", kind, err)
		}
		if _, err := w.client.Finish(t.Context(), "acme", redirect, h, query); !errors.Is(err, federate.ErrAnswer) {
			t.Errorf("%s: a code that was tried already: %v", kind, err)
		}
		if _, err := w.client.Finish(t.Context(), "acme", redirect, h, url.Values{"state": {h.State}, "iss": {w.URL}, "error": {"access_denied"}}); !errors.Is(err, federate.ErrDenied) {
			t.Errorf("%s: cancelled: %v", kind, err)
		}
	}
}

func TestTheSecretMustBeRight(t *testing.T) {
	for _, kind := range kinds {
		w := newWorld(t, kind, func(p *federate.Provider) { p.ClientSecret = secret.NewText("wrong secret") })
		if _, err := w.signIn(t); !errors.Is(err, federate.ErrAnswer) || strings.Contains(err.Error(), "wrong secret") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestAProviderThatIsDown: it keeps nothing from starting, is asked again soon, and what it said last is remembered.
func TestAProviderThatIsDown(t *testing.T) {
	const configuration = "/.well-known/openid-configuration"
	w := newWorld(t, federate.KindOIDC)
	for _, fault := range []provider.Fault{provider.Broken, provider.Misnamed} {
		w.Do(fault)
		for range 5 {
			if _, _, err := w.client.Begin(t.Context(), "acme", redirect, false); !errors.Is(err, federate.ErrUnreachable) {
				t.Fatalf("%s: %v", fault, err)
			}
		}
		w.wait(4 * time.Second)
	}
	if n := w.Asked(configuration); n != 2 {
		t.Errorf("asked %d times while it was down", n)
	}
	w.Do(provider.None)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, _, err := w.client.Begin(t.Context(), "acme", redirect, false); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := w.Asked(configuration); n != 3 {
		t.Errorf("asked %d times when it was up again", n-2)
	}
	w.Do(provider.Broken)
	w.wait(2 * time.Hour)
	for range 3 {
		if _, _, err := w.client.Begin(t.Context(), "acme", redirect, false); err != nil {
			t.Errorf("what it said last is forgotten: %v", err)
		}
	}
	if n := w.Asked(configuration); n != 4 {
		t.Errorf("asked %d times after an hour", n-3)
	}
}

func TestCallersDoNotWaitForEachOther(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	p, err := federate.New(federate.Config{Providers: []federate.Provider{{Name: "acme", Kind: federate.KindOIDC, Issuer: "http://" + l.Addr().String()}},
		Timeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	first := make(chan error, 1)
	go func() {
		_, _, err := p.Begin(context.Background(), "acme", redirect, false)
		first <- err
	}()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.Begin(ended, "acme", redirect, false); !errors.Is(err, federate.ErrUnreachable) {
		t.Errorf("a caller who is gone: %v", err)
	}
	if err := <-first; !errors.Is(err, federate.ErrUnreachable) {
		t.Errorf("a provider that says nothing: %v", err)
	}
}

func TestOnlySecureAddresses(t *testing.T) {
	for _, issuer := range []string{"http://192.0.2.1", "http://id.example.com", "ftp://127.0.0.1", "127.0.0.1"} {
		p, err := federate.New(federate.Config{Providers: []federate.Provider{{Name: "acme", Kind: federate.KindOIDC, Issuer: issuer}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.Begin(t.Context(), "acme", redirect, false); !errors.Is(err, federate.ErrUnreachable) || !strings.Contains(err.Error(), "https") {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}

func TestProvidersByName(t *testing.T) {
	p, err := federate.New(federate.Config{Providers: []federate.Provider{
		{Name: "google", Title: "Google", Kind: federate.KindGoogle}, {Name: "github", Title: "GitHub", Kind: federate.KindGitHub, ClientID: "id"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.List(); len(got) != 2 || got[0] != (federate.Named{Name: "google", Title: "Google"}) || got[1].Name != "github" {
		t.Errorf("List = %v", got)
	}
	if _, _, err := p.Begin(t.Context(), "acme", redirect, false); !errors.Is(err, federate.ErrUnknownProvider) {
		t.Errorf("Begin = %v", err)
	}
	if _, err := p.Finish(t.Context(), "acme", redirect, federate.Handshake{}, nil); !errors.Is(err, federate.ErrUnknownProvider) {
		t.Errorf("Finish = %v", err)
	}
	address, h, err := p.Begin(t.Context(), "github", redirect, false)
	u, _ := url.Parse(address)
	if err != nil || u.Host != "github.com" || u.Query().Get("state") != h.State || u.Query().Get("redirect_uri") != redirect || u.Query().Get("code_challenge_method") != "S256" {
		t.Errorf("Begin = %s, %v", address, err)
	}
	for _, bad := range [][]federate.Provider{{{Name: "a", Kind: "saml"}}, {{Name: "a", Kind: federate.KindGitHub}, {Name: "a", Kind: federate.KindGitHub}}} {
		if _, err := federate.New(federate.Config{Providers: bad}); err == nil {
			t.Errorf("New takes %v", bad)
		}
	}
}
