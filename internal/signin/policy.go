package signin

import (
	"slices"
	"time"

	"tandem.example/tandem/internal/application"
)

// rules are what an application asks of whoever proves who they are: its policy, with the server's defaults filled in
// and without what this server cannot do.
type rules struct {
	Methods      []application.Method // with which a sign-in may begin
	Enrollable   []application.Method // second factors that can be set up
	SecondFactor application.SecondFactor
	Remember     time.Duration // for how long a device is spared the second factor; zero: not at all
	CanMail      bool
	Again        []string // providers that can be told to ask the person again
}

// ability is what a server can do about proofs.
type ability struct {
	Mail      bool     // messages reach people
	Passkeys  bool     // browsers make passkeys for its host
	Providers []string // of identities, by name
	Again     []string // those of them that can be told to ask the person again
}

func rulesOf(app, server application.SignIn, can ability) rules {
	r := rules{SecondFactor: application.IfEnrolled, CanMail: can.Mail, Again: can.Again, Enrollable: []application.Method{application.TOTP}}
	if can.Passkeys {
		r.Enrollable = append(r.Enrollable, application.Passkey)
	}
	methods := app.Methods
	if len(methods) == 0 {
		methods = server.Methods
	}
	if len(methods) == 0 {
		methods = []application.Method{application.Password, application.Passkey, application.EmailCode}
		for _, name := range can.Providers {
			methods = append(methods, application.Provider(name))
		}
	}
	for _, m := range methods {
		if can.begin(m) && !slices.Contains(r.Methods, m) {
			r.Methods = append(r.Methods, m)
		}
	}
	for _, want := range []application.SecondFactor{server.SecondFactor, app.SecondFactor} {
		if want != "" {
			r.SecondFactor = want
		}
	}
	r.Remember = server.Remember
	if app.Remember != 0 {
		r.Remember = app.Remember
	}
	r.Remember = max(r.Remember, 0)
	level := server.ACR
	if app.ACR != "" {
		level = app.ACR
	}
	if level == twoFactors {
		// A session of two factors: the device's being known is none.
		r.SecondFactor, r.Remember = application.Required, 0
	}
	return r
}

// begin reports whether a sign-in can begin with the method here.
func (can ability) begin(m application.Method) bool {
	name, isProvider := m.Provider()
	switch {
	case isProvider:
		return slices.Contains(can.Providers, name)
	case m == application.EmailCode:
		return can.Mail
	case m == application.Passkey:
		return can.Passkeys
	}
	return m == application.Password
}

// The values of acr.
const (
	oneFactor  = "1"
	twoFactors = "2"
)

// proof is something that was proven in an attempt.
type proof struct {
	Method   application.Method `json:"method"`
	Verified bool               `json:"verified,omitempty"` // of a passkey: it verified the person, so it is two factors
	Synced   bool               `json:"synced,omitempty"`   // of a passkey: not bound to one device
}

// holding is what a user has to prove themselves with.
type holding struct {
	Password      bool
	Passkeys      int
	TOTP          bool
	RecoveryCodes int
	Verified      bool     // the address is theirs
	Providers     []string // with which they have connected
}

// enrolled reports whether the user has a second factor.
func (h holding) enrolled() bool { return h.TOTP || h.Passkeys > 0 }

// seconds are the user's second factors, the most convenient first.
func (h holding) seconds() (out []application.Method) {
	if h.TOTP {
		out = append(out, application.TOTP)
	}
	if h.Passkeys > 0 {
		out = append(out, application.Passkey)
	}
	if h.RecoveryCodes > 0 {
		out = append(out, application.RecoveryCode)
	}
	return out
}

// firsts are those of the methods that the user has.
func (h holding) firsts(r rules) (out []application.Method) {
	for _, m := range r.Methods {
		name, isProvider := m.Provider()
		switch {
		case isProvider && slices.Contains(h.Providers, name),
			m == application.Password && h.Password,
			m == application.Passkey && h.Passkeys > 0,
			m == application.EmailCode && h.Verified && r.CanMail:
			out = append(out, m)
		}
	}
	return out
}

// standing is all that a decision rests on.
type standing struct {
	Purpose    Purpose
	Identified bool // an address was given
	Proofs     []proof
	Has        holding // counts once something was proven
	Remembered bool    // the device has proven a second factor of this user, recently enough
	Chosen     bool    // name and password were chosen
	ACR        string  // of the session, from StepUp on
	// Since is how long ago the person proved themselves in the session, at a step-up.
	Since time.Duration
	// Keep: the step-up is to keep the level that the session has, rather than to reach the highest that the user can.
	Keep bool
}

// verdict is what comes next.
type verdict struct {
	Ask          []application.Method
	SecondFactor bool
	Enrol        bool
	Choose       bool
	Done         bool
	ACR          string // of the session, when done
}

// judge decides what comes next. It is the one place in which a policy is applied.
func (r rules) judge(a standing) verdict {
	switch a.Purpose {
	case ToSignIn:
		if !r.begun(a.Proofs) {
			return verdict{Ask: r.Methods}
		}
		return r.judgeSecond(a)
	case ToSignUp:
		return r.judgeSignUp(a)
	case ToRecover:
		return r.judgeRecovery(a)
	case ToStepUp:
		return r.judgeStepUp(a)
	}
	ask := map[Purpose][]application.Method{
		ToAddPasskey: {application.Passkey}, ToAddTOTP: {application.TOTP}, ToVerifyEmail: {application.EmailCode}, ToConnect: r.providers(),
	}[a.Purpose]
	if len(a.Proofs) > 0 {
		return verdict{Done: true, ACR: a.ACR}
	}
	return verdict{Ask: ask, Enrol: a.Purpose == ToAddPasskey || a.Purpose == ToAddTOTP}
}

