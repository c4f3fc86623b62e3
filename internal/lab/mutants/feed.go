package main

// Mutations of how a verifier judges replies.
var feedMutations = []mutation{
	{unauthentic, "the reply's signature is not checked", []edit{
		{"verify/poll.go", "if err := s.checkSignature(ctx, body, signature); err != nil {", "if err := s.checkSignature(ctx, body, signature); false {"},
	}, "verify", ".", "TestForgedReplies"},
	{unauthentic, "a token key may sign the feed", []edit{
		{"verify/poll.go", "key, ok := s.feedKeys.Find(header.KeyID)", "key, ok := s.feedKeys.Find(header.KeyID)\n	if set := s.v.keys.current.Load().keys; !ok {\n		key, ok = set.Find(header.KeyID)\n	}"},
	}, "verify", ".", "TestForgedReplies/signed_by_a_token_key"},
	{unauthentic, "the signature may be for another purpose", []edit{
		{"verify/poll.go", "jws.VerifyDetached(signature, body, \"revocation-sync\", key)", "jws.VerifyDetached(signature, body, header.Type, key)"},
	}, "verify", ".", "TestForgedReplies/signed_for_another_purpose"},
	{unauthentic, "the nonce is not checked: an old reply will do", []edit{
		{"verify/revocation/examine.go", "if req.Nonce == \"\" || rep.Nonce != req.Nonce {", "if req.Nonce == \"\" {"},
	}, "verify", ".", "TestRevocationIsObeyedWithinTheLease/an_old_reply|TestWrongReplies"},
	{unauthentic, "the chain is not checked", []edit{
		{"verify/revocation/examine.go", "	if chain != to.chain {\n		return mismatch(ReasonChain, \"not the history", "	if false {\n		return mismatch(ReasonChain, \"not the history"},
	}, "verify", "./revocation", "TestRefusals"},
	{unauthentic, "events may be missing from a reply", []edit{
		{"verify/revocation/examine.go", "case uint64(len(rep.Events)) != rep.To-rep.From:", "case false:"},
		{"verify/revocation/examine.go", "	if chain != to.chain {\n		return mismatch(ReasonChain, \"not the history", "	if len(rep.Events) > 0 && chain != to.chain {\n		return mismatch(ReasonChain, \"not the history"},
	}, "verify", ".", "TestRevocationIsObeyedWithinTheLease|TestWrongReplies"},
	{unauthentic, "positions need not follow one another", []edit{
		{"verify/revocation/examine.go", "if want := rep.From + uint64(i) + 1; e.Seq != want {", "if want := rep.From + uint64(i) + 1; false {"},
	}, "verify", "./revocation", "TestRefusals"},
	{unauthentic, "a reply may continue from somewhere else", []edit{
		{"verify/revocation/examine.go", "case rep.From != f.at.position:", "case false:"},
	}, "verify", "./revocation", "TestRefusals"},
	{unauthentic, "the signature of an access token is not checked", []edit{
		{"verify/authenticate.go", "if err := message.Verify(key); errors.Is(err, jws.ErrSignature) {", "if err := message.Verify(key); false {"},
		{"verify/authenticate.go", "} else if err != nil {\n		return nil, refusedKey", "} else if err != nil && !errors.Is(err, jws.ErrSignature) {\n		return nil, refusedKey"},
	}, "verify", ".", "TestAttacksOnTokens"},
}

// Mutations of what becomes of keys.
var keyMutations = []mutation{
	{keys, "a key event expires like any other", []edit{
		{"internal/feed/rules.go", "if kind == revocation.KindKey {", "if false {"},
	}, ".", "./internal/feed", "TestRetainUntil"},
	{keys, "the same, in a store", []edit{
		{"internal/feed/rules.go", "if kind == revocation.KindKey {", "if false {"},
	}, ".", "./internal/memory", "TestConformance/retention/a_key_event_stays"},
	{keys, "a verifier forgets the key events of an earlier epoch", []edit{
		{"verify/revocation/update.go", "	d.epoch, d.floor = epoch, 0\n", "	d.epoch, d.floor, d.keys = epoch, 0, nil\n"},
	}, "verify", "./revocation", "TestNewEpochKeepsWhatWasRevoked"},
	{keys, "the keys are not fetched anew after a snapshot", []edit{
		{"verify/sync.go", "s.owesKeys = s.owesKeys || out.Snapshot", "s.owesKeys = s.owesKeys || out.Snapshot && s.fetched == (reading{})"},
	}, "verify", ".", "TestNoLeaseBeforeTheKeysOfASnapshot"},
	{keys, "the keys are not fetched anew after a key event", []edit{
		{"verify/sync.go", "s.owesKeys = s.owesKeys || e.Kind == revocation.KindKey", "_ = e"},
	}, "verify", ".", "TestNoLeaseBeforeTheKeysOfAKeyEvent"},
	{keys, "the lease is granted although the keys could not be fetched", []edit{
		{"verify/sync.go", "if err != nil && s.owesKeys {", "if false {"},
	}, "verify", ".", "TestNoLeaseBeforeTheKeysOfAKeyEvent"},
	{keys, "tokens that were checked with a withdrawn key are remembered", []edit{
		{"verify/keys.go", "		next.generation++\n", ""},
		{"verify/revocation/set.go", "found != 0 || v.distrusts(t.KeyID)", "found != 0"},
	}, "verify", ".", "TestStolenKey"},
	{keys, "a stolen key may sign for a place that lies ahead of its revocation", []edit{
		{"verify/revocation/set.go", "	_, revoked := v.keys[key]\n	return revoked", "	_, revoked := v.keys[key]\n	return revoked && v.position == 0"},
	}, "verify", "./revocation", "TestCheckByKind"},
}

