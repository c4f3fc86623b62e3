package pages

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/ui"
	"tandem.example/tandem/internal/web"
)

// visit is one request for a page and its answer.
type visit struct {
	*Pages
	x       *web.Exchange
	r       *http.Request
	speaker language.Speaker
}

// visited makes a handler of the web out of one of pages.
func (p *Pages) visited(h handler) web.Handler {
	return func(x *web.Exchange, r *http.Request) error {
		v := &visit{Pages: p, x: x, r: r, speaker: ui.Speaker(r)}
		if r.Method == http.MethodPost {
			if err := v.readForm(); err != nil {
				return err
			}
		}
		err := h(v)
		if errors.Is(err, errTwoCookies) {
			return v.showTrouble(http.StatusBadRequest, "cookies")
		}
		return err
	}
}

// readForm reads what was posted. The query is never taken for a part of it.
func (v *visit) readForm() error {
	err := v.r.ParseForm()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return web.TooLarge()
	case err != nil:
		return web.NewProblem(http.StatusBadRequest, web.CodeInvalidRequest, "the form cannot be read")
	}
	return nil
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// sent answers a field of the posted form.
func (v *visit) sent(name string) string { return v.r.PostForm.Get(name) }

// secretly answers a field that nobody may see.
func (v *visit) secretly(name string) secret.Text { return secret.NewText(v.r.PostForm.Get(name)) }

func (v *visit) say(id string, with ...any) string { return v.speaker.Say(id, with...) }

// client is what the other end is known by.
func (v *visit) client() signin.Client {
	return signin.Client{
		IP: v.x.Address, Device: web.DeviceName(v.r), RequestID: v.x.ID, Languages: strings.Join(v.r.Header["Accept-Language"], ","),
		DeviceToken: v.Site.Cookies.Device(v.r), Remembered: v.Site.Cookies.Remembered(v.r),
	}
}

// redirect sends the browser to a path of this server. A form that was posted becomes a page that is fetched.
func (v *visit) redirect(path string) error {
	v.x.Header().Set("Location", v.Kit.Path(path))
	v.x.WriteHeader(http.StatusSeeOther)
	return nil
}

// with adds parameters to a path, leaving out empty ones. What somebody typed is never one of them.
func with(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// render answers with a page. Its title is the text of an id, unless it is given.
func (v *visit) render(status int, name string, page ui.Page) error {
	if page.Title == "" {
		page.Title = v.say("pages.title." + name)
	}
	if page.Notice.Text == "" {
		page.Notice = v.notice()
	}
	if err := v.set.Render(v.x, v.r, status, name, page); err != nil {
		return fmt.Errorf("show page: %w", err)
	}
	return nil
}

// notices are what a page may be asked by an URL to tell first, with how each is meant. The URL is this server's own;
// that of a link from elsewhere says nothing.
var notices = map[string]ui.Tone{
	"signed_out": ui.Info, "ended_by_user": ui.Warning, "ended_by_operator": ui.Warning, "user_locked": ui.Warning, "user_revoked": ui.Warning,
	"password_changed": ui.Info, "refresh_token_reused": ui.Danger, "expired": ui.Info, "ended": ui.Info, "session_limit": ui.Info,
	"application_revoked": ui.Info, "account_claimed": ui.Warning, "unbound": ui.Warning,
	"denied": ui.Info, "unreachable": ui.Warning, "provider_failed": ui.Warning, "unverified": ui.Warning, "connection_taken": ui.Warning, "sign_in_again": ui.Warning,
	"name_saved": ui.Success, "password_saved": ui.Success, "password_set": ui.Success, "email_verified": ui.Success, "totp_removed": ui.Success,
	"passkey_added": ui.Success, "passkey_saved": ui.Success, "passkey_removed": ui.Success,
	"connected": ui.Success, "disconnected": ui.Success, "device_ended": ui.Success, "others_ended": ui.Success,
	"last_method": ui.Warning, "policy": ui.Warning, "gone": ui.Info,
}

// fromAfar are the notices for whoever comes back from a provider, by redirects that a browser counts as coming from
// there. A link from elsewhere may say them too: they frighten nobody and ask for nothing.
var fromAfar = map[string]bool{
	"denied": true, "unreachable": true, "provider_failed": true, "unverified": true, "connection_taken": true, "sign_in_again": true, "connected": true,
}

func (v *visit) notice() ui.Notice {
	name := v.r.URL.Query().Get("notice")
	tone, known := notices[name]
	if from := v.r.Header.Get("Sec-Fetch-Site"); !known || from != "" && from != "same-origin" && from != "none" && !fromAfar[name] {
		return ui.Notice{}
	}
	return ui.Notice{Tone: tone, Text: v.say("pages.notice." + name)}
}
