package verify

import (
	"testing"
	"time"

	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/token"
)

// at is a reading at which both clocks agree; the issuer's clock shows 1000 s
// at the beginning.
func at(d time.Duration) reading { return reading{Mono: d, Wall: 1000*time.Second + d} }

func TestConclude(t *testing.T) {
	const second = time.Second
	standard := lease{
		Lease:    revocation.Lease{Sent: at(0), Length: 10 * second},
		maxToken: 15 * time.Minute,
		clock:    timebase{known: true, at: at(0), issuer: 1000 * second},
	}
	good := &Token{kind: AccessToken, claims: token.Claims{IssuedAt: 900, ExpiresAt: 1200}}
	with := func(edit func(*lease)) *lease {
		l := standard
		edit(&l)
		return &l
	}
	tests := []struct {
		name      string
		token     *Token
		lease     *lease
		verdict   revocation.Verdict
		now       reading
		freshness time.Duration
		want      outcome
	}{
		{"good", good, &standard, revocation.Clear, at(1 * second), 10 * second, accept},
		{"just before the lease ends", good, &standard, revocation.Clear, at(10*second - 1), 10 * second, accept},
		{"when the lease ends", good, &standard, revocation.Clear, at(10 * second), 10 * second, lapsed},
		{"the route allows more, the lease does not", good, &standard, revocation.Clear, at(10 * second), time.Hour, lapsed},
		{"the route allows less than the lease", good, &standard, revocation.Clear, at(2 * second), 2 * second, lapsed},
		{"just fresh enough for it", good, &standard, revocation.Clear, at(2*second - 1), 2 * second, accept},
		{"age counts", good, with(func(l *lease) { l.Age = 4 * second }), revocation.Clear, at(6 * second), 10 * second, lapsed},
		{"age counts for the route", good, with(func(l *lease) { l.Age = second }), revocation.Clear, at(second), 2 * second, lapsed},
		{"no lease yet", good, &lease{}, revocation.Clear, at(0), 10 * second, lapsed},
		{"the lease was taken back", good, standard.withdrawn(), revocation.Clear, at(1 * second), 10 * second, lapsed},
		{"suspended: only the wall clock went on", good, &standard, revocation.Clear, reading{Mono: second, Wall: 1030 * second}, 10 * second, lapsed},
		{"the wall clock was set back", good, &standard, revocation.Clear, reading{Mono: second, Wall: 900 * second}, 10 * second, lapsed},

		{"revoked", good, &standard, revocation.Revoked, at(second), 10 * second, revoked},
		{"stale", good, &standard, revocation.Stale, at(second), 10 * second, stale},
		{"revoked is known without a lease", good, &lease{}, revocation.Revoked, at(second), 10 * second, revoked},
		{"stale is known without a lease", good, &lease{}, revocation.Stale, at(second), 10 * second, stale},
		{"ahead", good, &standard, revocation.Ahead, at(second), 10 * second, behind},
		{"ahead without a lease", good, &standard, revocation.Ahead, at(11 * second), 10 * second, lapsed},

		{"expired", &Token{kind: AccessToken, claims: token.Claims{IssuedAt: 900, ExpiresAt: 1001}}, &standard, revocation.Clear, at(1 * second), 10 * second, expired},
		{"about to expire", &Token{kind: AccessToken, claims: token.Claims{IssuedAt: 900, ExpiresAt: 1001}}, &standard, revocation.Clear, at(1*second - 1), 10 * second, accept},
		{"expired, and ahead", &Token{kind: AccessToken, claims: token.Claims{IssuedAt: 900, ExpiresAt: 1001}}, &standard, revocation.Ahead, at(2 * second), 10 * second, expired},
		{"expired, but the lease is lost", &Token{kind: AccessToken, claims: token.Claims{IssuedAt: 900, ExpiresAt: 1001}}, &standard, revocation.Clear, at(20 * second), 10 * second, lapsed},
		{"issued in a future that skew explains", &Token{kind: AccessToken, claims: token.Claims{IssuedAt: 1060, ExpiresAt: 1200}}, &standard, revocation.Clear, at(0), 10 * second, accept},
		{"issued in the future", &Token{kind: AccessToken, claims: token.Claims{IssuedAt: 1061, ExpiresAt: 1200}}, &standard, revocation.Clear, at(0), 10 * second, future},
		{"the longest lifetime", &Token{kind: AccessToken, claims: token.Claims{IssuedAt: 900, ExpiresAt: 1800}}, &standard, revocation.Clear, at(0), 10 * second, accept},
		{"a lifetime too long", &Token{kind: AccessToken, claims: token.Claims{IssuedAt: 900, ExpiresAt: 1801}}, &standard, revocation.Clear, at(0), 10 * second, overlong},
		{"a session's lifetime has no such bound", &Token{kind: SessionToken, claims: token.Claims{ExpiresAt: 9999}}, &standard, revocation.Clear, at(0), 10 * second, accept},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := conclude(tt.token, evidence{tt.lease, tt.verdict, tt.now}, tt.freshness, time.Minute)
			if got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// Whatever outcome is not an acceptance must be a refusal.
func TestOutcomesAreRefused(t *testing.T) {
	for o := revoked; o <= future+1; o++ {
		if o.refusal() == nil {
			t.Errorf("outcome %d is no refusal", o)
		}
	}
}

func TestTimebase(t *testing.T) {
	const second = time.Second
	var b timebase
	if got := b.now(at(5 * second)); got != 1005*second {
		t.Errorf("before the first sync: %v, want the local wall clock's", got)
	}
	// A long poll of 2 s says little, a quick one much.
	b = b.observe(at(0), at(2*second), 5000*second)
	if b.margin != second {
		t.Errorf("margin %v after a poll of 2 s", b.margin)
	}
	b = b.observe(at(2*second), at(2*second+20*time.Millisecond), 5001*second)
	if b.margin > 10*time.Millisecond {
		t.Errorf("margin %v after a poll of 20 ms", b.margin)
	}
	quick := b.now(at(2*second + 20*time.Millisecond))
	b = b.observe(at(3*second), at(5*second), 5003*second)
	if b.margin > 15*time.Millisecond {
		t.Errorf("margin %v: a slow poll made a good estimate bad", b.margin)
	}
	if got := b.now(at(2*second+20*time.Millisecond+10*second)) - quick; got < 9990*time.Millisecond || got > 10010*time.Millisecond {
		t.Errorf("10 s took %v", got)
	}
	// The issuer's clock was set: what was known is worth nothing.
	b = b.observe(at(6*second), at(6*second+20*time.Millisecond), 9000*second)
	if got := b.now(at(6 * second)); got < 8999*second || got > 9001*second {
		t.Errorf("after the issuer's clock was set to 9000 s: %v", got)
	}
}
