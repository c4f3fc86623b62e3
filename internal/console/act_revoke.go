package console

import (
	"context"
	"net/url"
	"strings"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/revocation"
)

// kinds are what can be revoked, as the form offers them.
var kinds = []string{
	string(revocation.KindSession), string(revocation.KindSubject), string(revocation.KindAuthz), string(revocation.KindApplication),
	string(revocation.KindKey), string(revocation.KindAll),
}

// revokeScreen is the form that asks what to revoke.
type revokeScreen struct {
	Kinds    []string
	Kind, ID string
	Apps     []string
	Keys     []keyRow
	Said     string // what is wrong
}

func (c *Console) revoke(v *visit) error { return c.revokeForm(v, nil) }

func (c *Console) revokeForm(v *visit, wrong error) error {
	apps, err := c.Operator.ListApplications(v.r.Context())
	if err != nil {
		return err
	}
	data := revokeScreen{Kinds: kinds, Kind: v.query("kind"), ID: v.query("id"), Keys: c.keyRows()}
	for _, a := range apps {
		data.Apps = append(data.Apps, a.Name)
	}
	s := screen{title: v.say.Say("console.menu_revoke"), template: "revoke", menu: "revoke"}
	if wrong != nil {
		s.status, data.Said = c.explain(v, wrong)
	}
	s.data = data
	return c.show(v, s)
}

// planRevoke plans a revocation of the kind that is asked for.
func (c *Console) planRevoke(v *visit, in url.Values) (*plan, error) {
	kind, id := revocation.Kind(in.Get("kind")), strings.TrimSpace(in.Get("id"))
	if len(id) > 300 || id == "" && kind != revocation.KindAll {
		return nil, errWhom
	}
	order := operator.Revocation{Kind: kind, ID: id}
	p := &plan{Grave: true, Back: "/console/revoke", After: "/console/revoke"}
	var err error
	switch kind {
	case revocation.KindSession:
		err = c.revokeSession(v, p, &order)
	case revocation.KindSubject, revocation.KindAuthz:
		err = c.revokeUser(v, p, &order)
	case revocation.KindApplication:
		err = c.revokeApplication(v, p, &order)
	case revocation.KindKey:
		err = c.revokeKey(v, p, &order)
	case revocation.KindAll:
		order.ID, order.EndSessions = "", in.Get("end_sessions") != ""
		err = c.revokeAll(v, p, &order)
	default:
		err = errKind
	}
	if err != nil {
		return nil, err
	}
	p.Fields = append(p.Fields, field{"kind", string(kind)}, field{"id", order.ID})
	if order.EndSessions {
		p.Fields = append(p.Fields, field{"end_sessions", "1"})
	}
	p.do = func(ctx context.Context, by operator.By) (feed.Commit, bool, error) {
		commit, err := c.Operator.Revoke(ctx, order, by)
		return commit, true, err
	}
	return p, nil
}

func (c *Console) revokeSession(v *visit, p *plan, r *operator.Revocation) error {
	id, err := session.CheckID(r.ID)
	if err != nil {
		return err
	}
	view, err := c.Operator.Session(v.r.Context(), id)
	if err != nil {
		return err
	}
	email := view.User.Email
	p.Title, p.Button = v.say.Say("console.session_end_title", "Email", email), v.say.Say("console.session_end_button")
	p.what, p.Spares = v.say.Say("console.session_end_done", "Email", email), v.say.Say("console.session_spares", "Email", email)
	p.Back, p.After = "/console/sessions/"+string(id), userPath(view.User)
	if p.Sessions, err = c.sessionRows(v, []session.View{view}); err != nil {
		return err
	}
	if p.Sessions[0].Mine {
		p.Warning = v.say.Say("console.warn_own_session")
	}
	text := "console.touch_session"
	if view.Alive(v.now) != nil {
		text = "console.touch_session_over"
	}
	p.Touches = []string{v.say.Say(text, "Email", email, "Device", view.Session.Device)}
	return nil
}

