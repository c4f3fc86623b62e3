package mail

import (
	"time"

	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/secret"
)

// Use is what a code is for.
type Use string

// The uses.
const (
	ToSignIn      Use = "sign_in"
	ToSignUp      Use = "sign_up"
	ToRecover     Use = "recover"
	ToVerifyEmail Use = "verify_email"
	ToStepUp      Use = "step_up"
)

// Proof is a code with which people show that they read an address.
type Proof struct {
	Use   Use
	Code  secret.Text   // six digits
	Link  secret.Text   // an URL that does the same in the browser that asked; may be empty
	Valid time.Duration // for how long, told in whole minutes
}

// Code carries a proof. Its subject says what it is for and does not hold the code: subjects are seen on locked
// screens and in the logs of relays.
func Code(h Happening, p Proof, s language.Speaker) Message {
	text := "mail.code." + string(p.Use)
	l := h.letter(KindCode, s, text+".subject")
	l.say(text+".what").code(p.Code.Reveal()).say("mail.code.valid", "Count", int(max(p.Valid.Round(time.Minute), time.Minute)/time.Minute))
	if link := safeLink(p.Link.Reveal()); link != "" {
		l.say("mail.code.browser").link(text+".link", link)
	}
	l.facts(h).say("mail.code.ignore")
	return l.message()
}

// NoAccount tells that somebody asked to sign in with this address, which has no account. signUp is the URL at which
// one can be had; empty if nobody can.
func NoAccount(h Happening, signUp string, s language.Speaker) Message {
	l := h.letter(KindNoAccount, s, "mail.no_account.subject")
	l.say("mail.no_account.what").facts(h)
	if safeLink(signUp) != "" {
		l.say("mail.no_account.do").link("mail.no_account.link", signUp)
	} else {
		l.say("mail.no_account.closed")
	}
	l.say("mail.no_account.ignore")
	return l.message()
}

// HaveAccount tells that somebody tried to sign up with this address, which has an account: the URLs are where to sign
// in and where to choose a new password.
func HaveAccount(h Happening, signIn, recover string, s language.Speaker) Message {
	l := h.letter(KindHaveAccount, s, "mail.have_account.subject")
	l.say("mail.have_account.what").facts(h).say("mail.have_account.do")
	l.link("mail.have_account.sign_in", signIn).link("mail.have_account.recover", recover)
	l.say("mail.have_account.ignore")
	return l.message()
}
