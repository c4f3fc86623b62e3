package console

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/session"
)

// planReset removes all that a user can prove themselves with, for whoever has lost their second factor. What was shown is
// sent along: what they have set up since they began again is not taken from them by a form that is sent once more.
func (c *Console) planReset(v *visit, in url.Values) (*plan, error) {
	u, err := c.subject(v, in)
	if err != nil {
		return nil, err
	}
	has, err := c.factors(v.r.Context(), u.ID)
	if err != nil {
		return nil, err
	}
	current := strconv.FormatUint(u.Revision, 10) // grows with all that is set up or removed
	shown := current
	if in.Has("was") {
		shown = in.Get("was")
	}
	p := &plan{
		Title: v.say.Say("console.reset_title", "Email", u.Email), Button: v.say.Say("console.reset_button"), Grave: true,
		Spares: v.say.Say("console.nobody_else"), Fields: []field{{"id", string(u.ID)}, {"was", current}}, Back: userPath(u), After: userPath(u),
		what: v.say.Say("console.reset_done", "Email", u.Email),
	}
	if err := c.touch(v, p, "console.touch_user", session.Query{User: u.ID}, "Email", u.Email); err != nil {
		return nil, err
	}
	if lost := has.say(v.say); len(lost) > 0 {
		p.Touches = append(p.Touches, v.say.Say("console.touch_reset", "Email", u.Email, "Credentials", strings.Join(lost, ", ")))
	} else {
		p.Touches = append(p.Touches, v.say.Say("console.touch_reset_none", "Email", u.Email))
	}
	p.Touches = append(p.Touches, v.say.Say("console.touch_reset_after", "Email", u.Email))
	if u.Status == account.Locked {
		p.Touches = append(p.Touches, v.say.Say("console.touch_reset_locked", "Email", u.Email))
	}
	if u.ID == v.who.View.User.ID {
		p.Warning = v.say.Say("console.warn_reset_self")
	}
	p.do = func(ctx context.Context, by operator.By) (feed.Commit, bool, error) {
		switch now, err := c.Operator.User(ctx, string(u.ID)); {
		case err != nil:
			return feed.Commit{}, false, err
		case strconv.FormatUint(now.Revision, 10) != shown:
			return feed.Commit{}, false, errChanged
		}
		commit, err := c.Operator.ResetCredentials(ctx, u.ID, by)
		return commit, true, err
	}
	return p, nil
}

// say names what there is, for people.
func (f factors) say(s language.Speaker) (all []string) {
	if f.Password {
		all = append(all, s.Say("console.factor_password"))
	}
	if f.TOTP {
		all = append(all, s.Say("console.factor_totp"))
	}
	for _, some := range []struct {
		id string
		n  int
	}{{"console.factor_passkeys", f.Passkeys}, {"console.factor_codes", f.Codes}, {"console.factor_links", f.Links}} {
		if some.n > 0 {
			all = append(all, s.Say(some.id, "Count", some.n))
		}
	}
	return all
}
