package main

import (
	"context"
	"net"
	"time"

	"tandem.example/tandem/internal/config"
)

// mail looks at whether messages to people can leave.
func (r *report) mail(ctx context.Context, c config.Config) {
	if c.Mail.Server == "" {
		r.note("mail", "set mail.server and mail.from",
			"none is sent: forgotten passwords, codes by mail and notices of theft do not reach people (`serve --dev` prints them)")
		return
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", c.Mail.Server)
	if err != nil {
		r.wrong("mail", "check mail.server, and that this machine may reach it; messages wait meanwhile, codes for 10 minutes and notices for 3 days",
			"the mail server does not answer: %v", err)
		return
	}
	_ = conn.Close() // nothing was said
	if c.Mail.TLS == config.TLSPlaintext {
		r.note("mail", "set mail.tls to starttls unless the server is on this machine", "%s answers, and mail to it can be read on the way, codes too", c.Mail.Server)
		return
	}
	r.ok("mail", "%s answers; mail leaves by %s", c.Mail.Server, c.Mail.TLS)
}
