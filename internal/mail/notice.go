package mail

import (
	"fmt"
	"strings"
	"time"
)

// Happening is what a notice tells of: who, where and when. All but To and At
// may be empty, and what is empty is not mentioned. Device and IP come from the
// request and are whatever its sender wanted them to be: notices print them as
// one short line of plain text.
type Happening struct {
	To      string // the user's address
	Service string // what the user knows the site as
	Device  string // such as "Firefox on Linux"
	IP      string
	At      time.Time // shown in UTC
}

// TheftDetected tells that a refresh token was used by two parties, and that
// the session concerned was ended.
func TheftDetected(h Happening) Message {
	return h.message(KindTheft, "We ended one of your sign-ins",
		"Someone may have copied the sign-in of one of your devices"+h.service()+".",
		"A key that only that device should hold was used twice. Because we cannot tell which use was yours, that sign-in was ended at once. Your other devices stay signed in.",
		"To go on with that device, sign in on it again. If you do not know this device or place, change your password and look through the list of your devices.")
}

// NewDevice tells of a sign-in from a device not seen before.
func NewDevice(h Happening) Message {
	return h.message(KindNewDevice, "New sign-in to your account",
		"Someone signed in"+h.service()+" on a device that was not used before.",
		"If this was you, there is nothing to do.",
		"If it was not, end that device in the list of your devices and change your password.")
}

// PasswordChanged tells that the password was changed and the other sessions
// were ended.
func PasswordChanged(h Happening) Message {
	return h.message(KindPasswordChanged, "Your password was changed",
		"The password of your account"+h.service()+" was changed. Your other devices have been signed out.",
		"If this was you, there is nothing to do.",
		"If it was not, someone else knows your password: ask the people who run the site for help at once.")
}

// message puts the facts after the first paragraph.
func (h Happening) message(kind Kind, subject, first string, rest ...string) Message {
	facts := []string{"When: " + h.At.UTC().Format("2 January 2006, 15:04 MST")}
	if device := oneLine(h.Device); device != "" {
		facts = append(facts, "Device: "+device)
	}
	if ip := oneLine(h.IP); ip != "" {
		facts = append(facts, "Address: "+ip)
	}
	if service := oneLine(h.Service); service != "" {
		subject = fmt.Sprintf("%s (%s)", subject, service)
	}
	paragraphs := append([]string{first, strings.Join(facts, "\n")}, rest...)
	return Message{To: h.To, Kind: kind, Subject: subject, Text: strings.Join(paragraphs, "\n\n") + "\n"}
}

func (h Happening) service() string {
	if service := oneLine(h.Service); service != "" {
		return " at " + service
	}
	return ""
}

// maxFact bounds what a request can put into a notice, in characters.
const maxFact = 80

// oneLine makes a text from outside fit for a line of a message.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unbecoming(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > maxFact {
		s = string(runes[:maxFact-1]) + "…"
	}
	return s
}
