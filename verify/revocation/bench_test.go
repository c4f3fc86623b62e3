package revocation

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Budgets, as ratios or differences to a floor measured in the same run: a check against 1,000,000 entries takes at
// most 60 ns more than one against none; an entry takes at most 60 bytes; 10,000 events are applied to a Set of
// 1,000,000 in at most 5 ms, while readers go on.

const benchEpoch = "bench000000000000000000000"

// filled returns a Set with n entries of the given kinds in turn.
func filled(n int, kinds ...Kind) *Set {
	u := update{epoch: Short(benchEpoch), position: uint64(n), changes: make([]change, n)}
	for i := range u.changes {
		u.changes[i] = change{kinds[i%len(kinds)], Hash("revoked " + strconv.Itoa(i)), uint64(i + 1), 3_600_000}
	}
	s := NewSet(0)
	s.apply(u)
	return s
}

// liveTokens returns tokens that nothing names, too many for the processor's nearest caches.
func liveTokens() []Token {
	list := make([]Token, 1<<16)
	for i := range list {
		name := strconv.Itoa(i)
		list[i] = Token{
			SessionID: Hash("session " + name), Subject: Hash("subject " + name), ClientID: Hash("app"),
			KeyID: Hash("key"), Epoch: Short(benchEpoch), Seq: 1 << 30,
		}
	}
	return list
}

// BenchmarkCheck has its floor in entries=0.
func BenchmarkCheck(b *testing.B) {
	list := liveTokens()
	for _, n := range []int{0, 10_000, 1_000_000} {
		for name, kinds := range map[string][]Kind{
			"sessions": {KindSession}, "mixed": {KindSession, KindSubject, KindAuthz, KindApplication},
		} {
			s := filled(n, kinds...)
			b.Run(fmt.Sprintf("entries=%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if s.Check(&list[i&(len(list)-1)]) == Revoked {
						b.Fatal("a token that nothing names is revoked")
					}
				}
			})
		}
	}
}

// BenchmarkCheckWhileApplying checks while another goroutine applies without pause, through growth and collapse, and
// reports the slowest check as well as the mean. Its floor is BenchmarkCheck.
func BenchmarkCheckWhileApplying(b *testing.B) {
	list := liveTokens()
	s := filled(1_000_000, KindSession)
	var done atomic.Bool
	var writer sync.WaitGroup
	writer.Go(func() {
		changes := make([]change, 1000)
		pick := rand.New(rand.NewPCG(1, 1))
		for seq := uint64(1_000_000); !done.Load(); {
			for i := range changes {
				seq++
				changes[i] = change{KindSession, ID{}, seq, 300_000}
				for j := range changes[i].id {
					changes[i].id[j] = byte(pick.Uint32())
				}
			}
			s.apply(update{epoch: Short(benchEpoch), position: seq, changes: changes})
		}
	})
	slowest := time.Duration(0)
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		s.Check(&list[i&(len(list)-1)])
		slowest = max(slowest, time.Since(start))
	}
	b.ReportMetric(float64(slowest.Microseconds()), "slowest-us")
	done.Store(true)
	writer.Wait()
}

// BenchmarkMemory reports what the heap holds for an entry, in the table at rest.
func BenchmarkMemory(b *testing.B) {
	for range b.N {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := filled(1_000_000, KindSession, KindSubject)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "B/entry")
		runtime.KeepAlive(s)
	}
}

// BenchmarkApply10000 applies 10,000 events: to the Set, and as a whole reply, whose floor is the SHA-256 of the chain.
func BenchmarkApply10000(b *testing.B) {
	const batch, before = 10_000, 1_000_000
	event := func(seq uint64) Event {
		e := SessionEvent(strconv.FormatUint(seq, 10))
		e.Seq, e.RetainMS = seq, 300_000
		return e
	}
	b.Run("chain", func(b *testing.B) {
		c, e := Genesis(benchEpoch), event(1)
		for b.Loop() {
			for range batch {
				c = c.Next(e)
			}
		}
	})
	var f *Follower
	at := place{before, Genesis(benchEpoch)}
	next := func(b *testing.B) (Request, Reply) {
		if f == nil || f.set.current.Load().counts[tagSession] > before+20*batch { // not through growth
			f = NewFollower("bench", "1", filled(before, KindSession))
			f.epoch, f.resync, f.at = benchEpoch, false, at
		}
		at = f.at
		rep := Reply{Epoch: benchEpoch, From: at.position, To: at.position + batch, Nonce: "n", Events: make([]Event, batch)}
		for i := range rep.Events {
			at.position++
			rep.Events[i] = event(at.position)
			at.chain = at.chain.Next(rep.Events[i])
		}
		rep.Chain = at.chain.String()
		return f.Request("n", 0), rep
	}
	b.Run("set", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			req, rep := next(b)
			if _, m := f.examine(rep); m != nil || f.answers(req, rep) != nil {
				b.Fatal(m)
			}
			u := update{epoch: Short(benchEpoch), position: rep.To, changes: f.changes}
			b.StartTimer()
			f.set.apply(u)
			f.at = at
		}
	})
	b.Run("reply", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			req, rep := next(b)
			b.StartTimer()
			if _, err := f.Apply(req, rep, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		_, rep := next(b)
		body, err := json.Marshal(rep)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			if _, err := DecodeReply(body); err != nil {
				b.Fatal(err)
			}
		}
	})
}
