package application

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
)

// Remembered keeps in memory what Find answers. Applications are few, and looked up by every request. A Find that
// begins after a change was answered here sees it; what another node changed is seen once Forget is called, or after
// the time given to Remember. What it answers shares its slices with others: they must not be changed in place.
type Remembered struct {
	Store
	keep    time.Duration
	changed func()
	// known is replaced at each change. A Find that was under way meanwhile fills the old one, which nobody reads.
	known atomic.Pointer[known]
}

// known is what was found since a moment, by what was asked for: id or name.
type known struct {
	sync.Map
	since time.Time
}

// Remember remembers what s answers: for as long as `keep`, or until Forget if that is zero, which is for a store that
// one process owns. changed is called after each change that may have been made here; nil is allowed.
func Remember(s Store, keep time.Duration, changed func()) *Remembered {
	if changed == nil {
		changed = func() {}
	}
	r := &Remembered{Store: s, keep: keep, changed: changed}
	r.Forget()
	return r
}

// Forget has every application read anew.
func (r *Remembered) Forget() { r.known.Store(&known{since: time.Now()}) }

// Find answers what is remembered, or else what the store says.
func (r *Remembered) Find(ctx context.Context, idOrName string) (Application, error) {
	known := r.known.Load() // before the store is read
	if r.keep > 0 && time.Since(known.since) >= r.keep {
		r.Forget()
		known = r.known.Load()
	}
	if a, ok := known.Load(idOrName); ok {
		return *a.(*Application), nil
	}
	a, err := r.Store.Find(ctx, idOrName)
	if err == nil {
		known.Store(idOrName, &a)
	}
	return a, err
}

// done ends every change. An error may hide a commit, so it does not matter what the change came to.
func (r *Remembered) done() {
	r.Forget()
	r.changed()
}

// Create creates in the store.
func (r *Remembered) Create(ctx context.Context, a Application, entries ...audit.Entry) error {
	defer r.done()
	return r.Store.Create(ctx, a, entries...)
}

// Amend amends in the store.
func (r *Remembered) Amend(ctx context.Context, a Amendment) (Application, feed.Commit, error) {
	defer r.done()
	return r.Store.Amend(ctx, a)
}

// Delete deletes in the store.
func (r *Remembered) Delete(ctx context.Context, d Removal) (feed.Commit, error) {
	defer r.done()
	return r.Store.Delete(ctx, d)
}
