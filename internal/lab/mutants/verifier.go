package main

// Mutations of the verifier's lease, and of what a decision rests on.
var leaseMutations = []mutation{
	{heartbeat, "the lease is as fresh as the last reply, whatever it answered", []edit{
		{"verify/sync.go", "	if err != nil {\n		return 0, s.mismatch(err)", "	if err != nil {\n		s.grant(p)\n		return 0, s.mismatch(err)"},
	}, "verify", ".", "TestRevocationIsObeyedWithinTheLease"},
	{heartbeat, "the clock is read when something comes, not when something is asked", []edit{
		{"verify/poll.go", "	p.received = s.v.config.clock()", "	p.received = s.v.config.clock()\n	p.sent = p.received"},
	}, "verify", ".", "TestRevocationIsObeyedWithinTheLease/delay"},
	{heartbeat, "as above, against real processes and a proxy that keeps the cadence", []edit{
		{"verify/poll.go", "	p.received = s.v.config.clock()", "	p.received = s.v.config.clock()\n	p.sent = p.received"},
	}, ".", "./internal/lab/process", "TestPromiseUnderFaults"},
	{arrivalLease, "the lease is counted from the arrival", []edit{
		{"verify/sync.go", "r.Lease(p.sent)", "r.Lease(p.received)"},
	}, "verify", ".", "TestRevocationIsObeyedWithinTheLease"},
	{arrivalLease, "the same, in the schedules of the real server", []edit{
		{"verify/sync.go", "r.Lease(p.sent)", "r.Lease(p.received)"},
	}, ".", ".", short + "TestSchedules"},
	{ages, "the age of a relay's answer is not counted", []edit{
		{"verify/revocation/lease.go", "staleness := elapsed + l.Age", "staleness := elapsed"},
	}, "verify", ".", "TestAgeOfARelayCounts"},
	{ages, "a token may live longer than the issuer says, and so than the events against it", []edit{
		{"verify/decide.go", "e.lease.maxToken > 0 && t.expiry()-issued > e.lease.maxToken", "false"},
	}, "verify", ".", "TestConclude"},
	{emptyStart, "a verifier starts with a lease, and an empty set clears", []edit{
		{"verify/verifier.go", "v.lease.Store(&lease{})", "v.lease.Store(&lease{Lease: revocation.Lease{Sent: c.clock(), Length: c.Freshness}})"},
		{"verify/revocation/set.go", "	v := s.current.Load()\n	seq := t.Seq", "	v := s.current.Load()\n	if v.epoch == \"\" {\n		return Clear\n	}\n	seq := t.Seq"},
	}, "verify", ".", "TestColdVerifierDeniesUntilTheFirstSync|TestEmptySetIsNoEvidence"},
	{emptyStart, "a set that has seen nothing clears", []edit{
		{"verify/revocation/set.go", "	v := s.current.Load()\n	seq := t.Seq", "	v := s.current.Load()\n	if v.epoch == \"\" {\n		return Clear\n	}\n	seq := t.Seq"},
	}, "verify", "./revocation", "TestSetThatHasSeenNothingClearsNothing"},
	{emptyStart, "no lease counts as one", []edit{
		{"verify/revocation/lease.go", "if l.Length <= 0 || l.Age < 0 {", "if l.Age < 0 {"},
	}, "verify", "./revocation", "TestLease"},
	{checkOrder, "the lease is loaded after the set was looked at", []edit{
		{"verify/decide.go", "	e.lease = v.lease.Load()\n	e.verdict = v.set.Check(&t.held)", "	e.verdict = v.set.Check(&t.held)\n	e.lease = v.lease.Load()"},
	}, "verify", ".", "TestLeaseIsTakenBeforeTheSetIsLookedAt"},
	{checkOrder, "the clock is read before the set is looked at", []edit{
		{"verify/decide.go", "	e.verdict = v.set.Check(&t.held)\n	e.now = v.config.clock()", "	e.now = v.config.clock()\n	e.verdict = v.set.Check(&t.held)"},
	}, "verify", ".", "TestClockIsReadLast"},
	{checkOrder, "the lease is granted before the events are applied", []edit{
		{"verify/sync.go", "	out, err := s.follower.Apply(", "	s.grant(p)\n	out, err := s.follower.Apply("},
	}, "verify", ".", "TestRevocationIsObeyedWithinTheLease|TestWrongReplies"},
	{ahead, "a token from a place not reached yet is accepted", []edit{
		{"verify/revocation/set.go", "	case seq > v.position:\n		return Ahead", "	case seq > v.position:\n		return Clear"},
	}, "verify", ".", "TestTokenAheadOfTheSet"},
	{ahead, "it is looked at once more without having synced", []edit{
		{"verify/decide.go", "	if e.verdict != revocation.Clear {\n		return behind", "	if e.verdict != revocation.Clear && e.lease.position == 0 {\n		return behind"},
	}, "verify", ".", "TestConclude|TestTokenAheadOfTheSet"},
}

