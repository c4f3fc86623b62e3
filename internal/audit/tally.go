package audit

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// MaxTallies bounds what Tally answers.
const MaxTallies = 10_000

// Errors of Tally.
var (
	ErrStep           = errors.New("a tally needs steps of whole milliseconds, and a time after 1970 to begin at")
	ErrTooManyTallies = errors.New("too many figures: tally in longer steps, or fewer types")
)

// CheckStep answers ErrStep for what cannot be counted.
func CheckStep(since time.Time, step time.Duration) error {
	if step <= 0 || step%time.Millisecond != 0 || since.UnixMilli() < 0 || since.Nanosecond()%int(time.Millisecond) != 0 {
		return ErrStep
	}
	return nil
}

// TallyOf is what an entry of that time or later is counted under.
func TallyOf(e Entry, since time.Time, step time.Duration) Tally {
	t := Tally{From: since.Add(e.At.Sub(since).Truncate(step)).UTC(), Type: e.Type, Outcome: e.Outcome}
	if e.Outcome == Refused {
		t.Reason = e.Reason
	}
	return t
}

// SortTallies puts them in the order in which Tally answers: by step, type, outcome and reason.
func SortTallies(all []Tally) {
	slices.SortFunc(all, func(a, b Tally) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Reason, b.Reason))
	})
}
