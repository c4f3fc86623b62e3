package web

import (
	"context"
	"net/http"
	"time"

	"tandem.example/tandem/internal/id"
)

// Exchange is one request and its answer, as all who take part in it see it. It belongs to the goroutine that serves
// the request.
type Exchange struct {
	http.ResponseWriter
	Request *http.Request
	ID      string // of the request: as sent if it is fit to be logged, else made
	Address string // of the client, see Addresses; empty for the local socket
	Begun   time.Time

	// Whom the request turned out to concern, for the log.
	UserID, SessionID string
	// Problem is what was answered instead of what was asked for; nil if nothing was wrong.
	Problem *Problem

	status int
}

// exchangeKey is the context key of the Exchange.
type exchangeKey struct{}

// exchangeContext is the context of a request, with its exchange.
type exchangeContext struct {
	context.Context //nolint:containedctx // it is a context itself
	x               *Exchange
}

// Value implements context.Context.
func (c exchangeContext) Value(key any) any {
	if key == (exchangeKey{}) {
		return c.x
	}
	return c.Context.Value(key)
}

// Of answers the exchange that a context belongs to, nil outside of one.
func Of(ctx context.Context) *Exchange {
	x, _ := ctx.Value(exchangeKey{}).(*Exchange)
	return x
}

// Status is the status that was answered, 0 while none was.
func (x *Exchange) Status() int { return x.status }

// WriteHeader notes the status.
func (x *Exchange) WriteHeader(status int) {
	if x.status == 0 && status >= http.StatusOK {
		x.status = status
		if status == http.StatusNoContent {
			x.Header().Del("Content-Type")
		}
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write notes that the answer has begun.
func (x *Exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	return x.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (x *Exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// maxRequestID bounds a request id that a client or proxy chose.
const maxRequestID = 64

// requestID takes over the id that was sent if it is fit to be logged and echoed, else makes one.
func requestID(r *http.Request, now time.Time) string {
	if sent := r.Header.Get("X-Request-Id"); fitID(sent) {
		return sent
	}
	return id.Prefixed("req_", now)
}

func fitID(s string) bool {
	if len(s) == 0 || len(s) > maxRequestID {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// localKey is the context key of the local operator.
type localKey struct{}

// WithLocalOperator marks the requests of a connection as coming from whoever may use this machine's administration
// socket. Only the listener of that socket may call it, as http.Server.ConnContext: nothing that a client sends can.
func WithLocalOperator(ctx context.Context) context.Context {
	return context.WithValue(ctx, localKey{}, true)
}

// IsLocalOperator reports whether the request came over the administration socket.
func IsLocalOperator(ctx context.Context) bool {
	local, _ := ctx.Value(localKey{}).(bool)
	return local
}
