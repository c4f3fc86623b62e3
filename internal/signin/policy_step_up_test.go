package signin

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tandem.example/tandem/internal/application"
)

// server is what the server of a step-up can do.
type server struct{ mail, again bool }

func (s server) rules(p application.SignIn) rules {
	can := ability{Mail: s.mail, Passkeys: true, Providers: []string{"example"}}
	if s.again {
		can.Again = can.Providers
	}
	return rulesOf(p, application.SignIn{}, can)
}

// levelOf says at which acr a step-up is done, or "" if it is not, in the words of decision 0021 and by nothing of the code
// that decides.
func levelOf(s server, p application.SignIn, a standing) string {
	taken := func(m application.Method) bool { return len(p.Methods) == 0 || slices.Contains(p.Methods, m) }
	password := a.Has.Password && taken(application.Password)
	code := a.Has.Verified && s.mail && taken(application.EmailCode)
	connected := len(a.Has.Providers) > 0 && s.again && taken(provider)
	var first, own, both bool
	for _, one := range a.Proofs {
		switch one.Method {
		case application.Password:
			first = first || password
		case application.EmailCode:
			first = first || code && !password
		case provider:
			first = first || connected && !password && !code
		case application.Passkey:
			own, both = true, both || one.Verified
		default:
			own = true
		}
	}
	began := a.ACR == "1" && a.Since < 10*time.Minute
	switch {
	case !a.Has.TOTP && a.Has.Passkeys == 0, a.Keep && a.ACR == "1" && password:
		return map[bool]string{true: "1"}[first]
	case both, own && (first || began):
		return "2"
	}
	return ""
}

func holdings() (out []holding) {
	for h := range 32 {
		one := holding{Password: h&1 > 0, TOTP: h&2 > 0, Passkeys: h & 4, Verified: h&8 > 0}
		if h&16 > 0 {
			one.Providers = []string{"example"}
		}
		if one.enrolled() {
			one.RecoveryCodes = 3
		}
		out = append(out, one)
	}
	return out
}

// stepUps are all sessions of the holder that may be stepped up, with what has been proven.
func stepUps(has holding, proofs [][]proof) (out []standing) {
	for _, acr := range []string{"1", "2"} {
		for _, since := range []time.Duration{0, 10*time.Minute - 1, 10 * time.Minute, time.Hour} {
			for _, some := range proofs {
				out = append(out, standing{Purpose: ToStepUp, Identified: true, Has: has, ACR: acr, Since: since, Proofs: some})
			}
			for _, some := range [][]proof{nil, {{Method: application.Password}}} {
				out = append(out, standing{Purpose: ToStepUp, Identified: true, Has: has, ACR: acr, Since: since, Proofs: some, Keep: true})
			}
		}
	}
	return out
}

// Every sequence of two proofs, under every list of methods, with everything that somebody may have: a step-up is done, at
// the level that it names, if and only if the decision says so.
func TestEveryStepUpObeysThePolicy(t *testing.T) {
	t.Parallel()
	n, proofs := 0, sequences(2)
	for _, s := range []server{{true, true}, {true, false}, {false, true}, {false, false}} {
		for _, p := range policies() {
			if p.ACR != "" || p.SecondFactor != "" || p.Remember < 0 {
				continue // a step-up depends on the methods alone
			}
			r := s.rules(p)
			for _, has := range holdings() {
				for _, a := range stepUps(has, proofs) {
					n++
					v, want := r.judge(a), levelOf(s, p, a)
					if v.Done != (want != "") || v.ACR != want {
						t.Fatalf("%+v, methods %v, %+v: %+v, want level %q", s, p.Methods, a, v, want)
					}
				}
			}
		}
	}
	t.Logf("%d situations", n)
}

// Whatever is asked for leads on, in two steps at most, and a mailed code is asked of nobody who has a password here. Who
// cannot be asked at all has nothing that could be.
func TestStepUpLocksNobodyOut(t *testing.T) {
	t.Parallel()
	for _, s := range []server{{true, true}, {true, false}, {false, true}, {false, false}} {
		for _, p := range policies() {
			r := s.rules(p)
			for _, has := range holdings() {
				for _, a := range stepUps(has, [][]proof{nil}) {
					if a.Keep {
						continue // a program that sends too little is told so, and sends more
					}
					nothing := has.Passkeys == 0 && len(r.again(has)) == 0
					recent := has.TOTP && a.ACR == "1" && a.Since < 10*time.Minute
					if v := r.judge(a); len(v.Ask) == 0 && (!nothing || recent) {
						t.Fatalf("%+v, %v, %+v: nothing is asked for", s, p.Methods, a)
					}
					leadsOn(t, r, a)
				}
			}
		}
	}
}

