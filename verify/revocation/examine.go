package revocation

// The rules by which a Follower judges a reply, before any of it is applied.

// answers checks that the reply is to req, and that req was asked from where the Follower stands now.
func (f *Follower) answers(req Request, rep Reply) *Mismatch {
	if req.Nonce == "" || rep.Nonce != req.Nonce {
		return mismatch(ReasonNonce, "the reply answers another request")
	}
	if now := f.Request("", 0); req.Epoch != now.Epoch || req.Position != now.Position || req.Chain != now.Chain {
		return mismatch(ReasonRequest, "asked from %d, now at %d", req.Position, now.Position)
	}
	return nil
}

// examine checks all of a reply, leaves its events in f.changes, and returns the place that it leads to.
func (f *Follower) examine(rep Reply) (to place, m *Mismatch) {
	if err := rep.Validate(); err != nil {
		return place{}, mismatch(ReasonForm, "%w", err)
	}
	chain, err := ParseChain(rep.Chain)
	if err != nil {
		return place{}, mismatch(ReasonForm, "%w", err)
	}
	to = place{rep.To, chain}
	if rep.Snapshot {
		m = f.examineSnapshot(rep, to)
	} else {
		m = f.examineEvents(rep, to)
	}
	if m != nil {
		return place{}, m
	}
	f.changes = f.changes[:0]
	for _, e := range rep.Events {
		c, err := e.parse()
		if err != nil {
			return place{}, mismatch(ReasonForm, "%w", err)
		}
		f.changes = append(f.changes, c)
	}
	return to, nil
}

// examineEvents checks a reply that continues the log: each event from the position asked up to To, none missing,
// leading to the same chain.
func (f *Follower) examineEvents(rep Reply, to place) *Mismatch {
	switch {
	case f.resync:
		return mismatch(ReasonEpoch, "events of a log of which a snapshot was asked")
	case rep.Epoch != f.epoch:
		return mismatch(ReasonEpoch, "events of another epoch than asked")
	case rep.From != f.at.position:
		return mismatch(ReasonPositions, "events from %d, asked from %d", rep.From, f.at.position)
	case rep.To < rep.From:
		return mismatch(ReasonRollback, "the log ends at %d, was at %d", rep.To, rep.From)
	case uint64(len(rep.Events)) != rep.To-rep.From:
		return mismatch(ReasonPositions, "%d events from %d to %d", len(rep.Events), rep.From, rep.To)
	}
	chain := f.at.chain
	for i, e := range rep.Events {
		if want := rep.From + uint64(i) + 1; e.Seq != want {
			return mismatch(ReasonPositions, "event %d where %d belongs", e.Seq, want)
		}
		chain = chain.Next(e)
	}
	if chain != to.chain {
		return mismatch(ReasonChain, "not the history that was known at %d", rep.From)
	}
	return nil
}

// examineSnapshot checks a reply that holds all live events: in order, and no step back.
//
// An epoch that was left may not return, nor one whose tokens could be taken for its: nothing here would stand against
// tokens that it minted before what happened in between. A log that was rolled back is refused until it has grown past
// what was known of it: only then do positions tell which tokens may be of the history that was lost.
func (f *Follower) examineSnapshot(rep Reply, to place) *Mismatch {
	if rep.From != 0 {
		return mismatch(ReasonPositions, "a snapshot from %d", rep.From)
	}
	last := uint64(0)
	for _, e := range rep.Events {
		if e.Seq <= last || e.Seq > rep.To {
			return mismatch(ReasonPositions, "event %d after %d in a snapshot at %d", e.Seq, last, rep.To)
		}
		last = e.Seq
	}
	_, left := f.left[Short(rep.Epoch)]
	switch {
	case rep.Epoch != f.epoch && (left || Short(rep.Epoch) == Short(f.epoch)):
		return mismatch(ReasonEpoch, "its tokens look like those of an epoch that was left")
	case rep.Epoch == f.epoch && rep.To < f.at.position:
		return mismatch(ReasonRollback, "the log ends at %d, was at %d", rep.To, f.at.position)
	case rep.Epoch == f.epoch && rep.To == f.at.position && to.chain != f.at.chain:
		return mismatch(ReasonChain, "another history at %d", rep.To)
	}
	return nil
}

// rewritten reports whether a snapshot must be taken for another history of the epoch followed. If it holds every event
// since the place known, the chain decides. If some were pruned, it is believed unless there was doubt before.
func (f *Follower) rewritten(rep Reply, to place) bool {
	if rep.Epoch != f.epoch {
		return false
	}
	first := len(rep.Events)
	for first > 0 && rep.Events[first-1].Seq > f.at.position {
		first--
	}
	since := rep.Events[first:]
	if uint64(len(since)) < rep.To-f.at.position {
		return f.doubt
	}
	chain := f.at.chain
	for _, e := range since {
		chain = chain.Next(e)
	}
	return chain != to.chain
}
