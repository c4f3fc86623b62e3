package relay

import (
	"context"
	"sync"
	"time"

	"tandem.example/tandem/internal/feed"
)

// holders is the list of the zone's lease holders. It may be forgotten with the process: upstream has written down the
// relay's own lease, which outlives those that the relay granted.
type holders struct {
	mu   sync.Mutex
	list map[[2]string]feed.Holder
}

func newHolders() *holders { return &holders{list: make(map[[2]string]feed.Holder)} }

// Hold implements feed.Leases.
func (h *holders) Hold(_ context.Context, all ...feed.Holder) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range all {
		key := [2]string{one.Application, one.Instance}
		if before, ok := h.list[key]; ok {
			one = before.Merge(one)
		} else {
			one.Renewals = 1
		}
		h.list[key] = one
	}
	return nil
}

// Holders implements feed.Leases.
func (h *holders) Holders(_ context.Context, since time.Time) ([]feed.Holder, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []feed.Holder
	for _, one := range h.list {
		if !one.SeenAt.Before(since) {
			found = append(found, one)
		}
	}
	return found, nil
}

// Forget implements feed.Leases.
func (h *holders) Forget(_ context.Context, before time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, one := range h.list {
		if one.SeenAt.Before(before) {
			delete(h.list, key)
		}
	}
	return nil
}
