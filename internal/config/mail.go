package config

import (
	"net/mail"
)

func (c Config) checkMail(ps *problems) {
	m := c.Mail
	if m.Server == "" {
		for _, given := range []struct {
			key string
			set bool
		}{{"mail.from", m.From != ""}, {"mail.username", m.Username != ""}, {"mail.password", !m.Password.Empty()}, {"mail.tls", m.TLS != ""}} {
			if given.set {
				ps.add(given.key, "is given without mail.server", "name the SMTP server, or leave it out", "mail.server")
			}
		}
		return
	}
	host, port, ok := splitAddress(m.Server)
	if !ok || host == "" || port == 0 {
		ps.add("mail.server", "must be host:port", "write an address such as smtp.example.com:587")
	}
	if _, err := mail.ParseAddress(m.From); err != nil {
		ps.add("mail.from", "must be a mail address where mail.server is given", "write an address such as no-reply@example.com", "mail.server")
	}
	if (m.Username == "") != m.Password.Empty() {
		ps.add("mail.username", "and mail.password go together", "give both or neither", "mail.password")
	}
	oneOf(ps, "mail.tls", m.TLS, TLSStart, TLSImplicit, TLSPlaintext)
	if m.TLS == TLSPlaintext && !m.Password.Empty() && !isLocal(host) {
		ps.add("mail.tls", "would send mail.password readable over the network", "write starttls", "mail.password")
	}
}
