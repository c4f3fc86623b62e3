package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/operator"
)

// act is something that an operator can do to others. All go the same way: a fresh proof, then a page that shows whom it
// touches and asks why, then the deed, then its receipt.
type act struct {
	name string
	// plan finds out what is to be done, from the parameters of a link or the fields of a form.
	plan func(c *Console, v *visit, in url.Values) (*plan, error)
	// again shows the form that asked for it, with what was wrong; nil where it is asked for by a link.
	again func(c *Console, v *visit, wrong error) error
}

// plan is an act that was decided on, with all that is to be shown of it first.
type plan struct {
	Title  string
	Button string
	Grave  bool // it cannot be undone, or signs people out
	// Touches say whom it touches, one sentence each; Spares who is not.
	Touches []string
	Spares  string
	// Warning is for what the operator may not have meant.
	Warning string
	// Sessions are some of those that end.
	Sessions []sessionRow
	More     int
	// Fields are sent along with the confirmation, so that what is done is what was shown.
	Fields []field
	Back   string // path to where it was asked for
	After  string // path to go on to

	what string // was done
	// do answers the commit to wait for, and whether there is one.
	do func(ctx context.Context, by operator.By) (feed.Commit, bool, error)
}

type field struct{ Name, Value string }

// askScreen asks whether to.
type askScreen struct {
	*plan
	Act, Order, Reason string
	Said               string // what is wrong
	AtReason           bool   // with the reason
}

// sessionsShown is how many of the sessions that end are shown.
const sessionsShown = 8

// deedFor bounds an act, which goes on if the browser hangs up.
const deedFor = 30 * time.Second

func (c *Console) acts() []act {
	return []act{
		{name: "lock", plan: (*Console).planLock},
		{name: "unlock", plan: (*Console).planUnlock},
		{name: "roles", plan: (*Console).planRoles, again: (*Console).rolesAgain},
		{name: "reset", plan: (*Console).planReset},
		{name: "delete-user", plan: (*Console).planDelete},
		{name: "revoke", plan: (*Console).planRevoke, again: (*Console).revokeForm},
		{name: "rotate-keys", plan: (*Console).planRotate},
	}
}

// ask shows whom an act touches, before it happens.
func (c *Console) ask(a act) handler {
	return func(v *visit) error {
		p, err := a.plan(c, v, v.r.URL.Query())
		if err != nil && a.again != nil && !isOutage(err) {
			return a.again(c, v, err)
		}
		if err != nil {
			return err
		}
		return c.confirm(v, a, p, http.StatusOK, "", "", false)
	}
}

func (c *Console) confirm(v *visit, a act, p *plan, status int, reason, said string, atReason bool) error {
	data := askScreen{plan: p, Act: "/console/acts/" + a.name, Order: newOrder(v.now), Reason: reason, Said: said, AtReason: atReason}
	return c.show(v, screen{title: p.Title, template: "ask", menu: "", status: status, data: data})
}

// do carries out what was confirmed, once, and leads to the receipt.
func (c *Console) do(a act) handler {
	return func(v *visit) error {
		if err := v.r.ParseForm(); err != nil {
			return errNowhere
		}
		in := v.r.PostForm
		if known, ok := c.orders.find(in.Get("order")); ok { // sent twice: what it was about may be gone by now
			return c.result(v, known)
		}
		p, err := a.plan(c, v, in)
		if err != nil {
			return err
		}
		reason := strings.TrimSpace(in.Get("reason"))
		again := func(err error, atReason bool) error {
			status, said := c.explain(v, err)
			return c.confirm(v, a, p, status, reason, said, atReason)
		}
		if reason == "" {
			return again(errReason, true)
		}
		if err := operator.CheckReason(reason); err != nil {
			return again(err, true)
		}
		o, first, err := c.orders.claim(in.Get("order"), v.who.View.User.ID, v.now)
		if err != nil {
			return again(err, false)
		}
		if first {
			if err := c.carryOut(v, o, p, reason); err != nil {
				return again(err, false)
			}
		}
		return c.result(v, o)
	}
}

// carryOut does what was ordered and begins its receipt.
func (c *Console) carryOut(v *visit, o *order, p *plan, reason string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.r.Context()), deedFor)
	defer cancel()
	finished := false
	defer func() {
		if !finished {
			c.orders.drop(o)
		}
	}()
	commit, waits, err := p.do(ctx, v.by(reason))
	if err != nil {
		return err
	}
	o.what, o.reason, o.commit, o.after = p.what, reason, commit, p.After
	if waits {
		o.fills = c.Feed.Fill(c.running, commit)
	}
	finished = true
	close(o.done)
	return nil
}

// result leads to what came of an order, once that is known.
func (c *Console) result(v *visit, o *order) error {
	if o.by != v.who.View.User.ID {
		return errOrder
	}
	select {
	case <-o.done:
	case <-v.r.Context().Done():
		return v.r.Context().Err()
	}
	to := receiptPath(o)
	switch {
	case o.failed:
		return errOrder
	case o.fills == nil:
		to = link(o.after, "done", o.id)
	}
	http.Redirect(v.x, v.r, c.Kit.Path(to), http.StatusSeeOther)
	return nil
}
