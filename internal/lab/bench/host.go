package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// host is what verifytest and rig want of a test.
type host struct {
	testing.TB // for the methods that are not called
	ctx        context.Context
	mu         sync.Mutex
	cleanups   []func()
}

// hostError is what ends a row in place of a test.
type hostError string

func (e hostError) Error() string { return string(e) }

func (h *host) Helper()                  {}
func (h *host) Failed() bool             { return false }
func (h *host) Logf(string, ...any)      {}
func (h *host) Context() context.Context { return h.ctx }

func (h *host) Cleanup(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cleanups = append(h.cleanups, f)
}

func (h *host) Errorf(format string, args ...any) { panic(hostError(fmt.Sprintf(format, args...))) }
func (h *host) Fatalf(format string, args ...any) { panic(hostError(fmt.Sprintf(format, args...))) }

func (h *host) close() {
	for len(h.cleanups) > 0 {
		last := len(h.cleanups) - 1
		h.cleanups[last]()
		h.cleanups = h.cleanups[:last]
	}
}

// try runs what ends by a hostError if it fails.
func try(f func()) (err error) {
	defer func() {
		switch failed := recover().(type) {
		case nil:
		case hostError:
			err = failed
		default:
			panic(failed)
		}
	}()
	f()
	return nil
}