// leadsOn follows all that is asked for to the end.
func leadsOn(t *testing.T, r rules, a standing) {
	t.Helper()
	v := r.judge(a)
	if v.Done {
		return
	}
	if len(a.Proofs) == 2 {
		t.Fatalf("%v, %+v: more than two proofs are asked for: %v", r.Methods, a, v.Ask)
	}
	for _, m := range v.Ask {
		if m == application.EmailCode && a.Has.Password && slices.Contains(r.Methods, application.Password) {
			t.Fatalf("%v, %+v: a code is mailed to whoever has a password", r.Methods, a)
		}
		on := a
		on.Proofs = append(slices.Clone(a.Proofs), proof{Method: m, Verified: m == application.Passkey})
		leadsOn(t, r, on)
	}
}

func TestStepUpAsksForWhatChangesSomething(t *testing.T) {
	t.Parallel()
	r := server{mail: true, again: true}.rules(application.SignIn{})
	both := holding{Password: true, TOTP: true, RecoveryCodes: 3, Verified: true}
	key := holding{Passkeys: 1, Verified: true}
	said := []proof{{Method: application.Password}}
	cases := []struct {
		name string
		a    standing
		ask  string
		acr  string
	}{
		{"password alone", standing{Has: holding{Password: true, Verified: true}, ACR: "1"}, "[password]", ""},
		{"a second factor, a moment after the first", standing{Has: both, ACR: "1"}, "[totp recovery_code]", ""},
		{"a second factor, long after the first", standing{Has: both, ACR: "1", Since: time.Hour}, "[password]", ""},
		{"then the other", standing{Has: both, ACR: "1", Since: time.Hour, Proofs: said}, "[totp recovery_code]", ""},
		{"a second factor proven before", standing{Has: both, ACR: "2"}, "[password]", ""},
		{"a password alone does not renew two factors", standing{Has: both, ACR: "2", Proofs: said}, "[totp recovery_code]", ""},
		{"nor where that is all that is wanted", standing{Has: both, ACR: "2", Proofs: said, Keep: true}, "[totp recovery_code]", ""},
		{"it renews one", standing{Has: both, ACR: "1", Proofs: said, Keep: true}, "[]", "1"},
		{"a code by mail, of whoever has nothing else", standing{Has: holding{Verified: true}, ACR: "1"}, "[email_code]", ""},
		{"a passkey by itself, or after a code", standing{Has: key, ACR: "2"}, "[passkey email_code]", ""},
		{"a passkey that did not verify the person", standing{Has: key, ACR: "2", Proofs: []proof{{Method: application.Passkey}}}, "[passkey email_code]", ""},
		{"two factors that are gone", standing{Has: holding{Password: true}, ACR: "2", Proofs: said}, "[]", "1"},
		{"a provider beside a mailbox", standing{Has: holding{Verified: true, Providers: []string{"example"}}, ACR: "1"}, "[email_code]", ""},
		{"a provider beside a second factor", standing{Has: holding{TOTP: true, Providers: []string{"example"}}, ACR: "2"}, "[provider:example]", ""},
		{"a provider and nothing else", standing{Has: holding{Providers: []string{"example"}}, ACR: "1"}, "[provider:example]", ""},
		{"an address that is not theirs proves nothing", standing{Has: holding{Verified: false}, ACR: "1"}, "[]", ""},
	}
	for _, c := range cases {
		c.a.Purpose = ToStepUp
		v := r.judge(c.a)
		if got := fmt.Sprint(v.Ask); got != c.ask || v.ACR != c.acr || v.Done != (c.acr != "") {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
	if v := (server{mail: true}).rules(application.SignIn{}).judge(standing{Purpose: ToStepUp, Has: holding{Providers: []string{"example"}}, ACR: "1"}); len(v.Ask) > 0 {
		t.Errorf("a provider that cannot be told to ask again is asked: %v", v.Ask)
	}
}
