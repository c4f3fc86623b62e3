package feed_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/internal/feed"
)

// over waits until nothing more will come.
func over(t *testing.T, f *feed.Filling) feed.Progress {
	t.Helper()
	for {
		p, changed := f.Progress(100)
		if p.Over() {
			return p
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatal("the receipt did not fill")
		}
	}
}

// told is what each verifier answered and when.
func told(p feed.Progress) string {
	s := ""
	for _, share := range p.Shares {
		s += fmt.Sprintf("%s/%s %s %s; ", share.Application, share.Instance, share.Answer, share.After)
	}
	return s
}

func TestAReceiptFillsVerifierByVerifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		quick, late, gone := b.verifier("app", "a-quick"), b.verifier("app", "b-late"), b.verifier("app", "c-gone")
		gone.sync(0)
		time.Sleep(2 * time.Second)
		quick.sync(0)
		late.sync(0)
		f := b.service.Fill(t.Context(), b.revoke("ses_1"))
		synctest.Wait()
		expect := func(want string, acknowledged, lapsed int) feed.Progress {
			t.Helper()
			synctest.Wait()
			p, _ := f.Progress(100)
			if got := told(p); got != want || p.Acknowledged != acknowledged || p.Lapsed != lapsed || !p.Begun || p.Verifiers != 3 {
				t.Errorf("%s with %+v, want %s", got, p.Receipt, want)
			}
			return p
		}
		expect("app/a-quick waiting 0s; app/b-late waiting 0s; app/c-gone waiting 0s; ", 0, 0)
		time.Sleep(38 * time.Millisecond)
		quick.sync(0)
		quick.sync(0) // acknowledges
		if p := expect("app/a-quick acknowledged 38ms; app/b-late waiting 0s; app/c-gone waiting 0s; ", 1, 0); p.Enforced || p.EnforcedAfter != 0 {
			t.Errorf("%+v: enforced while two may still decide without it", p.Receipt)
		}
		time.Sleep(time.Second)
		late.sync(0)
		late.sync(0)
		expect("app/a-quick acknowledged 38ms; app/b-late acknowledged 1.038s; app/c-gone waiting 0s; ", 2, 0)
		p := over(t, f)
		if want := "app/a-quick acknowledged 38ms; app/b-late acknowledged 1.038s; app/c-gone lapsed 8s; "; told(p) != want {
			t.Errorf("%s, want %s", told(p), want)
		}
		if p.Err != nil || !p.Enforced || p.EnforcedAfter != 8*time.Second || p.Acknowledged != 2 || p.Lapsed != 1 {
			t.Errorf("receipt %+v, %v", p.Receipt, p.Err)
		}
	})
}

func TestAReceiptThatNobodyIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		if p := over(t, b.service.Fill(t.Context(), b.revoke("ses_1"))); !p.Enforced || !p.Begun || len(p.Shares) != 0 {
			t.Errorf("%+v", p)
		}
	})
}

func TestOfManyTheWaitingAreShownFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		first := b.verifier("app", "a")
		first.sync(0)
		b.verifier("app", "b").sync(0)
		b.verifier("app", "c").sync(0)
		f := b.service.Fill(t.Context(), b.revoke("ses_1"))
		synctest.Wait()
		first.sync(0)
		first.sync(0)
		synctest.Wait()
		p, _ := f.Progress(2)
		if got, want := told(p), "app/b waiting 0s; app/c waiting 0s; "; got != want || p.Verifiers != 3 || p.Acknowledged != 1 {
			t.Errorf("%s of %+v, want %s", got, p.Receipt, want)
		}
	})
}

func TestAReceiptFillsByWhatAnotherNodeWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(t, &bus{}, 2, nil)
		here, there := all[0], all[1]
		v := there.verifier("app", "i")
		v.sync(0)
		f := here.service.Fill(t.Context(), here.revoke("ses_1"))
		synctest.Wait()
		if p, _ := f.Progress(9); told(p) != "app/i waiting 0s; " {
			t.Fatalf("%s: the lease that the other node granted is not waited for", told(p))
		}
		v.sync(0)
		v.sync(0) // acknowledges, there
		p := over(t, f)
		if p.Err != nil || len(p.Shares) != 1 || p.Shares[0].Answer != feed.Acknowledged || p.Shares[0].After > 50*time.Millisecond {
			t.Errorf("%s, %v", told(p), p.Err)
		}
	})
}

func TestAReceiptThatWillNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		b.verifier("app", "i").sync(0)
		ctx, give := context.WithCancelCause(t.Context())
		f := b.service.Fill(ctx, b.revoke("ses_1"))
		synctest.Wait()
		closed := errors.New("closed")
		give(closed)
		if p := over(t, f); p.Enforced || !errors.Is(p.Err, closed) || p.Shares[0].Answer != feed.Waiting {
			t.Errorf("%+v", p)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b, log := losing(t)
		b.verifier("app", "i").sync(0)
		time.Sleep(checked)
		b.revoke("ses_lost")
		c := b.revoke("ses_lost")
		head, err := b.log.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f := b.service.Fill(t.Context(), c)
		synctest.Wait()
		log.promote(renamed{b.store.Log(), head.Epoch + "x"})
		if p := over(t, f); p.Enforced || p.Err == nil {
			t.Errorf("%+v: a receipt for what may be lost", p)
		}
	})
}
