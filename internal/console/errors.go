package console

import (
	"context"
	"errors"
	"net/http"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/internal/ui"
	"tandem.example/tandem/internal/web"
)

// The errors of the console's own.
var (
	errNowhere  = errors.New("there is no such page")
	errReason   = errors.New("say why")
	errOrder    = errors.New("the confirmation is too old")
	errChanged  = errors.New("it is not as it was when it was shown")
	errKind     = errors.New("choose what to revoke")
	errWhom     = errors.New("say whom it concerns")
	errTime     = errors.New("not a time")
	errFormat   = errors.New("format must be csv or jsonl")
	errNoOrder  = errors.New("the receipt is not kept any more")
	errUnstable = errors.New("the keys were replaced meanwhile")
)

// words says what an error means to an operator: the status it is answered with and the text of the catalogue. What is not
// here is a fault, of which only the request id is told.
var words = []struct {
	err    error
	status int
	id     string
}{
	{errAdmin, http.StatusForbidden, "console.error_admin"},
	{errNowhere, http.StatusNotFound, "console.error_nowhere"},
	{errNoOrder, http.StatusNotFound, "console.error_no_order"},
	{errReason, http.StatusUnprocessableEntity, "console.error_reason"},
	{errKind, http.StatusUnprocessableEntity, "console.error_kind"},
	{errWhom, http.StatusUnprocessableEntity, "console.error_whom"},
	{errTime, http.StatusUnprocessableEntity, "console.error_time"},
	{errFormat, http.StatusUnprocessableEntity, "console.error_format"},
	{errOrder, http.StatusConflict, "console.error_order"},
	{errChanged, http.StatusConflict, "console.error_changed"},
	{errUnstable, http.StatusConflict, "console.error_changed"},
	{account.ErrNotFound, http.StatusNotFound, "console.error_user"},
	{session.ErrNotFound, http.StatusNotFound, "console.error_session"},
	{session.ErrMalformed, http.StatusNotFound, "console.error_session"},
	{application.ErrNotFound, http.StatusNotFound, "console.error_application"},
	{signing.ErrNotFound, http.StatusNotFound, "console.error_key"},
	{account.ErrRaced, http.StatusConflict, "console.error_changed"},
	{application.ErrRaced, http.StatusConflict, "console.error_changed"},
	{signing.ErrRaced, http.StatusConflict, "console.error_changed"},
	{session.ErrRaced, http.StatusConflict, "console.error_changed"},
	{feed.ErrRolledBack, http.StatusServiceUnavailable, "console.error_rolled_back"},
	{feed.ErrClosed, http.StatusServiceUnavailable, "console.error_closing"},
	{context.Canceled, http.StatusServiceUnavailable, "console.error_closing"},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "console.error_store"},
}

// explain answers the status and the words of an error, and has a fault logged.
func (c *Console) explain(v *visit, err error) (status int, said string) {
	var field *operator.FieldError
	if errors.As(err, &field) {
		return c.refused(v, http.StatusUnprocessableEntity, err), v.say.Rule(field.Error())
	}
	if isOutage(err) {
		return c.refused(v, http.StatusServiceUnavailable, err), v.say.Say("console.error_store")
	}
	for _, w := range words {
		if errors.Is(err, w.err) {
			return c.refused(v, w.status, err), v.say.Say(w.id)
		}
	}
	p := c.Site.Front.Explain(v.r.Context(), err)
	return p.Status, v.say.Say("console.error_fault", "Request", v.x.ID)
}

// refused notes the problem for the log.
func (c *Console) refused(v *visit, status int, err error) int {
	code := web.CodeInvalidRequest
	switch status {
	case http.StatusForbidden:
		code = web.CodeForbidden
	case http.StatusNotFound:
		code = web.CodeNotFound
	case http.StatusConflict:
		code = web.CodeConflict
	case http.StatusServiceUnavailable:
		code = web.CodeUnavailable
	}
	p := web.NewProblem(status, code, "the console refused")
	p.Err = err
	v.x.Problem = p
	return status
}

// fail shows an error. Whoever may not be here is shown nothing else.
func (c *Console) fail(v *visit, err error) error {
	status, said := c.explain(v, err)
	if v.live {
		v.x.WriteHeader(status) // the piece of the page stays as it is, and the page says so
		return nil
	}
	page := ui.Page{Title: v.say.Say("console.error_title"), Layout: ui.Task, Data: failure{Said: said, Admin: v.admitted(), Status: status}}
	if v.admitted() {
		page.Layout, page.Menu, page.User = ui.Wide, c.menu(v, ""), v.who.View.User.Email
	}
	return c.pages.Render(v.x, v.r, status, "failure", page)
}

type failure struct {
	Said   string
	Admin  bool
	Status int
}

// admitted reports whether the visitor was found to be an operator.
func (v *visit) admitted() bool { return !v.who.At.IsZero() }

func (c *Console) nowhere(*visit) error { return errNowhere }
