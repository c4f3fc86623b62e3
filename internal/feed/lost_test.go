package feed_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/memory"
)

// failover is a log that another can take the place of.
type failover struct {
	feed.Log
	mu sync.Mutex
	to feed.Log
}

func (f *failover) promote(to feed.Log) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.to = to
}

func (f *failover) now() feed.Log {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.to != nil {
		return f.to
	}
	return f.Log
}

func (f *failover) Head(ctx context.Context) (feed.Head, error) { return f.now().Head(ctx) }
func (f *failover) Read(ctx context.Context, a feed.Ask) (feed.Page, error) {
	return f.now().Read(ctx, a)
}
func (f *failover) Append(ctx context.Context, a feed.Append) (feed.Commit, error) {
	return f.now().Append(ctx, a)
}

// losing is a node whose store can fail over, and its log.
func losing(t *testing.T) (*bench, *failover) {
	t.Helper()
	var log *failover
	b := nodes(t, &bus{}, 1, func(b *bench) {
		log = &failover{Log: b.log}
		b.log = log
	})[0]
	return b, log
}

// renamed is a log in the same epoch as another: what a standby has that lacked the end of it.
type renamed struct {
	feed.Log
	epoch string
}

func (r renamed) Head(ctx context.Context) (feed.Head, error) {
	h, err := r.Log.Head(ctx)
	h.Epoch = r.epoch
	return h, err
}

func (r renamed) Read(ctx context.Context, a feed.Ask) (feed.Page, error) {
	head, err := r.Log.Head(ctx)
	if a.Epoch == r.epoch {
		a.Epoch = head.Epoch
	}
	page, rerr := r.Log.Read(ctx, a)
	page.Head.Epoch = r.epoch
	return page, errors.Join(err, rerr)
}

// A verifier has acknowledged what was lost a moment after it was committed. Its position says nothing about what takes
// the place of that.
func TestNoReceiptFromAnAcknowledgementOfWhatWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, log := losing(t)
		v := b.verifier("app", "i")
		v.sync(0)
		head, err := b.log.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(checked)
		standby := memory.Open(memory.Options{})
		for range 3 {
			b.revoke("ses_lost")
		}
		v.sync(0)
		v.sync(0) // acknowledges
		log.promote(renamed{standby.Log(), head.Epoch})
		if r, err := b.service.Enforced(t.Context(), b.revoke("ses_1")); !errors.Is(err, feed.ErrRolledBack) {
			t.Errorf("receipt %+v, %v: the verifier does not know of the event", r, err)
		}
	})
}

// checked is long enough for a node to look at its log.
const checked = 3 * time.Second

// What was committed before another node began a new epoch may be lost with the old one.
func TestNoReceiptForACommitOfAnEpochThatAnotherNodeEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, log := losing(t)
		commit := b.revoke("ses_lost")
		log.promote(memory.Open(memory.Options{}).Log())
		time.Sleep(checked)
		if r, err := b.service.Enforced(t.Context(), commit); !errors.Is(err, feed.ErrRolledBack) {
			t.Errorf("receipt %+v, %v for what is lost", r, err)
		}
		if _, err := b.service.Enforced(t.Context(), b.revoke("ses_1")); err != nil {
			t.Errorf("receipt for what was committed since: %v", err)
		}
	})
}

// A node goes on granting leases, for as long as one, after it has written a row that the standby lacked.
func TestReceiptWaitsForLeasesWhoseRowsWereLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, log := losing(t)
		log.promote(memory.Open(memory.Options{}).Log()) // another node has begun a new epoch
		time.Sleep(checked)
		time.Sleep(lease)
		if r := <-b.receipt(b.revoke("ses_1")); r.Verifiers != 1 || r.EnforcedAfter < lease-2*checked {
			t.Errorf("receipt %+v, want to have waited for who may have been granted a lease until a moment ago", r)
		}
	})
}

// A node that is asked by nobody but verifiers learns of new keys all the same.
func TestARepliesKeyIsOneOfTheStoresNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []uint64
		b := nodes(t, &bus{}, 1, func(b *bench) {
			b.shared.Ring = func(_ context.Context, version uint64) (bool, error) {
				told = append(told, version)
				return false, nil
			}
		})[0]
		head, err := b.log.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.verifier("app", "i").sync(0)
		if len(told) != 1 || told[0] != head.Ring {
			t.Errorf("the ring was told of versions %d, want %d once", told, head.Ring)
		}
	})
}
