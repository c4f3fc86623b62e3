package feed

import (
	"strconv"
	"sync"
	"testing"
	"time"
)

// Verifiers ask while a node finds that the store has lost what it knew of them.
func TestHoldersAreTakenUpWhileVerifiersAsk(t *testing.T) {
	var tr tracker
	tr.init()
	var all sync.WaitGroup
	for _, do := range []func(i string){
		func(i string) { tr.restore(Holder{Instance: i}, time.Now().Add(time.Second)) },
		func(i string) {
			if _, err := tr.arrive(holderKey{"app", i}, "v", time.Second, time.Second, time.Now()); err != nil {
				t.Error(err)
			}
		},
	} {
		all.Go(func() {
			for i := range 2000 {
				do(strconv.Itoa(i))
			}
		})
	}
	all.Wait()
	if n := tr.living(); n != 4000 {
		t.Errorf("%d holders, want 4000", n)
	}
}

// The rows of a store that lost its end are counted anew, and may come to the number that was seen before.
func TestARowThatWasCountedAnewCountsAsWritten(t *testing.T) {
	var tr tracker
	tr.init()
	now := time.Now()
	row := Holder{Application: "app", Instance: "i", Renewals: 7}
	tr.observe([]Holder{row}, "e", now.Add(-time.Second))
	tr.doubt()
	tr.observe([]Holder{row}, "e", now.Add(time.Minute))
	if n := tr.living(); n != 1 {
		t.Errorf("%d holders, want the one whose row may have been written by another node", n)
	}
}
