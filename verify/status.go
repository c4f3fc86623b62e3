package verify

import "time"

// Status is the state of a Verifier at one moment.
type Status struct {
	// Ready reports whether the lease holds: decisions are made in memory.
	Ready bool
	// Epoch (its short form) and Position are the place in the revocation log
	// up to which events have been applied; "" and 0 before the first sync.
	Epoch    string
	Position uint64
	// Staleness is how old the knowledge of revocations is at most; negative
	// if it is not known.
	Staleness time.Duration
	// LeaseRemaining is for how long it may still be relied on.
	LeaseRemaining time.Duration
	// Freshest is the shortest freshness that any route asked for so far.
	Freshest time.Duration

	Revocations int // entries in the set
	Tokens      int // verified access tokens remembered
	Sessions    int // answers about session tokens remembered
	Open        int // requests and watches whose context may be ended

	// ClockOffset is by how much the issuer's clock is ahead of the local one,
	// give or take ClockMargin; both zero before the first sync.
	ClockOffset, ClockMargin time.Duration

	// LastError is why the last sync failed; nil if it did not.
	LastError error
	// Alarms counts what must not happen: a new epoch, a log that contradicts
	// itself, a reply that the feed key did not sign. LastAlarm is the last.
	Alarms    uint64
	LastAlarm string
	// AcceptedWithoutLease counts what InsecureAcceptUntilExpiry let in.
	AcceptedWithoutLease uint64
}

// Status returns the state of this moment.
func (v *Verifier) Status() Status {
	l := v.lease.Load()
	now := v.config.clock()
	set := v.entries.Stats()
	s := Status{
		Ready: l.Holds(now) && !v.closed.Load(), Epoch: l.epoch, Position: l.position, Staleness: -1,
		Freshest:    time.Duration(v.freshest.Load()),
		Revocations: set.Sessions + set.Subjects + set.Authz + set.Applications + set.Keys,
		Tokens:      v.tokens.len(), Sessions: v.answers.len(), Open: v.watches.len(),
		Alarms: v.alarms.Load(), AcceptedWithoutLease: v.accepted.Load(),
	}
	if staleness, ok := l.Staleness(now); ok {
		s.Staleness = staleness
		s.LeaseRemaining = max(0, l.Length-staleness)
	}
	if l.clock.known {
		s.ClockOffset = l.clock.now(now) - now.Wall
		s.ClockMargin = l.clock.margin
	}
	if err := v.lastError.Load(); err != nil {
		s.LastError = *err
	}
	if alarm := v.lastAlarm.Load(); alarm != nil {
		s.LastAlarm = *alarm
	}
	return s
}
