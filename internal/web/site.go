package web

import (
	"net/http"
	"strings"
	"sync/atomic"
)

// Site is what transports are put up on, beside each other: one front, one set of cookies, one table of routes.
type Site struct {
	Front   *Front
	Cookies Cookies
	// Handle puts a handler behind the front, at a pattern such as "GET /sign-in". What changes something is refused to
	// pages of other origins, whichever they are.
	Handle func(pattern string, h Handler)
	// Entered counts the outcome of a flow by which people get or keep access.
	Entered func(flow string, err error)
}

// Page shows a problem to a person.
type Page func(x *Exchange, r *http.Request, p *Problem)

// pages holds the Page of a front; none: all problems are told as to a program.
type pages struct{ show atomic.Pointer[Page] }

// ShowProblems has problems shown by `show` to whoever asked for a page.
func (f *Front) ShowProblems(show Page) { f.pages.show.Store(&show) }

// tell answers a problem in the form that was asked for.
func (f *Front) tell(w http.ResponseWriter, r *http.Request, p *Problem) {
	show, x := f.pages.show.Load(), Of(r.Context())
	if show == nil || x == nil || !WantsPage(r) {
		p.ServeHTTP(w, r)
		return
	}
	x.Problem = p
	(*show)(x, r, p)
}

// WantsPage reports whether a person is to see the answer, rather than a program.
func WantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html") && !strings.HasPrefix(r.URL.Path, "/v1/")
}
