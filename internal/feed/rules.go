package feed

import (
	"time"

	"tandem.example/tandem/verify/revocation"
)

// keyRetention keeps key events for good in practice: a stolen key can sign new tokens for ever, so the time at
// which the last honest token expires says nothing.
const keyRetention = 10 * 365 * 24 * time.Hour

// RetainUntil is when an event may be pruned: by then every token minted before it has expired everywhere.
func RetainUntil(kind revocation.Kind, committed time.Time, maxToken time.Duration) time.Time {
	if kind == revocation.KindKey {
		return committed.Add(keyRetention)
	}
	return committed.Add(maxToken + Skew)
}

// Lifetimes is the stored knowledge of how long access tokens may live.
type Lifetimes struct {
	Longest time.Duration // the longest that a living token may have
	Wanted  time.Duration // the configured one, if shorter
	Since   time.Time     // since when the shorter one is in force
}

// Longest decides what lifetime is to be reckoned with once `lifetime` is configured. A longer one counts at once; a
// shorter one only when the last token of the longer kind has expired (pruning by the shortened lifetime would bring
// revoked tokens back).
func Longest(l Lifetimes, lifetime time.Duration, now time.Time) Lifetimes {
	switch {
	case lifetime >= l.Longest:
		return Lifetimes{Longest: lifetime, Wanted: lifetime, Since: now}
	case lifetime != l.Wanted:
		return Lifetimes{Longest: l.Longest, Wanted: lifetime, Since: now}
	case now.Sub(l.Since) > l.Longest+Skew:
		return Lifetimes{Longest: lifetime, Wanted: lifetime, Since: now}
	}
	return l
}

// Marks is what the log knows when it answers an Ask.
type Marks struct {
	Epoch       string
	Floor       uint64           // events up to here have been pruned
	Head        uint64           // the last position
	ChainAtAsk  revocation.Chain // at Ask.Position, if HasChain
	HasChainAsk bool
}

// Plan decides how to answer: by the events after the asked position, or, for a newcomer, an unknown epoch, a
// position that was pruned or never existed, or another history, by a snapshot.
func Plan(ask Ask, m Marks) (snapshot bool) {
	switch {
	case ask.Epoch != m.Epoch, ask.Position < m.Floor, ask.Position > m.Head:
		return true
	case !m.HasChainAsk, ask.Chain != m.ChainAtAsk.String():
		return true
	}
	return false
}
