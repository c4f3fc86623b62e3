package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/config"
)

// mail looks at whether messages to people can leave.
func (r *report) mail(ctx context.Context, c config.Config) {
	if c.Mail.Server == "" {
		r.note("mail", "set mail.server and mail.from",
			"none is sent: forgotten passwords, codes by mail and notices of theft do not reach people (`serve --dev` prints them)")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	const meanwhile = "; messages wait meanwhile, codes for 10 minutes and notices for 3 days"
	switch err := tandem.ReachMail(ctx, c); {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, context.DeadlineExceeded):
		r.wrong("mail", "check mail.server, and that this machine may reach it"+meanwhile, "the mail server does not answer: %v", err)
	case err != nil:
		r.wrong("mail", "check mail.server, mail.tls, mail.username and mail.password"+meanwhile, "the mail server takes no mail from here: %v", err)
	case c.Mail.TLS == config.TLSPlaintext:
		r.note("mail", "set mail.tls to starttls unless the server is on this machine", "%s takes mail, which can be read on the way, codes too", c.Mail.Server)
	default:
		r.ok("mail", "%s takes mail by %s", c.Mail.Server, c.Mail.TLS)
	}
}

// providers looks at whether people can be sent to the providers with whom they may sign in.
func (r *report) providers(ctx context.Context, c config.Config) error {
	states, err := tandem.ReachProviders(ctx, c)
	if err != nil {
		return err
	}
	for _, p := range states {
		switch {
		case p.Fault != nil:
			r.wrong("provider", "check providers."+p.Name+".issuer, which must be spelled as the provider spells it, and that this machine may reach it",
				"nobody can sign in with %s: %v", p.Name, p.Fault)
		case p.Asked:
			r.ok("provider", "%s answers; redirect URI to register there: %s", p.Name, p.Redirect)
		default:
			r.ok("provider", "%s is not asked; redirect URI to register there: %s", p.Name, p.Redirect)
		}
	}
	return nil
}
