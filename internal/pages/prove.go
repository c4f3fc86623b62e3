package pages

import (
	"errors"
	"net/http"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/ui"
	"tandem.example/tandem/internal/web"
)

// showStep shows the page on which a method is proven.
func (v *visit) showStep(status int, name string, m application.Method, p signin.Progress, faults []fault) error {
	s := step{Progress: p, Faults: faults, Ways: v.ways(p, m), Action: entranceOf(p.Purpose), CanMail: v.SignIn.CanMail, Days: v.rememberDays(p)}
	page := ui.Page{App: p.Application, Title: v.stepTitle(p), Data: s}
	if m == application.Passkey {
		page.Scripts = []string{"passkey.js"}
	}
	return v.render(status, name, page)
}

// rememberDays is for how many days this device may be spared a second factor; 0 if it may not be.
func (v *visit) rememberDays(p signin.Progress) int {
	if !p.SecondFactor || p.Purpose != signin.ToSignIn {
		return 0
	}
	return int(v.SignIn.RememberFor(p.Application) / (24 * time.Hour))
}

// look is the handler of a page on which a method is proven.
func (v *visit) look(name string, m application.Method) error {
	p, ok, err := v.at(asking(m))
	if !ok {
		return err
	}
	return v.showStep(http.StatusOK, name, m, p, nil)
}

// prove runs a proof for the browser's attempt. If it was refused, the page is shown again with what was wrong.
func (v *visit) prove(name string, m application.Method, do func(p signin.Progress) (signin.Progress, error)) error {
	held, err := v.resume()
	if err != nil {
		return v.gone(err)
	}
	p, err := do(held)
	return v.proven(p, err, func(status int, faults []fault) error {
		return v.showStep(status, name, m, held, faults)
	})
}

func (v *visit) showPassword() error { return v.look("password", application.Password) }

func (v *visit) provePassword() error {
	return v.prove("password", application.Password, func(p signin.Progress) (signin.Progress, error) {
		return v.SignIn.ProvePassword(v.ctx(), p.Token, v.secretly("password"), v.client())
	})
}

// showCode asks for the code that was mailed, or offers to mail one.
func (v *visit) showCode() error { return v.look("code", application.EmailCode) }

func (v *visit) sendCode() error {
	return v.prove("code", application.EmailCode, func(p signin.Progress) (signin.Progress, error) {
		return v.SignIn.SendCode(v.ctx(), p.Token, v.client())
	})
}

func (v *visit) proveCode() error {
	return v.prove("code", application.EmailCode, func(p signin.Progress) (signin.Progress, error) {
		return v.SignIn.ProveCode(v.ctx(), p.Token, digits(v.sent("code")), v.client())
	})
}

// showLink shows a button: to look at a page proves nothing, since programs look at links before people do.
func (v *visit) showLink() error {
	link := v.r.URL.Query().Get("token")
	p, err := v.resume()
	if err != nil || !asks(p, application.EmailCode) {
		return v.render(http.StatusOK, "link-elsewhere", ui.Page{})
	}
	return v.render(http.StatusOK, "link", ui.Page{App: p.Application, Title: v.stepTitle(p), Data: step{Progress: p, Link: link}})
}

func (v *visit) proveLink() error {
	held, err := v.resume()
	if err != nil {
		return v.gone(err)
	}
	p, err := v.SignIn.ProveLink(v.ctx(), held.Token, v.secretly("token"), v.client())
	return v.proven(p, err, func(status int, faults []fault) error {
		if errors.Is(err, signin.ErrWrongCode) {
			faults = []fault{{Text: v.say("pages.fault.link")}}
		}
		return v.showStep(status, "code", application.EmailCode, held, faults)
	})
}

func (v *visit) showTOTP() error { return v.look("totp", application.TOTP) }

func (v *visit) proveTOTP() error {
	return v.prove("totp", application.TOTP, func(p signin.Progress) (signin.Progress, error) {
		return v.SignIn.ProveTOTP(v.ctx(), p.Token, digits(v.sent("code")), v.sent("remember") != "", v.client())
	})
}

func (v *visit) showRecoveryCode() error { return v.look("recovery-code", application.RecoveryCode) }

func (v *visit) proveRecoveryCode() error {
	return v.prove("recovery-code", application.RecoveryCode, func(p signin.Progress) (signin.Progress, error) {
		return v.SignIn.ProveRecoveryCode(v.ctx(), p.Token, v.sent("code"), v.client())
	})
}

func (v *visit) showPasskey() error { return v.look("passkey", application.Passkey) }

func (v *visit) provePasskey() error {
	return v.prove("passkey", application.Passkey, func(p signin.Progress) (signin.Progress, error) {
		return v.SignIn.ProvePasskey(v.ctx(), p.Token, []byte(v.sent("response")), v.sent("remember") != "", v.client())
	})
}

// askPasskey answers the options that the browser's call takes.
func (v *visit) askPasskey() error {
	p, err := v.resume()
	if err != nil {
		return v.refuse(err)
	}
	options, err := v.SignIn.AskPasskey(v.ctx(), p.Token, v.client())
	if err != nil {
		return v.refuse(err)
	}
	return v.json(options)
}

// refuse answers passkey.js why there are no options: for 410 it loads the page again, which knows what comes first.
func (v *visit) refuse(err error) error {
	switch {
	case errors.Is(err, signin.ErrNoAttempt):
		return web.NewProblem(http.StatusGone, web.CodeConflict, "this attempt has expired or is finished")
	case errors.Is(err, signin.ErrNotNow), errors.Is(err, session.ErrRaced):
		return web.NewProblem(http.StatusConflict, web.CodeConflict, "a passkey is not asked for now")
	}
	if wrong, status := v.explain(err); status != 0 {
		return web.NewProblem(status, web.CodeInvalidRequest, wrong.Text)
	}
	return err
}

// json answers what passkey.js asks for.
func (v *visit) json(body []byte) error {
	v.x.Header().Set("Content-Type", "application/json")
	v.x.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	_, _ = v.x.Write(body) // the client is gone if this fails
	return nil
}

// digits leaves out what people type between the digits of a code.
func digits(text string) string {
	out := make([]byte, 0, len(text))
	for i := range len(text) {
		if c := text[i]; c != ' ' && c != '-' && c != '\t' {
			out = append(out, c)
		}
	}
	return string(out)
}
