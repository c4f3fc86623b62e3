package chaos

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// A judge that objected to nothing would make the promise easy to keep.
func TestJudgeObjects(t *testing.T) {
	at := func(d time.Duration) moment { return moment(1 << 40).add(d) }
	const second = time.Second
	living, revoked, received := issued{from: at(0)}, issued{from: at(0), ordered: at(second), died: at(2 * second), kind: "session"}, issued{}
	received = revoked
	received.enforced = at(2 * second)
	forsaken := revoked
	forsaken.gone = true
	stop := fault{name: stopVerifiers, verifiers: []int{0}, from: at(1500 * time.Millisecond), to: at(6 * second)}
	yes := func(begin, at, end moment) decision { return decision{begin: begin, at: at, end: end} }
	no := func(begin moment, reason string) decision {
		return decision{begin: begin, at: begin, end: begin, status: http.StatusUnauthorized, reason: reason}
	}
	for name, c := range map[string]struct {
		truth     issued
		since     moment
		faults    []fault
		decisions []decision
		want      bool // an objection
	}{
		"accepted while it lived":               {truth: living, decisions: []decision{yes(at(9*second), at(9*second), at(9*second))}},
		"accepted within L":                     {truth: revoked, decisions: []decision{yes(at(3*second), at(3*second), at(3*second))}},
		"accepted beyond L":                     {truth: revoked, decisions: []decision{yes(at(5*second), at(5*second), at(5*second))}, want: true},
		"begun before, made beyond L":           {truth: revoked, decisions: []decision{yes(at(second), at(5*second), at(5*second))}, want: true},
		"stopped meanwhile":                     {truth: revoked, faults: []fault{stop}, decisions: []decision{yes(at(second), at(6*second), at(6100*time.Millisecond))}},
		"begun when it went on":                 {truth: revoked, faults: []fault{stop}, decisions: []decision{yes(at(6*second+1), at(6*second+1), at(6*second+2))}, want: true},
		"accepted after a receipt":              {truth: received, decisions: []decision{yes(at(2100*time.Millisecond), at(2100*time.Millisecond), at(3*second))}, want: true},
		"accepted during the wait for it":       {truth: received, decisions: []decision{yes(at(1900*time.Millisecond), at(1900*time.Millisecond), at(3*second))}},
		"refused what lived":                    {truth: living, decisions: []decision{no(at(second), "revoked")}, want: true},
		"refused before it was ordered":         {truth: revoked, decisions: []decision{no(at(second/2), "stale")}, want: true},
		"refused when it was ordered":           {truth: revoked, decisions: []decision{no(at(1500*time.Millisecond), "revoked")}},
		"unavailable":                           {truth: living, decisions: []decision{{begin: at(second), at: at(second), end: at(second), status: http.StatusServiceUnavailable}}},
		"an error of its own":                   {truth: living, decisions: []decision{{begin: at(second), at: at(second), end: at(second), status: http.StatusInternalServerError, reason: "other"}}, want: true},
		"lost with the store, and not heard of": {truth: forsaken, since: at(9 * second), decisions: []decision{yes(at(8*second), at(8*second), at(8*second))}},
		"lost with the store, but heard of":     {truth: forsaken, since: at(9 * second), decisions: []decision{no(at(3*second), "revoked"), yes(at(8*second), at(8*second), at(8*second))}, want: true},
		"refused what a lost store forgot":      {truth: living, since: at(9 * second), decisions: []decision{no(at(8*second), "unknown")}},
	} {
		var said []string
		crowd := &crowd{stage: &stage{T: t}, since: c.since, object: func(text string) { said = append(said, text) }}
		crowd.all, crowd.faults = []*issued{&c.truth}, c.faults
		j := newJudge(crowd)
		j.calendars[0] = newCalendar(c.faults, 0)
		for _, d := range c.decisions {
			j.one(d)
		}
		if got := len(said) > 0; got != c.want {
			t.Errorf("%s: the judge says %q", name, said)
		}
	}
}

// What is written is what is read.
func TestDecisionsAreRecorded(t *testing.T) {
	for _, d := range []decision{{}, {id: 7, verifier: 300, begin: 1 << 50, at: 1<<50 + 1, end: 1<<50 + 2, status: 401, reason: "stale"}} {
		b := d.append(nil)
		if len(b) != recordBytes || readDecision(b) != d {
			t.Errorf("%+v is %d bytes and reads %+v", d, len(b), readDecision(b))
		}
	}
}

// A wire that did not do what it says would too.
func TestWireCutsDelaysResetsAndLeads(t *testing.T) {
	one, other := newLink(echo(t, '1')), echo(t, '2')
	w := newWire(t, nil, one)
	c := dial(t, w)
	say := func(c net.Conn, patience time.Duration) (byte, time.Duration, error) {
		began := time.Now()
		if _, err := c.Write([]byte("?")); err != nil {
			return 0, 0, err
		}
		b := make([]byte, 1)
		_ = c.SetReadDeadline(began.Add(patience))
		_, err := io.ReadFull(c, b)
		return b[0], time.Since(began), err
	}
	if who, _, err := say(c, 10*time.Second); who != '1' || err != nil {
		t.Fatalf("%q, %v", who, err)
	}
	const hold = 150 * time.Millisecond
	one.slow(hold)
	if _, took, err := say(c, 10*time.Second); took < hold || err != nil {
		t.Errorf("a delay of %v took %v (%v)", hold, took, err)
	}
	one.slow(0)
	one.cut()
	var timeout net.Error
	if _, _, err := say(c, 50*time.Millisecond); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("through a cut: %v, want nothing to come", err)
	}
	one.heal()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Error("what was held by the cut did not come:", err)
	}
	one.lead(other)
	if _, _, err := say(c, 10*time.Second); err == nil {
		t.Error("a connection outlived its reset")
	}
	if who, _, err := say(dial(t, w), 10*time.Second); who != '2' || err != nil {
		t.Errorf("led elsewhere: %q, %v", who, err)
	}
}

func dial(t *testing.T, w *wire) net.Conn {
	c, err := net.Dial("tcp", w.address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// echo answers each byte with that one, until the test ends.
func echo(t *testing.T, with byte) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				for b := make([]byte, 1); ; {
					if _, err := io.ReadFull(c, b); err != nil {
						return
					}
					if _, err := c.Write([]byte{with}); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return l.Addr().String()
}
