package feed_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/internal/feed"
)

// agedLog answers from what was read some time ago.
type agedLog struct {
	feed.Log
	age time.Duration
}

func (l *agedLog) Read(ctx context.Context, ask feed.Ask) (feed.Page, error) {
	page, err := l.Log.Read(ctx, ask)
	page.Age = l.age
	return page, err
}

func TestAgeOfAReadIsToldAsOfTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aged := &agedLog{}
		b := open(t, func(b *bench) { aged.Log = b.log; b.log = aged })
		v := b.verifier("app", "one")
		v.sync(0)
		for _, c := range []struct {
			age, wait time.Duration
			want      int64
		}{
			{1500*time.Millisecond + time.Nanosecond, 0, 1501}, // rounded up
			{3 * time.Second, 2 * time.Second, 1000},           // it was that much younger when the request arrived
			{time.Second, 2 * time.Second, 0},                  // read after the request arrived
		} {
			aged.age = c.age
			if r := v.sync(c.wait); r.AgeMS != c.want {
				t.Errorf("a read %s old, after %s, answers age_ms %d, want %d", c.age, c.wait, r.AgeMS, c.want)
			}
		}
		aged.age = lease
		if _, err := v.try(0); !errors.Is(err, feed.ErrStale) {
			t.Errorf("a read as old as a lease answers %v, want ErrStale", err)
		}
	})
}

func TestAcknowledgementOfThoseBehindCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		v := b.verifier("app", "relay")
		v.sync(0)
		done := b.receipt(b.revoke("ses_1"))
		none, one, ahead := uint64(0), uint64(1), uint64(7)
		v.req.Acknowledged = &none
		v.sync(0) // receives the event
		v.sync(0) // has it, and those behind have not
		synctest.Wait()
		select {
		case r := <-done:
			t.Fatalf("enforced before those behind the relay were: %+v", r)
		default:
		}
		v.req.Acknowledged = &one
		v.sync(0)
		if r := <-done; r.Acknowledged != 1 {
			t.Errorf("receipt %+v, want 1 acknowledged", r)
		}
		done = b.receipt(b.revoke("ses_2"))
		v.req.Acknowledged = &ahead // of what it has itself: no more counts
		v.sync(0)
		synctest.Wait()
		select {
		case r := <-done:
			t.Fatalf("enforced where nobody had the event: %+v", r)
		default:
		}
		v.sync(0)
		if r := <-done; r.Acknowledged != 1 {
			t.Errorf("receipt %+v, want 1 acknowledged", r)
		}
	})
}