func (c *Console) revokeUser(v *visit, p *plan, r *operator.Revocation) error {
	u, err := c.Operator.User(v.r.Context(), r.ID)
	if err != nil {
		return err
	}
	r.ID = string(u.ID)
	p.Back, p.After = userPath(u), userPath(u)
	if r.Kind == revocation.KindAuthz {
		p.Grave = false
		p.Title, p.Button = v.say.Say("console.authz_title", "Email", u.Email), v.say.Say("console.authz_button")
		p.what, p.Spares = v.say.Say("console.authz_done", "Email", u.Email), v.say.Say("console.roles_spares")
		p.Touches = []string{v.say.Say("console.touch_renew", "Email", u.Email)}
		return nil
	}
	p.Title, p.Button = v.say.Say("console.subject_title", "Email", u.Email), v.say.Say("console.subject_button")
	p.what, p.Spares = v.say.Say("console.subject_done", "Email", u.Email), v.say.Say("console.nobody_else")
	return c.touch(v, p, "console.touch_user", session.Query{User: u.ID}, "Email", u.Email)
}

func (c *Console) revokeApplication(v *visit, p *plan, r *operator.Revocation) error {
	a, err := c.Operator.Application(v.r.Context(), r.ID)
	if err != nil {
		return err
	}
	r.ID = string(a.ID)
	p.Title, p.Button = v.say.Say("console.app_end_title", "App", a.Name), v.say.Say("console.app_end_button")
	p.what, p.Spares = v.say.Say("console.app_end_done", "App", a.Name), v.say.Say("console.app_spares")
	p.Back = "/console/applications/" + url.PathEscape(string(a.ID))
	p.After = p.Back
	return c.touch(v, p, "console.touch_app", session.Query{Application: a.ID}, "App", a.Name)
}

func (c *Console) revokeKey(v *visit, p *plan, r *operator.Revocation) error {
	var found *keyRow
	for _, k := range c.keyRows() {
		if k.KID == r.ID {
			found = &k
		}
	}
	if found == nil {
		return signing.ErrNotFound
	}
	p.Title, p.Button = v.say.Say("console.key_title", "Key", found.KID), v.say.Say("console.key_button")
	p.what, p.Back, p.After = v.say.Say("console.key_done", "Key", found.KID), "/console/keys", "/console/keys"
	switch {
	case found.State == string(signing.Next):
		p.Touches = []string{v.say.Say("console.touch_next_key", "Key", found.KID)}
	case found.Use == string(signing.ForFeed):
		p.Touches = []string{v.say.Say("console.touch_feed_key")}
	default:
		p.Touches = []string{v.say.Say("console.touch_key", "Alg", found.Algorithm, "Key", found.KID)}
	}
	p.Spares = v.say.Say("console.key_spares")
	if found.State == string(signing.Revoked) {
		p.Warning = v.say.Say("console.warn_key_revoked")
	}
	return nil
}

func (c *Console) revokeAll(v *visit, p *plan, r *operator.Revocation) error {
	if !r.EndSessions {
		p.Title, p.Button, p.what = v.say.Say("console.all_title"), v.say.Say("console.all_button"), v.say.Say("console.all_done")
		p.Touches, p.Spares = []string{v.say.Say("console.touch_all")}, v.say.Say("console.key_spares")
		return nil
	}
	p.Title, p.Button, p.what = v.say.Say("console.all_end_title"), v.say.Say("console.all_end_button"), v.say.Say("console.all_end_done")
	p.Spares = v.say.Say("console.all_spares")
	if err := c.touch(v, p, "console.touch_everybody", session.Query{}); err != nil {
		return err
	}
	p.Warning = v.say.Say("console.warn_own_session")
	return nil
}

// planRotate replaces the keys that signed when it was asked for by their published successors.
func (c *Console) planRotate(v *visit, in url.Values) (*plan, error) {
	shown := c.signing()
	if in.Has("was") {
		shown = in.Get("was")
	}
	return &plan{
		Title: v.say.Say("console.rotate_title"), Button: v.say.Say("console.rotate_button"), Touches: []string{v.say.Say("console.touch_rotate", "Keys", strings.ReplaceAll(shown, " ", ", "))},
		Spares: v.say.Say("console.key_spares"), Fields: []field{{"was", shown}}, Back: "/console/keys", After: "/console/keys", what: v.say.Say("console.rotate_done"),
		do: func(ctx context.Context, by operator.By) (feed.Commit, bool, error) {
			if _, err := c.Operator.Ring.Learn(ctx); err != nil {
				return feed.Commit{}, false, err
			}
			if c.signing() != shown {
				return feed.Commit{}, false, errUnstable
			}
			return feed.Commit{}, false, c.Operator.RotateKeys(ctx, by)
		},
	}, nil
}
