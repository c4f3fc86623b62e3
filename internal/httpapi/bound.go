package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/web"
)

// What a browser asks by itself that binds sessions to its device (W3C, Device Bound Session Credentials). No page and no
// program calls these routes, so they are not in the OpenAPI document.

// The headers of the draft.
const (
	proofHeader     = "Secure-Session-Response"
	challengeHeader = "Secure-Session-Challenge"
	sessionHeader   = "Sec-Secure-Session-Id"
)

func (a *API) registerBound() {
	site := a.Site()
	site.Handle("POST "+web.RegisterPath, a.bind)
	site.Handle("POST "+web.RefreshPath, a.renewBound)
}

// bind takes the key of a browser that was invited by Cookies.Deliver.
func (a *API) bind(x *web.Exchange, r *http.Request) error {
	c, err := a.cookies.Find(r)
	switch {
	case err != nil:
		return err
	case c.Kind == web.NoCredential:
		return errNoCredential
	case !c.Cookie:
		return fmt.Errorf("only a cookie is bound to a browser: %w", signin.ErrInvalidToken)
	}
	proof, err := onlyString(r, proofHeader)
	if err != nil {
		return err
	}
	b, err := a.SignIn.BindDevice(r.Context(), signin.Presented{Token: c.Text, Bound: c.Bound}, signin.DeviceProof{Text: proof, URL: a.Issuer + web.RegisterPath}, a.client(x))
	a.Metrics.entered("bind", err)
	if err != nil {
		return err
	}
	return a.deliverBound(x, b)
}

// sessionParameter names the session in the URL of the refresh route. The browser's own name for it is that of this server:
// so it holds one at a time, and forgets the last when somebody signs in again.
const sessionParameter = "session"

// renewBound gives a browser a new bound cookie, once its device has signed a challenge. One whose session is over is told
// to forget it. Where a page of another site has caused the request, the browser sends no cookie with it.
func (a *API) renewBound(x *web.Exchange, r *http.Request) error {
	held := a.cookies.Session(r)
	if held.Empty() && r.Header.Get(sessionHeader) == "" {
		return errNoCredential
	}
	named, err := onlyString(r, sessionHeader)
	if err == nil && named != a.Issuer { // no script can send the header
		err = web.NewProblem(http.StatusBadRequest, web.CodeInvalidRequest, sessionHeader+" must be as it was told")
	}
	if err != nil {
		return err
	}
	proof, err := onlyString(r, proofHeader)
	if err != nil {
		return err
	}
	id, err := session.CheckID(r.URL.Query().Get(sessionParameter))
	if err != nil {
		return a.forgetBound(x)
	}
	b, err := a.SignIn.RenewBound(r.Context(), id, held, signin.DeviceProof{Text: proof, URL: a.refreshURL(id)}, a.client(x))
	var again *signin.ChallengeError
	switch {
	case errors.As(err, &again):
		x.Header().Set(challengeHeader, `"`+again.Challenge+`";id="`+a.Issuer+`"`)
		return err
	case errors.Is(err, signin.ErrNotBound), errors.Is(err, session.ErrEnded), errors.Is(err, session.ErrExpired):
		return a.forgetBound(x)
	}
	a.Metrics.entered("renew_bound", err)
	if err != nil {
		return err
	}
	return a.deliverBound(x, b)
}

func (a *API) refreshURL(id session.ID) string {
	return a.Issuer + web.RefreshPath + "?" + sessionParameter + "=" + string(id)
}

// instructions tell a browser what the bound cookie is, and where it gets another ("JSON Session Instruction Format").
type instructions struct {
	Session    string        `json:"session_identifier"`
	RefreshURL string        `json:"refresh_url,omitempty"`
	Continue   *bool         `json:"continue,omitempty"`
	Scope      *boundScope   `json:"scope,omitempty"`
	Cookies    []boundCookie `json:"credentials,omitempty"`
	// Initiators are the hosts whose pages may cause a renewal. All may: the cookie is SameSite=Lax, so of what other
	// sites cause only a visit carries it, and whoever follows a link to here must not be taken for signed out.
	Initiators []string `json:"allowed_refresh_initiators,omitempty"`
}

// boundScope is this origin alone, which is the one that answers. A cookie for a whole domain is not bound.
type boundScope struct {
	IncludeSite bool `json:"include_site"`
}

type boundCookie struct {
	Type       string `json:"type"`
	Name       string `json:"name"`
	Attributes string `json:"attributes"`
}

func (a *API) deliverBound(x *web.Exchange, b signin.BoundSession) error {
	one := b.View.Session
	x.UserID, x.SessionID = string(one.User), string(one.ID)
	a.cookies.SetBound(x.Header(), b.Cookie, a.SignIn.Now(), b.Until)
	name, attributes := a.cookies.BoundTerms()
	return a.instruct(x, instructions{
		Session: a.Issuer, RefreshURL: a.path + strings.TrimPrefix(a.refreshURL(one.ID), a.Issuer), Scope: &boundScope{},
		Cookies: []boundCookie{{Type: "cookie", Name: name, Attributes: attributes}}, Initiators: []string{"*"},
	})
}

// forgetBound ends what the browser holds, and nothing here.
func (a *API) forgetBound(x *web.Exchange) error {
	return a.instruct(x, instructions{Session: a.Issuer, Continue: new(bool)})
}

func (a *API) instruct(x *web.Exchange, in instructions) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("tell a browser of its bound session: %w", err)
	}
	return writeJSON(x, http.StatusOK, body)
}

// onlyString is stringHeader for a request without a body: none is sent here, and what a form of another site sends has
// one.
func onlyString(r *http.Request, name string) (string, error) {
	if r.ContentLength != 0 {
		return "", web.NewProblem(http.StatusUnsupportedMediaType, web.CodeInvalidRequest, "this takes no body")
	}
	return stringHeader(r, name)
}

// stringHeader answers the text of a header that is a structured string (RFC 9651 §3.3.3), which browsers send without its
// quotation marks too; empty if there is none. Parameters are passed over.
func stringHeader(r *http.Request, name string) (string, error) {
	values := r.Header.Values(name)
	if len(values) == 0 {
		return "", nil
	}
	text := strings.Trim(values[0], " ")
	rest := ""
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		if text, rest, ok = strings.Cut(quoted, `"`); !ok {
			rest = "unfinished"
		}
	} else if head, _, ok := strings.Cut(text, ";"); ok {
		text = head
	}
	if len(values) > 1 || rest != "" && !strings.HasPrefix(rest, ";") || strings.ContainsFunc(text, notPlain) {
		return "", web.NewProblem(http.StatusBadRequest, web.CodeInvalidRequest, name+" must be one string")
	}
	return text, nil
}

// notPlain reports what is in no proof and no URL.
func notPlain(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }
