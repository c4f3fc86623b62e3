package main

import (
	"fmt"
	"time"
)

// callers is how many ask at once, in turn, where a store is a server of its own.
func (b *bench) callers() []int {
	if b.short {
		return []int{1, 4}
	}
	return []int{1, 16, 64}
}

// contest compares an operation with its floor for each number of callers.
type contest struct {
	row, work   string
	floor, ours func(i int) error
	budgets     map[int]limit // by the number of callers; none for those that are not in it
	notes       []string      // beside the last
}

func (b *bench) compete(c contest) error {
	callers := b.callers()
	for _, n := range callers {
		floor, err := b.spread(n, c.floor)
		if err != nil {
			return fmt.Errorf("%s, floor: %w", c.work, err)
		}
		ours, err := b.spread(n, c.ours)
		if err != nil {
			return fmt.Errorf("%s: %w", c.work, err)
		}
		d, err := b.fight(floor, ours)
		if err != nil {
			return fmt.Errorf("%s: %w", c.work, err)
		}
		r := result{Row: c.row, Work: fmt.Sprintf("%s, %d callers", c.work, n), Floor: perSecond(of(d.floor, sample.rate)),
			Ours: perSecond(of(d.ours, sample.rate)), Value: d.ratio(sample.rate), CPU: finite(1 / d.ratio(sample.cpuNS))}
		if n == 1 {
			r.Work = c.work + ", 1 caller"
		}
		if budget, ok := c.budgets[n]; ok {
			r.Budget = &budget
		}
		if n == callers[len(callers)-1] {
			r.Notes = c.notes
		}
		b.add(r)
	}
	return nil
}

// spread is a round of the operation by so many callers, of as many calls as take a while. The index goes on from round
// to round. The processor time is that of the store's server too.
func (b *bench) spread(callers int, op func(i int) error) (func() (sample, error), error) {
	next := 0
	run := func(n int) (sample, error) {
		first := next
		next += n
		return together(n, callers, func(i int) error { return op(first + i) })
	}
	n := 8 * callers
	for i := 0; i < 2 && !b.short; i++ { // the first meets cold connections
		s, err := run(n)
		if err != nil {
			return nil, err
		}
		n = max(8*callers, min(50_000, int(s.rate()*roundTime.Seconds())))
	}
	return func() (sample, error) { return withFamily(func() (sample, error) { return run(n) }) }, nil
}

// roundTime is about how long a round takes.
const roundTime = 150 * time.Millisecond
