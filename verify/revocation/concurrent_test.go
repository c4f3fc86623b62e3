package revocation_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"tandem.example/tandem/verify/revocation"
)

// confirmed is what the writer tells the readers after an Apply has returned.
type confirmed struct {
	epochs []*serverLog // their logs grow, so a reader looks at nothing but epoch and these lengths
	heads  []uint64
}

// Readers check all the while the writer applies, grows, collapses and changes epochs. Whatever had been applied before a
// check began, it sees. Run under the race detector this also shows that nothing is read half written.
func TestChecksDuringApply(t *testing.T) {
	for _, c := range []struct {
		name          string
		limit         int
		batches, size int
		epochs        int
	}{
		{"growth", 0, 40, 300, 1},
		{"single events", 0, 1000, 1, 1},
		{"collapse", 900, 40, 300, 1},
		{"epochs", 0, 20, 100, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newClient(c.limit)
			var state atomic.Pointer[confirmed]
			var done atomic.Bool
			var readers sync.WaitGroup
			start := func() {
				for r := range 3 {
					readers.Go(func() {
						pick := rand.New(rand.NewPCG(1, uint64(r)))
						for first := true; first || !done.Load() && !t.Failed(); first = false {
							checkOne(t, v.set, state.Load(), pick, c.limit > 0)
						}
					})
				}
			}
			var now confirmed
			for e := range c.epochs {
				log := newLog(epoch(fmt.Sprintf("epoch%03d", e)))
				now.epochs = append(now.epochs, log)
				now.heads = append(now.heads, 0)
				for range c.batches {
					for range c.size {
						log.append(namedEvent(e, log.head()+1))
					}
					v.sync(t, log)
					now.heads[e] = log.head()
					next := confirmed{append([]*serverLog(nil), now.epochs...), append([]uint64(nil), now.heads...)}
					if state.Swap(&next) == nil {
						start()
					}
				}
			}
			done.Store(true)
			readers.Wait()
		})
	}
}

// name of what the event at a position of an epoch revokes.
func nameAt(epoch int, seq uint64) string { return fmt.Sprint(epoch, "/", seq) }

// namedEvent is the event at a position: sessions and users in turn, now and then a key.
func namedEvent(epoch int, seq uint64) revocation.Event {
	switch {
	case seq%64 == 0:
		return revocation.KeyEvent(nameAt(epoch, seq))
	case seq%2 == 0:
		return revocation.SubjectEvent(nameAt(epoch, seq))
	}
	return revocation.SessionEvent(nameAt(epoch, seq))
}

// checkOne presents one token that must be refused and one that must not.
func checkOne(t *testing.T, set *revocation.Set, s *confirmed, pick *rand.Rand, collapses bool) {
	e := pick.IntN(len(s.epochs))
	seq := 1 + pick.Uint64N(s.heads[e])
	last := len(s.epochs) - 1
	tok := tokenOf(nameAt(e, seq), nameAt(e, seq), "app", s.epochs[e].epoch, seq-1)
	tok.KeyID = revocation.Hash(nameAt(e, seq))
	if e < last && pick.IntN(2) == 0 { // the restored store believes that it lives on
		tok.Epoch, tok.Seq = revocation.Short(s.epochs[last].epoch), s.heads[last]
	}
	if verdict := set.Check(tok); verdict == revocation.Clear {
		t.Errorf("revoked at %d of %s, confirmed up to %d, yet clear", seq, s.epochs[e].epoch, s.heads[e])
	}
	fresh := tokenOf("alive", "alive", "app", s.epochs[last].epoch, s.heads[last])
	switch verdict := set.Check(fresh); {
	case verdict == revocation.Revoked, verdict == revocation.Ahead:
		t.Errorf("a token that nothing names, minted at a confirmed position, is %v", verdict)
	case verdict == revocation.Stale && !collapses && set.Stats().Epoch == fresh.Epoch:
		t.Errorf("a token that nothing names is stale without a collapse")
	}
}
