package revocation_test

import (
	"math"
	"testing"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// at is a reading of clocks that agree, so many seconds after the base.
func at(seconds float64) revocation.Reading {
	d := time.Duration(seconds * float64(time.Second))
	return revocation.Reading{Mono: d, Wall: d}
}

func TestSince(t *testing.T) {
	for _, c := range []struct {
		name    string
		mono    time.Duration
		wall    time.Duration
		elapsed time.Duration
		stepped bool
	}{
		{"clocks agree", 5 * time.Second, 5 * time.Second, 5 * time.Second, false},
		{"nothing passed", 0, 0, 0, false},
		{"suspended: the monotonic clock stood still", time.Second, time.Hour, time.Hour, false},
		{"wall clock stepped forward", time.Second, 9 * time.Second, 9 * time.Second, false},
		{"wall clock slewed", 10 * time.Second, 9950 * time.Millisecond, 10 * time.Second, false},
		{"wall clock stepped back", 5 * time.Second, 4 * time.Second, 5 * time.Second, true},
		{"wall clock stepped back before the start", time.Second, -time.Hour, time.Second, true},
		{"just within the tolerance", time.Second, time.Second - revocation.StepTolerance, time.Second, false},
		{"just beyond it", time.Second, time.Second - revocation.StepTolerance - 1, time.Second, true},
		{"readings out of order", -time.Second, -time.Second, 0, false},
	} {
		earlier := revocation.Reading{Mono: 100 * time.Second, Wall: 7 * time.Hour}
		now := revocation.Reading{Mono: earlier.Mono + c.mono, Wall: earlier.Wall + c.wall}
		if elapsed, stepped := now.Since(earlier); elapsed != c.elapsed || stepped != c.stepped {
			t.Errorf("%s: Since = %v, %v; want %v, %v", c.name, elapsed, stepped, c.elapsed, c.stepped)
		}
	}
}

func TestLease(t *testing.T) {
	ten := revocation.Lease{Sent: at(100), Length: 10 * time.Second}
	aged := revocation.Lease{Sent: at(100), Age: 3 * time.Second, Length: 10 * time.Second}
	for _, c := range []struct {
		name      string
		lease     revocation.Lease
		now       revocation.Reading
		staleness time.Duration
		known     bool
		holds     bool
	}{
		{"none", revocation.Lease{}, at(0), 0, false, false},
		{"none, later", revocation.Lease{}, at(100), 0, false, false},
		{"at once", ten, at(100), 0, true, true},
		{"almost over", ten, at(109.999), 9999 * time.Millisecond, true, true},
		{"over", ten, at(110), 10 * time.Second, true, false},
		{"long over, as after a pause", ten, at(5000), 4900 * time.Second, true, false},
		{"age counts", aged, at(106), 9 * time.Second, true, true},
		{"age ends it earlier", aged, at(107), 10 * time.Second, true, false},
		{"suspended", ten, revocation.Reading{Mono: 101 * time.Second, Wall: time.Hour}, time.Hour - 100*time.Second, true, false},
		{"wall clock set back", ten, revocation.Reading{Mono: 105 * time.Second, Wall: 101 * time.Second}, 0, false, false},
		{"age that overflows", revocation.Lease{Sent: at(100), Age: math.MaxInt64, Length: math.MaxInt64}, at(101), 0, false, false},
		{"negative age", revocation.Lease{Sent: at(100), Age: -time.Hour, Length: time.Second}, at(101), 0, false, false},
		{"negative length", revocation.Lease{Sent: at(100), Length: -time.Second}, at(100), 0, false, false},
	} {
		staleness, known := c.lease.Staleness(c.now)
		if staleness != c.staleness || known != c.known {
			t.Errorf("%s: Staleness = %v, %v; want %v, %v", c.name, staleness, known, c.staleness, c.known)
		}
		if holds := c.lease.Holds(c.now); holds != c.holds {
			t.Errorf("%s: Holds = %v, want %v", c.name, holds, c.holds)
		}
	}
}

func TestReplyLeaseCountsFromSendingLessAge(t *testing.T) {
	reply := revocation.Reply{LeaseMS: 10_000, AgeMS: 1_500}
	want := revocation.Lease{Sent: at(7), Age: 1500 * time.Millisecond, Length: 10 * time.Second}
	if got := reply.Lease(at(7)); got != want {
		t.Errorf("Lease = %+v, want %+v", got, want)
	}
}
