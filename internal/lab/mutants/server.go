package main

// Mutations of the log, in the stores and in the service.
var logMutations = []mutation{
	{outOfOrder, "sqlite: positions are taken before the transaction, as from a sequence", []edit{
		{"internal/sqlite/log.go", "func (p revocationLog) Append(ctx context.Context, a feed.Append) (commit feed.Commit, err error) {\n	err = p.s.write.do(ctx, func(t *tx) error {\n",
			"var sequence atomic.Uint64\n\nfunc (p revocationLog) Append(ctx context.Context, a feed.Append) (commit feed.Commit, err error) {\n	n := sequence.Add(uint64(len(a.Events))) - uint64(len(a.Events))\n	time.Sleep(time.Duration(n%3) * time.Millisecond)\n	err = p.s.write.do(ctx, func(t *tx) error {\n		t.head.position = n\n"},
		{"internal/sqlite/log.go", "import (\n", "import (\n	\"sync/atomic\"\n"},
	}, ".", "./internal/sqlite", "TestConformance/no_mirror/" + inOrder},
	{outOfOrder, "memory: the same", []edit{
		{"internal/memory/log.go", "func (l feedLog) Append(ctx context.Context, a feed.Append) (commit feed.Commit, err error) {\n	err = l.s.do(ctx, \"log.Append\", func() error {\n",
			"var sequence atomic.Uint64\n\nfunc (l feedLog) Append(ctx context.Context, a feed.Append) (commit feed.Commit, err error) {\n	n := sequence.Add(uint64(len(a.Events))) - uint64(len(a.Events))\n	time.Sleep(time.Duration(n%3) * time.Millisecond)\n	err = l.s.do(ctx, \"log.Append\", func() error {\n		l.s.log.position = n\n"},
		{"internal/memory/log.go", "import (\n", "import (\n	\"sync/atomic\"\n"},
	}, ".", "./internal/memory", "TestConformance/" + inOrder},
	{outOfOrder, "sqlite: the head is published before the commit", []edit{
		{"internal/sqlite/writer.go", "		if _, err := w.exec(\"COMMIT\"); err != nil {", "		w.publish(&t.head)\n		time.Sleep(time.Millisecond)\n		if _, err := w.exec(\"COMMIT\"); err != nil {"},
		{"internal/sqlite/writer.go", "import (\n", "import (\n	\"time\"\n"},
	}, ".", "./internal/sqlite", "TestConformance/^mirror/races/a_view"},
	{splitCommit, "sqlite: a change of roles commits before its event", []edit{
		{"internal/sqlite/account.go", "		commit, err = t.finish(m.At, m.Announce, m.Audit...)\n		return err\n	})\n	return amended, commit, err",
			"		commit, err = t.finish(m.At, nil, m.Audit...)\n		return err\n	})\n	if err == nil {\n		commit, err = a.s.Log().Append(ctx, feed.Append{Events: m.Announce, At: m.At})\n	}\n	return amended, commit, err"},
	}, ".", "./internal/sqlite", "TestConformance/^mirror/races/a_view"},
	{splitCommit, "sqlite: a session ends before its event is appended", []edit{
		{"internal/sqlite/session_end.go", "		commit, err = t.finish(e.At, events, e.Audit...)\n		return err\n	})\n	return commit, ended, err",
			"		later = events\n		commit, err = t.finish(e.At, nil, e.Audit...)\n		return err\n	})\n	if err == nil && len(later) > 0 {\n		commit, err = p.s.Log().Append(ctx, feed.Append{Events: later, At: e.At})\n	}\n	return commit, ended, err"},
		{"internal/sqlite/session_end.go", "	err = p.s.write.do(ctx, func(t *tx) error {\n		var events", "	var later []revocation.Event\n	err = p.s.write.do(ctx, func(t *tx) error {\n		var events"},
	}, ".", "./internal/sqlite", "TestEndAndEventAreOneCommit"},
	{splitCommit, "memory: a change of roles commits before its event", []edit{
		{"internal/memory/account.go", "			commit = a.s.finish(m.At, m.Announce, m.Audit...)\n", "			commit = a.s.finish(m.At, nil, m.Audit...)\n"},
		{"internal/memory/account.go", "		return nil\n	})\n	return amended, commit, err",
			"		return nil\n	})\n	if err == nil {\n		time.Sleep(time.Millisecond)\n		commit, err = a.s.Log().Append(ctx, feed.Append{Events: m.Announce, At: m.At})\n	}\n	return amended, commit, err"},
		{"internal/memory/account.go", "import (\n", "import (\n	\"time\"\n"},
	}, ".", "./internal/memory", "TestConformance/races/a_view"},
	{cachedSync, "a request joins a read that has begun", []edit{
		{"internal/joint/joint.go", "	delete(j.open, key) // nobody joins from here on: the run begins\n	j.mu.Unlock()\n	one.value, one.err = j.do(ctx, key)",
			"	j.mu.Unlock()\n	one.value, one.err = j.do(ctx, key)\n	j.mu.Lock()\n	delete(j.open, key)\n	j.mu.Unlock()"},
	}, ".", "./internal/feed", "TestReadBeginsAfterTheRequestArrived"},
	{cachedSync, "the service answers from what it read last", []edit{
		{"internal/joint/joint.go", "	joined := j.open[key]\n", "	if value, known := cache.Load(key); known {\n		j.mu.Unlock()\n		return value.(V), nil\n	}\n	joined := j.open[key]\n"},
		{"internal/joint/joint.go", "	one.value, one.err = j.do(ctx, key)", "	one.value, one.err = j.do(ctx, key)\n	cache.Store(key, one.value)"},
		{"internal/joint/joint.go", "type run[V any] struct {", "var cache sync.Map\n\ntype run[V any] struct {"},
	}, ".", "./internal/feed", "TestSyncWaitsForTheNextEvent"},
	{cachedSync, "the sync is answered with what was there when the wait began", []edit{
		{"internal/feed/service.go", "	if err := s.await(ctx, ask,", "	early, err := s.reads.Ask(ctx, ask)\n	if err != nil {\n		return Signed{}, err\n	}\n	if err := s.await(ctx, ask,"},
		{"internal/feed/service.go", "	page, err := s.reads.Ask(ctx, ask)\n", "	page, err := early, error(nil)\n"},
	}, ".", "./internal/feed", "TestSyncWaitsForTheNextEvent"},
	{cachedSync, "sqlite: the log is read from memory, as a replica's would be", []edit{
		{"internal/sqlite/log.go", "	if page, err = r.page(ask); err != nil {", "	if known, ok := replica.Load(ask); ok {\n		return known.(feed.Page), nil\n	}\n	page, err = r.page(ask)\n	replica.Store(ask, page)\n	if err != nil {"},
		{"internal/sqlite/log.go", "// logReader reads the log", "var replica sync.Map\n\n// logReader reads the log"},
		{"internal/sqlite/log.go", "import (\n", "import (\n	\"sync\"\n"},
	}, ".", "./internal/sqlite", "TestConformance/no_mirror/log/a_read_that_begins"},
	{lateRevision, "sqlite: the head is read after the session", []edit{
		{"internal/sqlite/session.go", "	head := p.s.write.head.Load()\n", ""},
		{"internal/sqlite/session.go", "	view.Revision, view.Ring = head.Revision(), head.Ring\n", "	time.Sleep(time.Millisecond)\n	head := p.s.write.head.Load()\n	view.Revision, view.Ring = head.Revision(), head.Ring\n"},
	}, ".", "./internal/sqlite", "TestConformance/^mirror/races/a_view"},
	{lateRevision, "sqlite: the head is published before the mirror is brought up to date", []edit{
		{"internal/sqlite/writer.go", "		w.applied(&t.changes)\n		w.publish(&t.head)", "		w.publish(&t.head)\n		time.Sleep(time.Millisecond)\n		w.applied(&t.changes)"},
		{"internal/sqlite/writer.go", "import (\n", "import (\n	\"time\"\n"},
	}, ".", "./internal/sqlite", "TestConformance/^mirror/races/a_view"},
	{shortRetention, "a shorter lifetime counts at once", []edit{
		{"internal/feed/rules.go", "case lifetime >= l.Longest:", "case lifetime > 0:"},
	}, ".", "./internal/feed", "TestLongest"},
	{shortRetention, "sqlite: events are kept for the lifetime that is configured now", []edit{
		{"internal/sqlite/tx.go", "feed.RetainUntil(e.Kind, at, t.head.lifetime.Longest)", "feed.RetainUntil(e.Kind, at, t.head.lifetime.Wanted)"},
	}, ".", "./internal/sqlite", "TestConformance/no_mirror/retention"},
	{shortRetention, "memory: the same", []edit{
		{"internal/memory/log.go", "feed.RetainUntil(e.Kind, at, h.lifetime.Longest)", "feed.RetainUntil(e.Kind, at, h.lifetime.Wanted)"},
	}, ".", "./internal/memory", "TestConformance/retention"},
	{shortRetention, "the skew between clocks is not allowed for", []edit{
		{"internal/feed/rules.go", "committed.Add(maxToken + Skew)", "committed.Add(maxToken)"},
	}, ".", "./internal/feed", "TestRetainUntil"},
	{shortRetention, "a verifier that asks from a pruned position is not told", []edit{
		{"internal/feed/rules.go", "case ask.Epoch != m.Epoch, ask.Position < m.Floor, ask.Position > m.Head:", "case ask.Epoch != m.Epoch, ask.Position > m.Head:"},
		{"internal/feed/rules.go", "case !m.HasChainAsk, ask.Chain", "case m.HasChainAsk && ask.Chain"},
	}, ".", "./internal/feed", "TestPlan"},
}

