package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"sync/atomic"
	"time"

	"tandem.example/tandem/internal/web"
)

// Health is the answer of a server that is well.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

// NotReadyError says which part of the server is not ready. Part is shown to whoever asks; Err is for the log.
type NotReadyError struct {
	Part string // such as "the store"
	Err  error
}

// Error implements error.
func (e *NotReadyError) Error() string { return e.Part + " is not ready: " + e.Err.Error() }

// Unwrap answers why.
func (e *NotReadyError) Unwrap() error { return e.Err }

// readiness remembers the last answer, so that the log tells of changes and not of each probe.
type readiness struct{ failing atomic.Bool }

// readyTimeout bounds a probe, in case what it asks hangs.
const readyTimeout = 2 * time.Second

func (a *API) registerHealth() {
	ok := []byte(`{"status":"ok"}`)
	live := a.describe(operation{id: "livez", method: http.MethodGet, path: "/livez", tag: tagServer, summary: "Does the process answer?"})
	a.plain(a.answers(live, http.StatusOK, reflect.TypeFor[Health]()), func(x *web.Exchange, _ *http.Request) error {
		return writeJSON(x, http.StatusOK, ok)
	})
	ready := a.describe(operation{id: "readyz", method: http.MethodGet, path: "/readyz", tag: tagServer, summary: "Can it serve?"})
	a.plain(a.answers(ready, http.StatusOK, reflect.TypeFor[Health]()), func(x *web.Exchange, r *http.Request) error {
		if err := a.checkReady(r.Context()); err != nil {
			return err
		}
		return writeJSON(x, http.StatusOK, ok)
	})
}

func (a *API) checkReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	err := a.Ready(ctx)
	if was := a.ready.failing.Swap(err != nil); was != (err != nil) {
		if err != nil {
			a.Log.LogAttrs(ctx, slog.LevelError, "not ready", slog.Any("error", err))
		} else {
			a.Log.LogAttrs(ctx, slog.LevelInfo, "ready again")
		}
	}
	if err == nil {
		return nil
	}
	part := "the store"
	var found *NotReadyError
	if errors.As(err, &found) {
		part = found.Part
	}
	return later(http.StatusServiceUnavailable, web.CodeUnavailable, part+" is not ready", retrySoon)
}
