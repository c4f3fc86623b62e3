package mail

import (
	"time"

	"tandem.example/tandem/internal/language"
)

// Happening is what a message tells of: who, where and when. All but To and At may be empty, and what is empty is not
// mentioned. Device and IP come from the request and are whatever its sender wanted them to be: messages print them as
// one short line of plain text.
type Happening struct {
	To      string // the user's address
	Service string // what the user knows the site as
	Device  string // such as "Firefox on Linux"
	IP      string
	At      time.Time // shown in UTC
	// Account is the URL of the page on which the user sees their account and devices.
	Account string
}

// TheftDetected tells that a refresh token was used by two parties, and that
// the session concerned was ended.
func TheftDetected(h Happening, s language.Speaker) Message {
	l := h.letter(KindTheft, s, "mail.theft.subject")
	l.say("mail.theft.what").facts(h).say("mail.theft.why").say("mail.theft.do").link("mail.devices", h.Account)
	return l.message()
}

// NewDevice tells of a sign-in from a device not seen before.
func NewDevice(h Happening, s language.Speaker) Message {
	l := h.letter(KindNewDevice, s, "mail.device.subject")
	l.say("mail.device.what").facts(h).say("mail.known").say("mail.device.do").link("mail.devices", h.Account)
	return l.message()
}

// PasswordChanged tells that the password was changed and the other sessions
// were ended.
func PasswordChanged(h Happening, s language.Speaker) Message {
	l := h.letter(KindPasswordChanged, s, "mail.password.subject")
	l.say("mail.password.what").facts(h).say("mail.known").say("mail.password.do")
	return l.message()
}

// Change is what became different about how a user proves who they are.
type Change string

// The changes.
const (
	PasskeyAdded      Change = "passkey_added"
	PasskeyRemoved    Change = "passkey_removed"
	TOTPOn            Change = "totp_on"
	TOTPOff           Change = "totp_off"
	RecoveryCodesMade Change = "recovery_codes_made"
	RecoveryCodeUsed  Change = "recovery_code_used"
	Connected         Change = "connected"    // a provider of identities
	Disconnected      Change = "disconnected" // a provider of identities
	PasswordSet       Change = "password_set" // on an account that had none
)

// FactorChanged tells of a change; name is that of the passkey or provider, and may be empty.
func FactorChanged(h Happening, c Change, name string, s language.Speaker) Message {
	l := h.letter(KindFactorChanged, s, "mail.factor.subject."+string(c))
	l.say("mail.factor.what."+string(c), "Name", oneLine(name)).facts(h).say("mail.known").say("mail.factor.do").link("mail.account", h.Account)
	return l.message()
}

// EmailChanged tells the old address, which is that of h, that the account has another one now. It does not say which:
// whoever reads the old mailbox need not be the user any more.
func EmailChanged(h Happening, s language.Speaker) Message {
	l := h.letter(KindEmailChanged, s, "mail.email.subject")
	l.say("mail.email.what").facts(h).say("mail.known").say("mail.email.do")
	return l.message()
}

// SetByOperator tells that the people who run the site set a password and signed everybody out.
func SetByOperator(h Happening, s language.Speaker) Message {
	l := h.letter(KindPasswordChanged, s, "mail.operator.password.subject")
	l.say("mail.operator.password.what").facts(h).say("mail.operator.do")
	return l.message()
}

// ResetByOperator tells that the people who run the site removed all that the user can prove themselves with.
func ResetByOperator(h Happening, s language.Speaker) Message {
	l := h.letter(KindFactorChanged, s, "mail.operator.reset.subject")
	l.say("mail.operator.reset.what").facts(h).say("mail.operator.reset.do").say("mail.operator.do")
	return l.message()
}

// MovedByOperator tells the old address that the people who run the site gave the account another one. Like EmailChanged,
// it does not say which.
func MovedByOperator(h Happening, s language.Speaker) Message {
	l := h.letter(KindEmailChanged, s, "mail.email.subject")
	l.say("mail.operator.email.what").facts(h).say("mail.operator.do")
	return l.message()
}

// Claimed tells whoever has confirmed the address that a password which somebody had set before was removed.
func Claimed(h Happening, s language.Speaker) Message {
	l := h.letter(KindClaimed, s, "mail.claimed.subject")
	l.say("mail.claimed.what").facts(h).say("mail.claimed.do").link("mail.account", h.Account)
	return l.message()
}
