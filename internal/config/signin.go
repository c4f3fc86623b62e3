package config

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// NeverRemember is the SignIn.Remember under which a second factor is asked for at each sign-in.
const NeverRemember time.Duration = -1

// SignIn is how people prove who they are to applications that set nothing themselves.
type SignIn struct {
	// Methods are those with which a sign-in may begin, in the order in which they are offered: password, passkey,
	// email_code, and provider:NAME for a provider. Empty means all that can be: those, email_code if mail can be sent.
	Methods []string
	// SecondFactor is if_enrolled (the default), required or never.
	SecondFactor string
	// Remember is for how long a device on which a second factor was proven is not asked for one again: up to 365 d, 30 d
	// if zero. NeverRemember stands for none, since zero stands for the default; read it through Window.
	Remember time.Duration
	// ACR is the level that a session must have at the least: "1" (the default) or "2", for which a second factor is
	// always asked for.
	ACR string
}

// Window is the time in force: Remember, or zero for NeverRemember.
func (s SignIn) Window() time.Duration { return max(s.Remember, 0) }

const (
	defaultServiceName = "Tandem"

	defaultRemember, maxRemember = 30 * day, 365 * day

	methodEmailCode = "email_code"
	methodProvider  = "provider:"
)

// CanMail reports whether messages reach people: they are sent, or printed to the developer.
func (c Config) CanMail() bool { return c.Dev || c.Mail.Server != "" }

func (c Config) checkSignIn(ps *problems) {
	if name := c.ServiceName; utf8.RuneCountInString(name) > maxTitle {
		ps.add("service_name", "has more than 60 characters", "write what people know the service as")
	}
	known := []string{"password", "passkey", methodEmailCode}
	for _, p := range c.Providers {
		known = append(known, methodProvider+p.Name)
	}
	for i, m := range c.SignIn.Methods {
		switch {
		case slices.Index(c.SignIn.Methods, m) < i:
			ps.add("sign_in.methods", "names "+printable(m)+" twice", "keep one of the two")
		case m == methodEmailCode && !c.CanMail():
			ps.add("sign_in.methods", "has email_code, and no mail can be sent", "set mail.server and mail.from, or take email_code out", "mail.server")
		case strings.HasPrefix(m, methodProvider) && !slices.Contains(known, m):
			ps.add("sign_in.methods", "names a provider that is not configured: "+printable(m), "configure it below providers, or take it out")
		case !slices.Contains(known, m):
			remedy := "write some of " + strings.Join(known, ", ")
			if meant := nearest(m, known); meant != "" {
				remedy = "did you mean " + meant + "?"
			}
			ps.add("sign_in.methods", "has "+printable(m)+", which is no method to sign in with", remedy)
		}
	}
	oneOf(ps, "sign_in.second_factor", c.SignIn.SecondFactor, "if_enrolled", "required", "never")
	if c.SignIn.Remember != NeverRemember {
		between(ps, "sign_in.remember", c.SignIn.Remember, 0, maxRemember, "30d")
	}
	oneOf(ps, "sign_in.acr", c.SignIn.ACR, "1", "2")
	if c.SignIn.ACR == "2" && c.SignIn.SecondFactor == "never" {
		ps.add("sign_in.acr", "asks for a second factor, which sign_in.second_factor forbids", "write if_enrolled there, or 1 here", "sign_in.second_factor")
	}
}
