package web

import (
	"mime"
	"net/http"
	"strings"
)

// MaxBody is the largest request body that is read, in bytes.
const MaxBody = 64 << 10

// TooLarge is the problem of a body beyond its limit.
func TooLarge() *Problem {
	return NewProblem(http.StatusRequestEntityTooLarge, CodeInvalidRequest, "the body is too large")
}

// formType is what a form sends.
const formType = "application/x-www-form-urlencoded"

// CheckBody refuses a body that is announced as too large or as anything but JSON, with a *Problem, and bounds what
// can be read of it. A form or a script of another origin cannot send application/json without being asked for leave
// first, so this also guards against forged requests.
func CheckBody(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	if r.ContentLength > MaxBody {
		return TooLarge()
	}
	// One byte more may be read, so that the reader can tell a body of just the limit from one beyond it.
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody+1)
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if kind == formType && !strings.HasPrefix(r.URL.Path, "/v1/") {
		kind = "application/json" // of a page, which takes care of other origins itself: see Origins.Foreign
	}
	if err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") || len(r.Header["Content-Type"]) > 1 {
		return NewProblem(http.StatusUnsupportedMediaType, CodeInvalidRequest, "Content-Type must be application/json")
	}
	return nil
}
