package revocation

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

// The budgets: a check against 1,000,000 entries takes at most 60 ns more than one against none (the floor in the
// same run), an entry at most 60 bytes, and applying 10,000 events at most 5 ms.

const benchEpoch = "bench000000000000000000000"

// filled returns a Set with n entries of the given kinds, and its clock at 0.
func filled(tb testing.TB, n int, kinds ...Kind) *Set {
	tb.Helper()
	s := NewSet(0)
	u := update{epoch: Short(benchEpoch), position: uint64(n), changes: make([]change, n)}
	for i := range u.changes {
		u.changes[i] = change{kinds[i%len(kinds)], Hash("revoked " + strconv.Itoa(i)), uint64(i + 1), 3_600_000}
	}
	s.apply(u)
	return s
}

// tokens returns unrevoked tokens, many enough that their lookups do not stay in the processor's caches.
func tokens(n int) []Token {
	list := make([]Token, n)
	for i := range list {
		name := strconv.Itoa(i)
		list[i] = Token{
			SessionID: Hash("session " + name), Subject: Hash("subject " + name), ClientID: Hash("app"),
			KeyID: Hash("key"), Epoch: Short(benchEpoch), Seq: 0,
		}
	}
	return list
}

func BenchmarkCheck(b *testing.B) {
	list := tokens(1 << 16)
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for _, n := range []int{0, 10_000, 1_000_000} {
		for _, kinds := range [][]Kind{{KindSession}, {KindSession, KindSubject, KindAuthz}} {
			s := filled(b, n, kinds...)
			b.Run(fmt.Sprintf("entries=%d/kinds=%d", n, len(kinds)), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if s.Check(&list[i&(1<<16-1)]) == Revoked {
						b.Fatal("an unrevoked token is revoked")
					}
					i++
				}
			})
		}
	}
}

func BenchmarkApply10000(b *testing.B) {
	for _, n := range []int{0, 1_000_000} {
		b.Run(fmt.Sprintf("set/entries=%d", n), func(b *testing.B) {
			s := filled(b, n, KindSession)
			next := n
			changes := make([]change, 10_000)
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				for i := range changes {
					next++
					changes[i] = change{KindSession, Hash(strconv.Itoa(next)), uint64(next), 300_000}
				}
				b.StartTimer()
				s.apply(update{epoch: Short(benchEpoch), position: uint64(next), changes: changes, now: time.Duration(b.N)})
			}
		})
	}
}

// BenchmarkFollow10000 is a whole reply of 10,000 events: checked, chained and applied. Its floor is the SHA-256 of
// the chain alone.
func BenchmarkFollow10000(b *testing.B) {
	const batch = 10_000
	b.Run("floor=chain", func(b *testing.B) {
		c := Genesis(benchEpoch)
		for b.Loop() {
			for i := range batch {
				c = c.Next(Event{Seq: uint64(i + 1), Kind: KindSession, ID: "AAAAAAAAAAAAAAAAAAAAAA"})
			}
		}
	})
	b.Run("floor=map", func(b *testing.B) {
		m := make(map[ID]uint64, 2_000_000)
		for i := range 1_000_000 {
			m[Hash(strconv.Itoa(i))] = 1
		}
		ids := make([]ID, batch)
		for i := range ids {
			ids[i] = Hash("x" + strconv.Itoa(i))
		}
		b.ResetTimer()
		for range b.N {
			for i := range ids {
				m[ids[i]] = 2
			}
			b.StopTimer()
			for i := range ids {
				delete(m, ids[i])
			}
			b.StartTimer()
		}
	})
	b.Run("ours", func(b *testing.B) {
		f := NewFollower("bench", "1", filled(b, 1_000_000, KindSession))
		at := place{1_000_000, Genesis(benchEpoch)}
		f.epoch, f.resync = benchEpoch, false
		f.at = at
		b.ResetTimer()
		for range b.N {
			b.StopTimer()
			rep := Reply{Epoch: benchEpoch, From: at.position, To: at.position + batch, Nonce: "n"}
			for range batch {
				at.position++
				e := SessionEvent(strconv.FormatUint(at.position, 10))
				e.Seq, e.RetainMS = at.position, 300_000
				rep.Events = append(rep.Events, e)
				at.chain = at.chain.Next(e)
			}
			rep.Chain = at.chain.String()
			req := f.Request("n", 0)
			b.StartTimer()
			if _, err := f.Apply(req, rep, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}
