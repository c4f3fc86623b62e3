package tandem

import (
	"strings"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signin"
)

// These events have no route of the API: people make them on pages. A session in mode jwt has no cookie for a page to
// go by, so its owner does the same through the service behind the pages.

// settle goes on with the credentials that an earlier event has handed out.
func (v *victim) settle() {
	if v.credential(v.successor) == "" {
		return
	}
	for _, name := range []string{"session", "user"} {
		v.successor.Body[name] = v.that.Body[name]
	}
	v.that, v.successor = v.successor, answer{}
}

func (v *victim) byPages() bool { return v.that.text("session_token") != "" }

// given are the credentials with which a page has left the browser.
func (v *victim) given(b *guest) {
	v.successor = v.must(200, v.post("/v1/session/token", b.session(), nil))
	v.successor.Body["session_token"] = b.session()
}

// granted are those that the service has handed out.
func (v *victim) granted(g signin.Grant, err error) {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
	v.successor = answer{Body: map[string]any{"access_token": g.Access.Token.Reveal(), "refresh_token": g.RefreshToken.Reveal()}}
}

// who the victim is for the service.
func (v *victim) who() signin.Identity {
	v.Helper()
	who, err := v.server.parts.signin.Check(v.Context(), signin.Presented{Token: secret.NewText(v.that.text("access_token"))})
	if err != nil {
		v.Fatal(err)
	}
	return who
}

// within begins an attempt of the victim's session.
func (v *victim) within(p signin.Purpose, email string) (*signin.Service, signin.Progress) {
	v.Helper()
	who, s := v.who(), v.server.parts.signin
	at, err := s.Begin(v.Context(), signin.Begin{Purpose: p, Who: &who, Email: email}, signin.Client{})
	if err != nil {
		v.Fatal(err)
	}
	return s, at
}

func (v *victim) addTOTP() {
	if v.byPages() {
		b := v.as(v.that.text("session_token"))
		v.phone = b.addTOTP()
		v.given(b)
		return
	}
	s, at := v.within(signin.ToAddTOTP, "")
	setup, err := s.EnrolTOTP(v.Context(), at.Token, signin.Client{})
	if err != nil {
		v.Fatal(err)
	}
	v.phone = &authenticator{TB: v, seed: strings.ReplaceAll(setup.Seed.Reveal(), " ", "")}
	done, err := s.ConfirmTOTP(v.Context(), at.Token, v.phone.code(0), signin.Client{})
	v.granted(done.Grant, err)
}

func (v *victim) removeTOTP() {
	if v.byPages() {
		b := v.as(v.that.text("session_token"))
		b.at(b.post("/account/totp/remove"), 200, "/account/security")
		v.given(b)
		return
	}
	v.granted(v.server.parts.signin.RemoveTOTP(v.Context(), v.who(), signin.Client{}))
}

// stepUpByCode proves the code that follows the one with which the app was set up: each counts once.
func (v *victim) stepUpByCode() {
	v.successor = v.must(200, v.post("/v1/step-up", v.credential(v.that), map[string]any{"password": password, "totp": v.phone.code(1)}))
}

func (v *victim) addPasskey() {
	if v.byPages() {
		b := v.as(v.that.text("session_token"))
		v.passkey = b.addPasskey()
		v.given(b)
		return
	}
	s, at := v.within(signin.ToAddPasskey, "")
	options, err := s.EnrolPasskey(v.Context(), at.Token, signin.Client{})
	if err != nil {
		v.Fatal(err)
	}
	v.passkey = v.newPasskey()
	done, err := s.ConfirmPasskey(v.Context(), at.Token, []byte(v.passkey.create(string(options))), "key", signin.Client{})
	v.granted(done.Grant, err)
}

func (v *victim) removePasskey() {
	all, err := v.server.store.Passkeys().Of(v.Context(), account.ID(v.user()))
	if err != nil || len(all) != 1 {
		v.Fatalf("%d passkeys, %v", len(all), err)
	}
	if v.byPages() {
		b := v.as(v.that.text("session_token"))
		b.at(b.post("/account/passkeys/"+all[0].ID+"/remove"), 200, "/account/security")
		v.given(b)
		return
	}
	v.granted(v.server.parts.signin.RemovePasskey(v.Context(), v.who(), all[0].ID, signin.Client{}))
}

// proveMail proves the address of an attempt that was begun for the victim's session.
func (v *victim) proveMail(address string) {
	v.Helper()
	moved := address != v.email
	if v.byPages() {
		b := v.as(v.that.text("session_token"))
		if moved {
			b.at(b.post("/account/email", "email", address), 200, "/sign-in/code")
		} else {
			b.at(b.post("/account/email/verify"), 200, "/sign-in/code")
		}
		code, _ := v.code(address)
		b.at(b.post("/sign-in/code", "code", code), 200, "/account")
		return
	}
	to := ""
	if moved {
		to = address
	}
	s, at := v.within(signin.ToVerifyEmail, to)
	if _, err := s.SendCode(v.Context(), at.Token, signin.Client{}); err != nil {
		v.Fatal(err)
	}
	code, _ := v.code(address)
	if _, err := s.ProveCode(v.Context(), at.Token, code, signin.Client{}); err != nil {
		v.Fatal(err)
	}
}

func (v *victim) verifyEmail() { v.proveMail(v.email) }
func (v *victim) changeEmail() { v.proveMail("new." + v.email) }

// recover replaces a forgotten password in a browser that was never signed in.
func (v *victim) recover() {
	b := v.guest("")
	b.at(b.post("/recover", "email", v.email), 200, "/sign-in/code")
	code, _ := v.code(v.email)
	b.at(b.post("/sign-in/code", "code", code), 200, "/sign-in/choose")
	b.at(b.post("/sign-in/choose", "password", "new "+password), 200, "/account")
}

// claim signs up with the address of an account which nobody has verified.
func (v *victim) claim() { v.guest("").enrol(v.email) }
