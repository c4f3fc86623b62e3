package tandem

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/federate"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/signin"
)

// post is how messages to people leave.
type post struct {
	sender mail.Sender
	outbox *mail.Outbox // nil unless there is a mail server; to be run
	// reaches says that messages reach somebody.
	reaches bool
}

// figures says how the mail goes; nil where none is queued.
func (p post) figures() func(context.Context) (mail.Figures, error) {
	if p.outbox == nil {
		return nil
	}
	return p.outbox.Figures
}

// openPost sends messages as configured: to the developer's terminal, through the mail server, or nowhere.
func openPost(c Config, st store, box sealer, now func() time.Time, o options) (post, error) {
	switch {
	case o.mailTo != nil:
		return post{sender: mail.NewTerminal(o.mailTo), reaches: true}, nil
	case c.Mail.Server == "":
		o.logger.Warn("no mail is sent: forgotten passwords, codes and notices of theft do not reach people", "fix", "set mail.server and mail.from")
		return post{sender: mail.Discard{}}, nil
	}
	carrier, err := carrier(c)
	if err != nil {
		return post{}, err
	}
	outbox := mail.NewOutbox(mail.OutboxConfig{Queue: st.MailQueue(), Box: box, Carrier: carrier, Alone: st.Alone, Now: now, Log: o.logger})
	return post{sender: outbox, outbox: outbox, reaches: true}, nil
}

// carrier speaks to the configured mail server.
func carrier(c Config) (*mail.SMTP, error) {
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return mail.NewSMTP(mail.SMTPConfig{
		Server: c.Mail.Server, From: c.Mail.From, Username: c.Mail.Username, Password: c.Mail.Password, TLS: c.Mail.TLS, Host: issuer.Hostname(),
	})
}

// signInDefaults are for applications that say nothing of how people sign in to them.
func signInDefaults(c Config) application.SignIn {
	s := application.SignIn{SecondFactor: application.SecondFactor(c.SignIn.SecondFactor), Remember: c.SignIn.Window(), ACR: c.SignIn.ACR}
	for _, m := range c.SignIn.Methods {
		s.Methods = append(s.Methods, application.Method(m))
	}
	return s
}

// providers are those with whom people may sign in; none is asked anything yet.
func providers(c Config, now func() time.Time) (*federate.Providers, error) {
	list := make([]federate.Provider, len(c.Providers))
	for i, p := range c.Providers {
		list[i] = federate.Provider{Name: p.Name, Title: p.Title, Kind: p.Kind, Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: p.ClientSecret}
	}
	return federate.New(federate.Config{Providers: list, Now: now})
}

// methods are those with which a sign-in can begin here.
func methods(c Config, s *signin.Service) []application.Method {
	list := []application.Method{application.Password, application.Passkey}
	if s.CanMail {
		list = append(list, application.EmailCode)
	}
	for _, p := range c.Providers {
		list = append(list, application.Provider(p.Name))
	}
	return list
}