const inOrder = "log/positions_are_gap-free"

// Mutations of leases on the server, and of receipts.
var receiptMutations = []mutation{
	{receipts, "a renewal counts as an acknowledgement", []edit{
		{"internal/feed/receipt.go", "case h != nil && h.epoch == epoch && h.acked >= r.Position:", "case h != nil && h.arrived.After(r.CommittedAt):"},
	}, ".", "./internal/feed", "Receipt"},
	{receipts, "renewals prolong the wait", []edit{
		{"internal/feed/receipt.go", "		moved := s.tracker.settle(", "		for key, until := range s.tracker.leasesAt(time.Now(), s.Lease) {\n			if _, waits := waiting[key]; waits {\n				waiting[key] = until\n			}\n		}\n		moved := s.tracker.settle("},
	}, ".", "./internal/feed", "TestRenewalsWithoutTheEventDoNotProlongAReceipt"},
	{receipts, "one application acknowledges for another", []edit{
		{"internal/feed/service.go", "key := holderKey{caller.Application, req.Instance}", "key := holderKey{\"\", req.Instance}"},
	}, ".", "./internal/feed", "TestNobodyAcknowledgesForAnother"},
	{receipts, "a position of another history acknowledges", []edit{
		{"internal/feed/service.go", "if ask == (Ask{head.Epoch, head.Position, head.Chain.String()}) {\n		s.tracker.acknowledge(key, ask.Epoch, req.Enforced())", "if true {\n		s.tracker.acknowledge(key, head.Epoch, req.Enforced())"},
		{"internal/feed/service.go", "		s.tracker.astray(key)\n", ""},
	}, ".", "./internal/feed", "TestNobodyAcknowledges"},
	{receipts, "the row of a lease is written after the lease is granted", []edit{
		{"internal/feed/service.go", "if err := s.holding.write(ctx, h); err != nil {", "go s.holding.write(context.WithoutCancel(ctx), h)\n		if err := ctx.Err(); err != nil {"},
	}, ".", "./internal/feed", "TestNoLeaseBeforeItsHolderIsWritten"},
	{receipts, "a restarted server forgets the leases that were granted before", []edit{
		{"internal/feed/service.go", "		s.tracker.restore(h, until)\n", "		_, _ = h, until\n"},
	}, ".", "./internal/feed", "TestReceiptAfterARestartWaitsForLeasesOfTheOldProcess"},
	{receipts, "nodes: a receipt looks only at the verifiers of its own node", []edit{
		{"internal/feed/receipt.go", "	if _, err := s.nodes.looks.Ask(ctx, struct{}{}); err != nil {\n		return err\n	}\n	s.nodes.Signals", "	s.nodes.Signals"},
	}, ".", "./internal/feed", "TestReceiptOutlivesTheNode"},
	{receipts, "nodes: the row of a holder is written as seldom as on a store of one process", []edit{
		{"internal/feed/service.go", "		every = s.Lease //", "		_ = s.Lease //"},
	}, ".", "./internal/feed", "TestReceiptWaitsForAVerifierThatRenewsElsewhere"},
	{suspend, "nodes: when a holder's row was written is reckoned by the monotonic clock alone", []edit{
		{"internal/feed/service.go", "	now := s.Now()\n	write, err", "	now := time.Now()\n	write, err"},
	}, ".", "./internal/feed", "TestANodeThatSleptWritesItsHoldersAgain"},
	{receipts, "a process that starts with another clock overlooks leases", []edit{
		{"internal/feed/service.go", "span, since := c.Lease, time.Time{}", "span, since := c.Lease, s.now().Add(-forgetAfter)"},
	}, ".", "./internal/feed", "TestReceiptAfterARestartWithAnotherClock"},
	{receipts, "nodes: a receipt is given on a log that has lost its end", []edit{
		{"internal/feed/receipt.go", "	if err := s.intact(ctx); err != nil {\n		return err\n	}\n", ""},
	}, ".", "./internal/feed", "TestARollbackIsNoticed"},
	{staleKeys, "keys that could not be read after a change are not read again", []edit{
		{"internal/signing/ring.go", "	return n%2 == 1 || r.state.Load().changes != n", "	_ = n\n	return false"},
	}, ".", "./internal/signing", "TestRevokedKeyIsOutOfUseEvenIfTheKeysCannotBeReadAtOnce"},
	{receipts, "redis: whoever ends what has ended is told of the log as it was before that was seen", []edit{
		{"internal/redis/session_end.go", "			ground, err := p.s.ledger.Standing(ctx, nil)\n			if err != nil {\n				return feed.Commit{}, 0, fmt.Errorf(\"end session: %w\", err)\n			}\n			return feed.Commit{Position: ground", "			return feed.Commit{Position: one.ground"},
	}, ".", "./internal/redis", "TestEndingWhatHasEndedAnswersAPositionBehindTheEnd"},
	{shortRetention, "nodes: what is left of an event's life is reckoned by the clock of the node that answers", []edit{
		{"internal/feed/service.go", "e.RetainUntil.Sub(earlier(now, s.now()))", "e.RetainUntil.Sub(now)"},
	}, ".", "./internal/feed", "TestANodeWhoseClockIsAheadForgetsNothing"},
	{staleKeys, "nodes: a live check goes by the keys that this node remembers", []edit{
		{"internal/signin/check.go", "changed, err := s.Ring.Follow(ctx, v.Ring)", "changed, err := false, error(nil)"},
	}, ".", ".", "TestNodesAreOneServer"},
	{staleKeys, "nodes: a token whose key another node made is refused", []edit{
		{"internal/signin/check.go", "	if !errors.Is(err, signing.ErrUnknownKey) {", "	if err != nil || err == nil {"},
	}, ".", ".", "TestNodesAreOneServer"},
	{receipts, "a lease is over for the server before it is for the verifier", []edit{
		{"internal/feed/service.go", "s.tracker.arrive(key, name, s.Lease,", "s.tracker.arrive(key, name, s.Lease/2,"},
	}, ".", "./internal/feed", "TestReceiptWaitsForEveryLeaseHolder"},
}