// Mutations of what is open or remembered.
var openMutations = []mutation{
	{openStreams, "a stream outlives the lease", []edit{
		{"verify/watch.go", "	if left <= 0 {\n		return 0, ErrLeaseLost\n	}", "	if left <= 0 {\n		return tick, nil\n	}"},
	}, "verify", ".", "TestWatchEnds/partition"},
	{openStreams, "a stream outlives the revocation of its token", []edit{
		{"verify/watch.go", "	case revocation.Revoked:\n		return 0, ErrRevoked\n", ""},
	}, "verify", ".", "TestWatchEnds"},
	{openStreams, "streams are not looked at when events come", []edit{
		{"verify/sync.go", "if len(out.Applied) > 0 || out.Snapshot {", "if false {"},
	}, "verify", ".", "TestWatchEnds"},
	{openStreams, "a stream goes on by the rights that the server has taken, as long as the log cannot be followed", []edit{
		{"verify/watch.go", "if err == nil && !told.sameRights(t) {", "if err == nil && !told.sameRights(told) {"},
	}, "verify", ".", "TestWatchEndsWhenTheServerTellsOfOtherRights"},
	{openStreams, "a stream outlives a suspended machine", []edit{
		{"verify/watch.go", "	next = tick\n	ws.mu.Lock()", "	next = time.Hour\n	ws.mu.Lock()"},
	}, "verify", ".", "TestWatchNoticesASleepByTheTick"},
	{remembered, "a remembered session token is answered after an authz event", []edit{
		{"verify/session.go", "if !errors.Is(err, ErrInvalidToken) {\n				return got, err", "if errors.Is(err, ErrStale) {\n				return v.permit(t, p, v.look(t))\n			}\n			if !errors.Is(err, ErrInvalidToken) {\n				return got, err"},
	}, "verify", ".", "TestSessionTokenAfterADemotion"},
	{remembered, "an answer from before an event is used after it", []edit{
		{"verify/live.go", "outdated := v.entries.Outdates(&t.held)", "outdated := false"},
		{"verify/live.go", "	case e.verdict == revocation.Revoked:", "	case e.verdict == revocation.Revoked && t == nil:"},
	}, "verify", ".", "TestAnswerFromBeforeAnEvent"},
	{remembered, "Live believes an answer from before an event that was acknowledged meanwhile", []edit{
		{"verify/live.go", "outdated := v.entries.Outdates(&t.held)", "outdated := p.mode != modeLive && v.entries.Outdates(&t.held)"},
	}, "verify", ".", "TestNoAnswerOutlivesAReceipt"},
	{remembered, "an answer from before an epoch counts as new in it", []edit{
		{"verify/revocation/set.go", "return v.left(t.Epoch)\n	}\n	return t.Seq", "return false\n	}\n	return t.Seq"},
	}, "verify", ".", "TestNoAnswerOutlivesAReceipt"},
	{remembered, "an answer may be older than a lease where the route allows more", []edit{
		{"verify/lease.go", "	return min(freshness, l.granted)", "	return freshness"},
	}, "verify", ".", "TestNoAnswerIsOlderThanALease"},
	{remembered, "a lease is waited for after the answer was looked at", []edit{
		{"verify/live.go", "		if p.lost == Deny && !v.leased(ctx) {\n			return nil, reading{}, leaseLost()\n		}\n", ""},
		{"verify/session.go", "	return t, err\n}", "	if err == nil && p.lost == Deny && !v.leased(ctx) {\n		return nil, leaseLost()\n	}\n	return t, err\n}"},
	}, "verify", ".", "TestAnswerThatWaitsForALease"},
	{remembered, "a session token is decided on from memory without a lease", []edit{
		{"verify/session.go", "		got, err := v.decide(ctx, t, p)\n", "		got, err := v.decide(ctx, t, p)\n		if errors.Is(err, ErrLeaseLost) {\n			return v.permit(t, p, v.look(t))\n		}\n"},
	}, "verify", ".", "TestRevocationIsObeyedWithinTheLease"},
}
