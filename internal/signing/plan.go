package signing

import (
	"slices"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/jws"
)

// Schedule says when keys move on.
type Schedule struct {
	Rotate  time.Duration // a current key is replaced after this long; 30 days by default
	Publish time.Duration // a next key is published for at least this long before it signs, but for emergencies
}

// DefaultSchedule rotates every 30 days.
var DefaultSchedule = Schedule{Rotate: 30 * 24 * time.Hour, Publish: 24 * time.Hour}

// lane is one line of succession: at most one current and one next key.
type lane struct {
	Use       Use
	Algorithm jws.Algorithm
}

// step is what a lane needs now.
type step struct {
	promote string // kid of the next key that becomes current
	retire  string // kid of the current key that it replaces
	make    []State
}

// planLane decides what a lane needs: a current and a next key always, and a promotion when the current one is due
// (or forced) and the next one has been published long enough (or the current one is gone).
func planLane(keys []Stored, l lane, now time.Time, s Schedule, force bool) step {
	var current, next *Stored
	for i, k := range keys {
		if k.Use != l.Use || k.Algorithm != l.Algorithm {
			continue
		}
		switch k.State {
		case Current:
			current = &keys[i]
		case Next:
			next = &keys[i]
		}
	}
	switch {
	case current == nil && next == nil:
		return step{make: []State{Current, Next}}
	case current == nil:
		return step{promote: next.KID, make: []State{Next}}
	case next == nil:
		return step{make: []State{Next}}
	}
	due := now.Sub(current.CurrentAt) >= s.Rotate && now.Sub(next.CreatedAt) >= s.Publish
	if force || due {
		return step{promote: next.KID, retire: current.KID, make: []State{Next}}
	}
	return step{}
}

// gone answers the retired keys whose last token has expired everywhere.
func gone(keys []Stored, maxToken time.Duration, now time.Time) []string {
	var out []string
	for _, k := range keys {
		if k.State == Retired && now.Sub(k.RetiredAt) > maxToken+feed.Skew {
			out = append(out, k.KID)
		}
	}
	return out
}

// lanesOf answers the lines of succession that exist, plus those wanted. HS256 has none: its secret is configured.
func lanesOf(keys []Stored, wanted []lane) []lane {
	out := slices.Clone(wanted)
	for _, k := range keys {
		l := lane{k.Use, k.Algorithm}
		if k.State != Revoked && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return slices.DeleteFunc(out, func(l lane) bool { return l.Algorithm == jws.HS256 })
}
