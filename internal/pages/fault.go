package pages

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/ui"
)

// fault is what was wrong with a form: which field, and what to do about it. It never repeats what was sent.
type fault struct {
	Field string // id of the field; empty for the form as a whole
	Text  string
}

// faultOf answers what is wrong with a field, for its template; empty if nothing is.
func faultOf(faults []fault, field string) string {
	for _, f := range faults {
		if f.Field == field {
			return f.Text
		}
	}
	return ""
}

// FaultAt lets templates ask for a field's.
func (s step) FaultAt(field string) string { return faultOf(s.Faults, field) }

// plainFaults are the errors that need no data to be told.
var plainFaults = []struct {
	err       error
	field, id string
}{
	{signin.ErrInvalidCredentials, "password", "password"},
	{signin.ErrWrongCode, "code", "code"},
	{signin.ErrTooManyTries, "code", "tries"},
	{signin.ErrWrongPasskey, "", "passkey"},
	{signin.ErrNoMail, "", "no_mail"},
	{signin.ErrLastMethod, "", "last_method"},
	{account.ErrEmailTaken, "email", "email_taken"},
	{account.ErrEmail, "email", "email"},
	{account.ErrName, "name", "name"},
	{credential.ErrPasskeyTaken, "", "passkey_taken"},
	{credential.ErrTooManyPasskeys, "", "too_many_passkeys"},
	{credential.ErrPasswordTooLong, "password", "password_max_length"},
}

// explain says in words what a form was refused for, and with which status. The status is 0 for an error that is not
// about the form.
func (v *visit) explain(err error) (fault, int) {
	var (
		limited *signin.LimitedError
		busy    *credential.OverloadedError
		field   *signin.FieldError
		policy  *credential.PolicyError
	)
	switch {
	case errors.As(err, &limited):
		v.retryAfter(limited.RetryAfter)
		return fault{Text: v.say("pages.fault.limited", "Wait", ui.Duration(v.speaker, limited.RetryAfter))}, http.StatusTooManyRequests
	case errors.As(err, &busy):
		v.retryAfter(busy.RetryAfter)
		return fault{Text: v.say("pages.fault.busy")}, http.StatusServiceUnavailable
	case errors.As(err, &policy):
		return fault{Field: "password", Text: v.say("pages.fault.password_"+string(policy.Rule), "Count", policy.MinLength)}, http.StatusUnprocessableEntity
	case errors.As(err, &field):
		return v.fieldFault(field), http.StatusUnprocessableEntity
	}
	for _, f := range plainFaults {
		if errors.Is(err, f.err) {
			return fault{Field: f.field, Text: v.say("pages.fault." + f.id)}, http.StatusUnprocessableEntity
		}
	}
	return fault{}, 0
}

// fieldFault tells of a field that breaks a rule: what to type, where it stands on the form.
func (v *visit) fieldFault(e *signin.FieldError) fault {
	if e.Field == "email" || e.Field == "name" {
		return fault{Field: e.Field, Text: v.say("pages.fault." + e.Field)}
	}
	return fault{Text: v.speaker.Rule(e.Error())}
}

// retryAfter tells programs when to come again; people read it on the page.
func (v *visit) retryAfter(d time.Duration) {
	v.x.Header().Set("Retry-After", strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10))
}