// judgeSecond decides about the second factor once a first was proven.
func (r rules) judgeSecond(a standing) verdict {
	level := oneFactor
	if strong(a.Proofs) {
		level = twoFactors
	}
	done := verdict{Done: true, ACR: level}
	switch {
	case level == twoFactors, r.SecondFactor == application.Never:
		return done
	case a.Has.enrolled():
		if a.Remembered && r.Remember > 0 {
			return done
		}
		return verdict{Ask: a.Has.seconds(), SecondFactor: true}
	case r.SecondFactor == application.IfEnrolled:
		return done
	}
	return verdict{Ask: r.Enrollable, SecondFactor: true, Enrol: true}
}

// judgeSignUp asks for a proof of the address, then for a password or passkey, then as at sign-in. Whoever comes from a
// provider has both from there. Where no mail can be sent the address stays unproven, as in the API.
func (r rules) judgeSignUp(a standing) verdict {
	switch {
	case len(a.Proofs) > 0 && isProvider(a.Proofs[0].Method) && r.begun(a.Proofs[:1]):
		return r.judgeSecond(a)
	case r.CanMail && !proved(a.Proofs, application.EmailCode):
		return verdict{Ask: r.signUps()}
	case !r.CanMail && !a.Identified:
		return verdict{Ask: r.providers()}
	case !a.Chosen || !r.begun(a.Proofs):
		return verdict{Ask: r.choices(), Choose: true}
	}
	return r.judgeSecond(a)
}

// judgeRecovery asks for a proof of the address and for a second factor of whoever has one, on any device; then for the
// new password.
func (r rules) judgeRecovery(a standing) verdict {
	switch {
	case !slices.Contains(r.Methods, application.Password):
		return verdict{}
	case !proved(a.Proofs, application.EmailCode):
		return verdict{Ask: []application.Method{application.EmailCode}}
	case a.Has.enrolled() && !strong(a.Proofs):
		return verdict{Ask: a.Has.seconds(), SecondFactor: true}
	case !a.Chosen || !r.begun(a.Proofs):
		return verdict{Ask: []application.Method{application.Password}, Choose: true}
	}
	return r.judgeSecond(a)
}

// begun reports whether a proof is one that a sign-in may begin with. A passkey by itself must have verified the person.
func (r rules) begun(proofs []proof) bool {
	return slices.ContainsFunc(proofs, func(p proof) bool {
		return slices.Contains(r.Methods, p.Method) && (p.Method != application.Passkey || p.Verified)
	})
}

// strong reports whether the proofs are two factors: a passkey that verified the person, or something that only they
// have beside something else.
func strong(proofs []proof) bool {
	has := slices.ContainsFunc(proofs, func(p proof) bool { return second(p.Method) })
	more := slices.ContainsFunc(proofs, func(p proof) bool { return !second(p.Method) })
	return has && more || slices.ContainsFunc(proofs, func(p proof) bool { return p.Method == application.Passkey && p.Verified })
}

// second reports whether the method counts as a second factor.
func second(m application.Method) bool {
	return m == application.TOTP || m == application.Passkey || m == application.RecoveryCode
}

func proved(proofs []proof, m application.Method) bool {
	return slices.ContainsFunc(proofs, func(p proof) bool { return p.Method == m })
}

func isProvider(m application.Method) bool { _, ok := m.Provider(); return ok }

// providers are those with which a sign-in may begin.
func (r rules) providers() (out []application.Method) {
	for _, m := range r.Methods {
		if isProvider(m) {
			out = append(out, m)
		}
	}
	return out
}

// choices are what somebody who signs up may choose to sign in with.
func (r rules) choices() (out []application.Method) {
	for _, m := range r.Methods {
		if m == application.Password || m == application.Passkey {
			out = append(out, m)
		}
	}
	return out
}

// signUps are what a sign-up may begin with.
func (r rules) signUps() []application.Method {
	if len(r.choices()) == 0 && !slices.Contains(r.Methods, application.EmailCode) {
		return r.providers()
	}
	return append([]application.Method{application.EmailCode}, r.providers()...)
}

// references are the values of amr for the proofs (RFC 8176 §2), with two that it does not have: "email" for a code or
// link by mail and "fed" for a provider of identities. before are those of the session, at a step-up.
func references(before []string, proofs []proof, level string) []string {
	out := slices.Clone(before)
	add := func(names ...string) {
		for _, name := range names {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	for _, p := range proofs {
		switch p.Method {
		case application.Password:
			add("pwd")
		case application.EmailCode:
			add("email")
		case application.TOTP, application.RecoveryCode:
			add("otp")
		case application.Passkey:
			add(map[bool]string{true: "swk", false: "hwk"}[p.Synced])
			if p.Verified {
				add("user")
			}
		default:
			add("fed")
		}
	}
	if level == twoFactors {
		add("mfa")
	}
	return out
}
