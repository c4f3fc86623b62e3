package application

import (
	"context"
	"sync"
	"sync/atomic"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
)

// Remember keeps in memory what Find answers. It is for a store that one process owns, whose every change of an
// application goes through what Remember returns: then a Find that begins after a change was answered sees it.
// Applications are few, and looked up by every request. What it answers shares its slices with others: they must not
// be changed in place.
func Remember(s Store) Store {
	r := &remembering{Store: s}
	r.forget()
	return r
}

type remembering struct {
	Store
	// known is replaced at each change. A Find that was under way meanwhile fills the old one, which nobody reads.
	known atomic.Pointer[sync.Map] // of Application by what was asked for, id or name
}

func (r *remembering) forget() { r.known.Store(new(sync.Map)) }

func (r *remembering) Find(ctx context.Context, idOrName string) (Application, error) {
	known := r.known.Load() // before the store is read
	if a, ok := known.Load(idOrName); ok {
		return *a.(*Application), nil
	}
	a, err := r.Store.Find(ctx, idOrName)
	if err == nil {
		known.Store(idOrName, &a)
	}
	return a, err
}

// An error may hide a commit, so every change makes it forget.

func (r *remembering) Create(ctx context.Context, a Application, entries ...audit.Entry) error {
	defer r.forget()
	return r.Store.Create(ctx, a, entries...)
}

func (r *remembering) Amend(ctx context.Context, a Amendment) (Application, feed.Commit, error) {
	defer r.forget()
	return r.Store.Amend(ctx, a)
}

func (r *remembering) Delete(ctx context.Context, d Removal) (feed.Commit, error) {
	defer r.forget()
	return r.Store.Delete(ctx, d)
}