// Mutations of the local clock.
var clockMutations = []mutation{
	{suspend, "elapsed time is the monotonic clock's alone", []edit{
		{"verify/revocation/lease.go", "return max(mono, wall, 0), wall", "return max(mono, 0), wall"},
		{"verify/revocation/passage.go", "max(r.Mono-p.seen.Mono, r.Wall-p.seen.Wall, 0)", "max(r.Mono-p.seen.Mono, 0)"},
	}, "verify", ".", "TestLeaseAcrossClockTrouble"},
	{suspend, "the rule that tells how long ago a reading was", []edit{
		{"verify/revocation/lease.go", "return max(mono, wall, 0), wall", "return max(mono, 0), wall"},
	}, "verify", "./revocation", "TestSince"},
	{suspend, "a sleep that was seen is forgotten once the wall clock is set back", []edit{
		{"verify/revocation/clock.go", "next := old.Observe(now)", "next := NewPassage(now)"},
	}, "verify", ".", "TestClockRemembersASleepThatAStepHides"},
	{stepBack, "the clocks are read before what they are compared with", []edit{
		{"verify/revocation/clock.go", "			old := passage.Load()\n			now := clocks()\n			if passage.Load() != old {\n				continue\n			}\n", "			now := clocks()\n			old := passage.Load()\n"},
	}, "verify", ".", "TestClockThatIsSetBackWhileItIsRead"},
	{suspend, "what has passed is the monotonic clock's alone", []edit{
		{"verify/revocation/passage.go", "max(r.Mono-p.seen.Mono, r.Wall-p.seen.Wall, 0)", "max(r.Mono-p.seen.Mono, 0)"},
	}, "verify", "./revocation", "TestPassage"},
	{stepBack, "a wall clock that was set back is not noticed", []edit{
		{"verify/revocation/lease.go", "wall < mono-StepTolerance", "false"},
	}, "verify", ".", "TestLeaseAcrossClockTrouble"},
	{stepBack, "it is noticed, and the lease kept", []edit{
		{"verify/revocation/lease.go", "if stepped || staleness < elapsed {", "if stepped && l.Length < 0 || staleness < elapsed {"},
	}, "verify", "./revocation", "TestLease"},
	{setAhead, "entries are retained by what was seen to pass", []edit{
		{"verify/sync.go", "s.follower.Apply(p.request, p.reply, time.Since(s.began))", "s.follower.Apply(p.request, p.reply, p.received.Mono)"},
	}, "verify", ".", "TestClockThatIsSetForgetsNothing"},
	{afterPause, "decisions read a clock that a ticker keeps up to date", coarse, "verify", ".", "TestLeaseAcrossClockTrouble"},
	{afterPause, "as above, against a real process that is stopped and resumed", coarse, ".", "./internal/lab/process", "TestPromiseUnderFaults"},
}

// coarse has decisions use the reading that the regular look at the clocks left behind.
var coarse = []edit{
	{"verify/clock.go", "		case <-ticker.C:\n			clock()", "		case <-ticker.C:\n			r := clock()\n			coarse.Store(&r)"},
	{"verify/clock.go", "import (\n	\"context\"\n", "import (\n	\"context\"\n	\"sync/atomic\"\n"},
	{"verify/clock.go", "// lookEvery is how often", "var coarse atomic.Pointer[reading]\n\n// lookEvery is how often"},
	{"verify/decide.go", "	e.now = v.config.clock()\n	return e", "	if e.now = v.config.clock(); coarse.Load() != nil {\n		e.now = *coarse.Load()\n	}\n	return e"},
}

// Mutations of the set and of what becomes of it.
var setMutations = []mutation{
	{overflow, "entries that have no room are dropped", []edit{
		{"verify/revocation/update.go", "			d.floor = max(d.floor, e.seq)\n		}\n	}\n	d.table = next\n	d.collapses++", "		}\n	}\n	d.table = next\n	d.collapses++"},
	}, "verify", "./revocation", "TestOverflowCollapsesIntoAFloor"},
	{overflow, "the same, seen from the verifier", []edit{
		{"verify/revocation/update.go", "			d.floor = max(d.floor, e.seq)\n		}\n	}\n	d.table = next\n	d.collapses++", "		}\n	}\n	d.table = next\n	d.collapses++"},
	}, "verify", ".", "TestMoreEventsThanTheSetHolds"},
	{overflow, "the floor is that of the first entry, not of the last", []edit{
		{"verify/revocation/set.go", "case foreign || seq < v.floor:", "case foreign || seq+1 < v.floor:"},
	}, "verify", "./revocation", "TestOverflowCollapsesIntoAFloor|TestCheckByKind"},
	{epochs, "a new epoch begins with an empty set", []edit{
		{"verify/revocation/update.go", "		e.key = e.key.with(tagFormer)\n		if !next.raise(e) {\n			next.insert(e)\n		}", "		_ = e"},
	}, "verify", "./revocation", "TestNewEpochKeepsWhatWasRevoked"},
	{epochs, "the same, seen from the verifier", []edit{
		{"verify/revocation/update.go", "		e.key = e.key.with(tagFormer)\n		if !next.raise(e) {\n			next.insert(e)\n		}", "		_ = e"},
	}, "verify", ".", "TestNewEpoch|TestRollback"},
	{epochs, "old entries are matched by the positions of the new epoch", []edit{
		{"verify/revocation/update.go", "		e.key = e.key.with(tagFormer)\n", ""},
	}, "verify", "./revocation", "TestNewEpochKeepsWhatWasRevoked"},
	{epochs, "tokens of an earlier epoch are taken for those of this one", []edit{
		{"verify/revocation/set.go", "foreign := t.Epoch != v.epoch || v.epoch == \"\"", "foreign := v.epoch == \"\""},
	}, "verify", ".", "TestNewEpoch"},
	{epochs, "after a rollback the lease goes on", []edit{
		{"verify/sync.go", "if errors.As(err, &m) && m.Alarm() {", "if errors.As(err, &m) && false {"},
	}, "verify", ".", "TestRollback"},
	{epochs, "a log that was rolled back is taken for a continuation", []edit{
		{"verify/revocation/examine.go", "case rep.Epoch == f.epoch && rep.To < f.at.position:", "case false:"},
	}, "verify", "./revocation", "TestRefusals|TestRollbackWithinAnEpoch"},
}
