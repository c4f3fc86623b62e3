package model

import (
	"flag"
	"reflect"
	"strings"
	"testing"
	"time"
)

var schedules = flag.Int("schedules", usual, "how many schedules to play")

const length = 3 * time.Minute

func TestNoAcceptanceBeyondTheLease(t *testing.T) {
	for name, c := range map[string]Config{
		"large set":             {},
		"a set that overflows":  {SetLimit: 8},
		"the server loses data": {Restore: true},
		"relays":                {Relays: 2},
		"relays, and loss":      {Relays: 2, Restore: true},
	} {
		t.Run(name, func(t *testing.T) {
			var sum Result
			count := *schedules
			if c.Relays > 0 {
				count /= 2 // each has more processes
			}
			for seed := range uint64(count) {
				c.Seed, c.For = seed, length
				r := Run(c)
				sum.Decisions += r.Decisions
				sum.Accepted += r.Accepted
				sum.Revocations += r.Revocations
				sum.Worst = max(sum.Worst, r.Worst)
				if r.Breach != "" || r.Unrevoked != "" {
					t.Fatalf("seed %d: %s%s", seed, r.Breach, r.Unrevoked)
				}
				if r.FalseRefusal != "" && c.SetLimit == 0 && !c.Restore {
					t.Fatalf("seed %d: %s", seed, r.FalseRefusal)
				}
			}
			t.Logf("%d schedules, %d revocations, %d decisions, %d accepted; worst gap between commit and last acceptance %s (L = %s)",
				count, sum.Revocations, sum.Decisions, sum.Accepted, sum.Worst, lease)
			if sum.Accepted < sum.Decisions/12 {
				t.Errorf("only %d of %d decisions accepted: the model checks nothing", sum.Accepted, sum.Decisions)
			}
			if sum.Worst < lease/2 {
				t.Errorf("worst gap %s: the adversary does not try", sum.Worst)
			}
		})
	}
}

// TestEachTrapIsCaught puts back each known mistake: the model must find the breach.
func TestEachTrapIsCaught(t *testing.T) {
	traps := reflect.TypeFor[Traps]()
	for i := range traps.NumField() {
		name := traps.Field(i).Name
		t.Run(name, func(t *testing.T) {
			var c Config
			reflect.ValueOf(&c.Traps).Elem().Field(i).SetBool(true)
			if strings.HasPrefix(name, "Age") {
				c.Relays = 2
			}
			for seed := range uint64(3000) {
				c.Seed, c.For = seed, length
				if r := Run(c); r.Breach != "" {
					t.Logf("seed %d: %s", seed, r.Breach)
					return
				}
			}
			t.Error("the breach was not found: the model does not look there")
		})
	}
}
