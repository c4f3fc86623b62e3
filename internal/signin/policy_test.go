package signin

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tandem.example/tandem/internal/application"
)

const provider = application.Method("provider:example")

// everything is what can be proven, in an attempt.
var everything = []proof{
	{Method: application.Password}, {Method: application.EmailCode}, {Method: provider},
	{Method: application.Passkey, Verified: true}, {Method: application.Passkey},
	{Method: application.TOTP}, {Method: application.RecoveryCode},
}

// sequences are all sequences of at most n proofs.
func sequences(n int) [][]proof {
	all, last := [][]proof{nil}, [][]proof{nil}
	for range n {
		var next [][]proof
		for _, s := range last {
			for _, p := range everything {
				next = append(next, append(slices.Clone(s), p))
			}
		}
		all, last = append(all, next...), next
	}
	return all
}

func policies() (out []application.SignIn) {
	for _, methods := range [][]application.Method{
		nil, {application.Password}, {application.Passkey}, {application.EmailCode}, {provider},
		{application.Password, application.EmailCode}, {application.Password, application.TOTP}, {application.Passkey, provider},
	} {
		for _, second := range []application.SecondFactor{"", application.IfEnrolled, application.Required, application.Never} {
			for _, remember := range []time.Duration{-1, time.Hour} {
				for _, acr := range []string{"", "1", "2"} {
					out = append(out, application.SignIn{Methods: methods, SecondFactor: second, Remember: remember, ACR: acr})
				}
			}
		}
	}
	return out
}

// oracle says whether a session may begin, in the words of the policy and by nothing of the code that decides.
func oracle(p application.SignIn, mail bool, a standing) bool {
	count := map[string]int{}
	first := false
	for _, one := range a.Proofs {
		name := string(one.Method)
		if one.Verified {
			name = "passkey that verified the person"
		}
		count[name]++
		listed := len(p.Methods) == 0 || slices.Contains(p.Methods, one.Method)
		switch name {
		case "password", "provider:example", "passkey that verified the person":
			first = first || listed
		case "email_code":
			first = first || listed && mail
		}
	}
	own := count["totp"] + count["passkey"] + count["recovery_code"]
	two := count["passkey that verified the person"] > 0 || own > 0 && count["password"]+count["email_code"]+count["provider:example"] > 0
	enrolled := a.Has.TOTP || a.Has.Passkeys > 0
	asked := p.ACR == "2" || p.SecondFactor == application.Required || enrolled && p.SecondFactor != application.Never
	spared := a.Remembered && enrolled && p.Remember > 0 && p.ACR != "2" && a.Purpose != ToRecover
	may := first && (two || !asked || spared)
	switch {
	case a.Purpose == ToSignUp && len(a.Proofs) > 0 && a.Proofs[0].Method == provider && (len(p.Methods) == 0 || slices.Contains(p.Methods, provider)):
		return may
	case a.Purpose == ToSignUp:
		return may && a.Chosen && (!mail || count["email_code"] > 0)
	case a.Purpose == ToRecover:
		passwords := len(p.Methods) == 0 || slices.Contains(p.Methods, application.Password)
		return may && passwords && a.Chosen && count["email_code"] > 0 && (!enrolled || two)
	}
	return may
}

// Every sequence of proofs, under every policy, with every set of factors, on a remembered device and on another: a
// session begins if and only if the policy is satisfied; and whatever is asked for leads on.
func TestEveryPathObeysThePolicy(t *testing.T) {
	t.Parallel()
	all, n := sequences(3), 0
	if testing.Short() {
		all = sequences(2)
	}
	for _, mail := range []bool{true, false} {
		can := ability{Mail: mail, Passkeys: true, Providers: []string{"example"}}
		for _, p := range policies() {
			r := rulesOf(p, application.SignIn{}, can)
			for h := range 8 {
				has := holding{Password: true, TOTP: h&1 > 0, Passkeys: h & 2, RecoveryCodes: h & 4, Verified: true}
				for _, a := range standings(has, all) {
					n++
					v := r.judge(a)
					if want := oracle(p, mail, a); v.Done != want {
						t.Fatalf("mail %t, policy %+v, %+v: done is %t, want %t", mail, p, a, v.Done, want)
					}
					if v.Done && p.ACR == "2" && v.ACR != "2" {
						t.Fatalf("policy %+v, %+v: a session of level %s", p, a, v.ACR)
					}
					if problem := deadEnd(a, v); problem != "" && len(r.Methods) > 0 {
						t.Fatalf("mail %t, policy %+v, %+v: %s: %+v", mail, p, a, problem, v)
					}
				}
			}
		}
	}
	t.Logf("%d situations", n)
}

func standings(has holding, all [][]proof) (out []standing) {
	for _, proofs := range all {
		for _, remembered := range []bool{false, true} {
			out = append(out, standing{Purpose: ToSignIn, Identified: true, Proofs: proofs, Has: has, Remembered: remembered})
			if len(proofs) > 2 {
				continue // what follows adds a password, chosen
			}
			for _, purpose := range []Purpose{ToSignUp, ToRecover} {
				for _, chosen := range []bool{false, true} {
					a := standing{Purpose: purpose, Identified: true, Proofs: proofs, Has: has, Remembered: remembered, Chosen: chosen}
					if chosen {
						a.Proofs = append(slices.Clone(proofs), proof{Method: application.Password})
					}
					out = append(out, a)
				}
			}
		}
	}
	return out
}

// deadEnd says what is wrong with a verdict that lets nobody go on.
func deadEnd(a standing, v verdict) string {
	switch {
	case v.Done && (len(v.Ask) > 0 || v.Enrol || v.Choose):
		return "done, and something is asked for"
	case !v.Done && len(v.Ask) == 0 && !v.Choose && a.Purpose == ToSignIn:
		return "nothing is asked for"
	case v.Enrol && a.Has.enrolled():
		return "whoever has a second factor is to set one up"
	}
	return ""
}

func TestRulesTakeWhatTheServerCanDo(t *testing.T) {
	t.Parallel()
	server := application.SignIn{SecondFactor: application.Required, Remember: time.Hour}
	r := rulesOf(application.SignIn{Methods: []application.Method{application.EmailCode, application.Passkey, application.TOTP, application.Provider("gone"), application.Password, application.Password}},
		server, ability{})
	if fmt.Sprint(r.Methods) != "[password]" || r.SecondFactor != application.Required || r.Remember != time.Hour {
		t.Errorf("%+v", r)
	}
	r = rulesOf(application.SignIn{SecondFactor: application.Never, Remember: -1, ACR: "2"}, server, ability{})
	if r.SecondFactor != application.Required || r.Remember != 0 {
		t.Errorf("a level of two factors does not prevail: %+v", r)
	}
}

func TestReferencesFollowTheProofs(t *testing.T) {
	t.Parallel()
	got := references(nil, []proof{{Method: application.Passkey, Verified: true, Synced: true}}, "2")
	if fmt.Sprint(got) != "[swk user mfa]" {
		t.Error(got)
	}
	got = references([]string{"pwd"}, []proof{{Method: application.TOTP}}, "2")
	if fmt.Sprint(got) != "[pwd otp mfa]" {
		t.Error(got)
	}
	if got = references(nil, []proof{{Method: application.Password}}, "1"); fmt.Sprint(got) != "[pwd]" {
		t.Error(got)
	}
}
