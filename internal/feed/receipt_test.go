package feed_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/internal/feed"
)

// receipt waits for the commit in the background.
func (b *bench) receipt(c feed.Commit) <-chan feed.Receipt {
	out := make(chan feed.Receipt, 1)
	go func() {
		r, err := b.service.Enforced(b.Context(), c)
		if err != nil {
			b.Error(err)
		}
		out <- r
	}()
	return out
}

func TestReceiptWaitsForEveryLeaseHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		quick, slow := b.verifier("app", "quick"), b.verifier("app", "slow")
		quick.sync(0)
		time.Sleep(3 * time.Second)
		slow.sync(0) // and never again: its lease lapses 10 s after this
		time.Sleep(time.Second)
		done := b.receipt(b.revoke("ses_1"))
		quick.sync(0) // receives the event
		synctest.Wait()
		select {
		case r := <-done:
			t.Fatalf("enforced before anybody acknowledged: %+v", r)
		default:
		}
		time.Sleep(time.Second)
		quick.sync(0) // acknowledges it
		r := <-done
		if r.Verifiers != 2 || r.Acknowledged != 1 || r.Lapsed != 1 || r.Position != 1 || r.EnforcedAfter != 9*time.Second {
			t.Errorf("receipt %+v, want 1 acknowledged and 1 lapsed 9 s after the commit", r)
		}
	})
}

func TestReceiptCountsNobodyWhoseLeaseHadLapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		b.verifier("app", "gone").sync(0)
		time.Sleep(lease)
		if r := <-b.receipt(b.revoke("ses_1")); r.Verifiers != 0 || r.EnforcedAfter != 0 {
			t.Errorf("receipt %+v, want none to wait for", r)
		}
	})
}

func TestRenewalsWithoutTheEventDoNotProlongAReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		v := b.verifier("app", "deaf")
		v.sync(0)
		start := time.Now()
		done := b.receipt(b.revoke("ses_1"))
		for range 30 { // asks again and again from its old position: never applies what it is sent
			before := v.req
			v.sync(0)
			v.req = before
			time.Sleep(time.Second)
		}
		if r := <-done; r.Lapsed != 1 || r.EnforcedAfter > lease {
			t.Errorf("receipt %+v after %s, want the old lease to have lapsed within L", r, time.Since(start))
		}
	})
}

func TestNobodyAcknowledgesForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		honest := b.verifier("app", "shared-name")
		honest.sync(0)
		done := b.receipt(b.revoke("ses_1"))
		unfinished := func(whose string) {
			synctest.Wait()
			select {
			case r := <-done:
				t.Fatalf("receipt %+v on the word of %s", r, whose)
			default:
			}
		}
		impostor := b.verifier("other", "shared-name")
		impostor.sync(0)
		impostor.sync(0) // acknowledges, but as another application
		unfinished("another application")
		foreign := b.verifier("app", "shared-name")
		foreign.req.Epoch, foreign.req.Position = "01arz3ndektsv4rrffq69g5fav", 99
		foreign.sync(0) // a position of another epoch acknowledges nothing
		unfinished("another epoch")
		<-done
	})
}

func TestReceiptAfterARestartWaitsForLeasesOfTheOldProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		b.verifier("app", "one").sync(0)
		b.service.Close()
		b.start()
		start := time.Now()
		if r := <-b.receipt(b.revoke("ses_1")); r.Verifiers != 1 || r.Lapsed != 1 || time.Since(start) > lease {
			t.Errorf("receipt %+v after %s, want to have waited for the lease that the old process granted", r, time.Since(start))
		}
	})
}

func TestNobodyAcknowledgesWhatIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		v := b.verifier("app", "rolled-back")
		v.sync(0)
		for range 3 {
			b.revoke("ses_1")
		}
		v.sync(0)
		v.req.Position = 100 // as after a database file was copied back under a running verifier
		go func() { _, _ = v.try(20 * time.Second) }()
		synctest.Wait()
		done := b.receipt(b.revoke("ses_2"))
		synctest.Wait()
		select {
		case r := <-done:
			t.Errorf("receipt %+v on the word of a verifier that is ahead of the log", r)
		default:
		}
		<-done
	})
}

func TestReceiptAfterARestoreWaitsForUnknownVerifiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		time.Sleep(time.Second)
		b.restored = time.Now()
		time.Sleep(4 * time.Second)
		b.service.Close()
		b.start()
		r := <-b.receipt(b.revoke("ses_1"))
		if r.Verifiers != 1 || r.Lapsed != 1 || r.EnforcedAfter != 6*time.Second {
			t.Errorf("receipt %+v, want to have waited for the leases of the store that was replaced", r)
		}
	})
}

// noLeases fails to write holders.
type noLeases struct{ feed.Leases }

var errDisk = errors.New("disk is full")

func (noLeases) Hold(context.Context, ...feed.Holder) error { return errDisk }

func TestNoLeaseBeforeItsHolderIsWritten(t *testing.T) {
	b := open(t, func(b *bench) { b.leases = noLeases{b.leases} })
	if r, err := b.verifier("app", "one").try(0); !errors.Is(err, errDisk) {
		t.Errorf("granted %+v (%v) though the holder could not be written", r, err)
	}
}

func TestVerifiersAreListedAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		b.verifier("app", "one").sync(0)
		time.Sleep(4 * time.Second)
		all := b.service.Verifiers()
		if len(all) != 1 || all[0].Staleness != 4*time.Second || all[0].Lease != 6*time.Second {
			t.Fatalf("listed %+v", all)
		}
		time.Sleep(2 * time.Hour)
		b.service.Forget()
		if err := b.service.Housekeep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if all := b.service.Verifiers(); len(all) != 0 {
			t.Errorf("still lists %+v after two hours of silence", all)
		}
	})
}
