package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// Handler serves a request or says why not. It must not have begun the answer when it returns an error.
type Handler func(x *Exchange, r *http.Request) error

// Front is what stands before everything that is served publicly.
type Front struct {
	Addresses Addresses
	Origins   *Origins
	// Secure says that the issuer is https, so that browsers are told to come by https only.
	Secure bool
	Log    *slog.Logger
	// Problem turns an error into the problem that is answered; what it does not know is an opaque 500.
	Problem func(error) *Problem
	// Served is told of each request when it has been answered; nil if nobody wants to know.
	Served func(x *Exchange, route string, took time.Duration)

	pages pages
}

// Serve adapts a handler.
func (f *Front) Serve(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := Of(r.Context())
		if err := h(x, r); err != nil {
			f.Refuse(x, r, err)
		}
	})
}

// Refuse answers the problem that an error is.
func (f *Front) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	f.tell(w, r, f.Explain(r.Context(), err))
}

// Explain answers the problem that an error is, with the request's id. Whoever answers it need not log it: a fault is
// logged here, once, unless the client has gone meanwhile and caused it by that.
func (f *Front) Explain(ctx context.Context, err error) *Problem {
	told := *f.Problem(err)
	x := Of(ctx)
	if x != nil {
		told.RequestID = x.ID
		x.Problem = &told
	}
	if told.Fault && ctx.Err() == nil {
		f.Log.LogAttrs(ctx, slog.LevelError, "request failed", append(f.attrs(x), slog.Any("error", err))...)
	}
	return &told
}

// Wrap puts the front before a handler: the exchange, panics, headers, other origins and the limits of bodies.
func (f *Front) Wrap(next http.Handler) http.Handler {
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f.Origins.Check(r); err != nil {
			f.Refuse(w, r, err)
			return
		}
		if err := CheckBody(w, r); err != nil {
			f.Refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
	withCORS, public := f.Origins.CORS().Handler(inner), PublicCORS().Handler(inner)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		x := &Exchange{ResponseWriter: w, Begun: now, ID: requestID(r, now), Address: f.Addresses.Of(r)}
		x.Request = r.WithContext(exchangeContext{r.Context(), x})
		f.setHeaders(w.Header(), x.ID)
		defer f.finish(x)
		switch {
		case r.Header["Origin"] == nil && r.Method != http.MethodOptions:
			// No Vary is needed here: what differs by origin is not stored, and what is stored does not differ.
			inner.ServeHTTP(x, x.Request)
		case isPublic(r.URL.Path):
			public.ServeHTTP(x, x.Request)
		default:
			withCORS.ServeHTTP(x, x.Request)
		}
	})
}

// isPublic reports what any page may read.
func isPublic(path string) bool {
	return strings.HasPrefix(path, "/.well-known/") || path == "/openapi.json"
}

// Headers that are the same for every answer; sharing the slices saves their allocation.
var (
	noStore    = []string{"no-store"}
	noSniff    = []string{"nosniff"}
	noFrames   = []string{"default-src 'none'; frame-ancestors 'none'"}
	noReferrer = []string{"no-referrer"}
	httpsOnly  = []string{"max-age=31536000"}
)

// setHeaders sets what each answer carries. Nothing may be stored unless a handler says otherwise.
func (f *Front) setHeaders(h http.Header, id string) {
	h["X-Request-Id"] = []string{id}
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	h["Content-Security-Policy"] = noFrames
	h["Referrer-Policy"] = noReferrer
	if f.Secure {
		h["Strict-Transport-Security"] = httpsOnly
	}
}

// finish turns a panic into an opaque 500, logged once, and tells of the request.
func (f *Front) finish(x *Exchange) {
	r := x.Request
	if v := recover(); v != nil {
		if v == http.ErrAbortHandler {
			panic(v)
		}
		f.panicked(x, v)
		if x.status != 0 {
			panic(http.ErrAbortHandler) // the answer is in the middle: the client must see that it is broken
		}
		opaque := NewProblem(http.StatusInternalServerError, CodeInternal, "an internal error occurred")
		opaque.RequestID = x.ID
		f.tell(x, r, opaque)
	}
	took := time.Since(x.Begun)
	if f.Served != nil {
		f.Served(x, r.Pattern, took)
	}
	if f.Log.Enabled(r.Context(), slog.LevelDebug) {
		attrs := append(f.attrs(x), slog.Int("status", x.status), slog.Duration("took", took))
		f.Log.LogAttrs(r.Context(), slog.LevelDebug, "request", attrs...)
	}
}

// panicked logs what happened, unless it is only that the client has gone while it was being answered.
func (f *Front) panicked(x *Exchange, v any) {
	level := slog.LevelError
	var gone *net.OpError
	if err, ok := v.(error); ok && errors.As(err, &gone) {
		level = slog.LevelDebug
	}
	attrs := append(f.attrs(x), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
	f.Log.LogAttrs(x.Request.Context(), level, "request panicked", attrs...)
}

// attrs are what the log says of each request.
func (f *Front) attrs(x *Exchange) []slog.Attr {
	if x == nil {
		return nil
	}
	attrs := []slog.Attr{slog.String("request_id", x.ID), slog.String("method", x.Request.Method), slog.String("route", x.Request.Pattern)}
	if x.Problem != nil {
		attrs = append(attrs, slog.String("code", x.Problem.Code))
	}
	if x.UserID != "" {
		attrs = append(attrs, slog.String("user_id", x.UserID))
	}
	if x.SessionID != "" {
		attrs = append(attrs, slog.String("session_id", x.SessionID))
	}
	return attrs
}
