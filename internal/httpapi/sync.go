package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/web"
	"tandem.example/tandem/verify/revocation"
)

// maxSync bounds the body of a sync request, in bytes.
const maxSync = 4 << 10

// anonymous is the application of verifiers that sent no credential, where that is allowed.
const anonymous = "anonymous"

func (a *API) registerSync() {
	d := a.describe(operation{
		id: "sync", method: http.MethodPost, path: "/v1/revocations/sync", tag: tagVerifier,
		summary: "Follow the revocation log by long poll. The answer is signed in the header Tandem-Signature, a detached JWS (RFC 7515 appendix F) by the feed key.",
	}, "client")
	d = a.answers(d, http.StatusOK, reflect.TypeFor[revocation.Reply]())
	d.Responses["200"].Headers = map[string]*huma.Param{"Tandem-Signature": {Schema: &huma.Schema{Type: huma.TypeString}}}
	d.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json": {Schema: a.schemaOf(reflect.TypeFor[revocation.Request]())},
	}}
	a.plain(d, a.sync)
}

// sync writes the exact bytes that were signed. Whatever goes wrong inside is answered with 503: a verifier that can
// go on under its lease must not take a failing store for a verdict.
func (a *API) sync(x *web.Exchange, r *http.Request) error {
	from, err := a.verifier(r)
	if err != nil {
		return transient(err)
	}
	req, err := readSync(r)
	if err != nil {
		return err
	}
	signed, err := a.Feed.Sync(r.Context(), feed.Caller{Application: from}, req)
	if err != nil {
		return transient(err)
	}
	x.Header()["Tandem-Signature"] = []string{signed.Signature}
	return writeJSON(x, http.StatusOK, signed.Body)
}

// verifier answers the application that the request authenticates as.
func (a *API) verifier(r *http.Request) (string, error) {
	headers := r.Header["Authorization"]
	if len(headers) > 1 {
		return "", web.NewProblem(http.StatusBadRequest, web.CodeInvalidRequest, "more than one Authorization header was sent")
	}
	if len(headers) == 0 {
		if a.OpenSync {
			return anonymous, nil
		}
		p := web.NewProblem(http.StatusUnauthorized, web.CodeUnauthenticated, "send client id and secret of an application of kind resource")
		p.Challenge, p.RetryAfter = basicChallenge, retryRefused
		return "", p
	}
	id, text, ok := basic(r)
	if !ok {
		return "", operator.ErrClientSecret
	}
	app, err := a.Operator.Authenticate(r.Context(), id, text)
	if err != nil {
		return "", err
	}
	if app.Kind != application.Resource {
		return "", web.NewProblem(http.StatusForbidden, web.CodeForbidden, "this takes an application of kind resource")
	}
	return string(app.ID), nil
}

// basic reads client id and secret, which are encoded as in a form first (RFC 6749 §2.3.1).
func basic(r *http.Request) (id string, text secret.Text, ok bool) {
	rawID, rawText, ok := r.BasicAuth()
	if !ok {
		return "", text, false
	}
	id, err := url.QueryUnescape(rawID)
	if err != nil {
		return "", text, false
	}
	plain, err := url.QueryUnescape(rawText)
	return id, secret.NewText(plain), err == nil
}

// readSync reads the request. Members that are not known are passed over, so that a newer verifier can follow an
// older server.
func readSync(r *http.Request) (revocation.Request, error) {
	var req revocation.Request
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSync+1))
	switch {
	case err != nil:
		return req, web.NewProblem(http.StatusBadRequest, web.CodeInvalidRequest, "the body could not be read")
	case len(body) > maxSync:
		return req, web.TooLarge()
	}
	err = json.Unmarshal(body, &req)
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return req, web.Invalid(kind.Field, "must be of type "+kind.Type.Kind().String())
	}
	if err != nil {
		return req, web.NewProblem(http.StatusBadRequest, web.CodeInvalidRequest, errJSON.Error())
	}
	return req, nil
}

// transient has what would be an internal error tried again. It is logged all the same.
func transient(err error) error {
	p := problemOf(err)
	if p.Code != web.CodeInternal {
		return err
	}
	p = later(http.StatusServiceUnavailable, web.CodeUnavailable, "the revocation log cannot be read at this moment", retrySoon)
	p.Err, p.Fault = err, true
	return p
}
