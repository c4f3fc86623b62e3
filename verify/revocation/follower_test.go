package revocation_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/verify/revocation"
)

func TestRequest(t *testing.T) {
	log, v := newLog(epochA), newClient(0)
	want := revocation.Request{Verifier: "bank", Instance: "instance-1", Nonce: "n1", WaitMS: 2000}
	if got := v.Request("n1", 2*time.Second); got != want {
		t.Errorf("first request %+v, want %+v", got, want)
	}
	log.append(revocation.AllEvent())
	v.sync(t, log)
	want.Epoch, want.Position, want.Chain = epochA, 1, log.chains[1].String()
	if got := v.Request("n1", 2*time.Second); got != want {
		t.Errorf("second request %+v, want %+v", got, want)
	}
	if v.Epoch() != epochA || v.Position() != 1 {
		t.Errorf("at %s %d", v.Epoch(), v.Position())
	}
}

func TestFollow(t *testing.T) {
	log, v := newLog(epochA), newClient(0)
	log.append(revocation.SessionEvent("ses1"), revocation.SessionEvent("ses2"))
	if out := v.sync(t, log); !out.Snapshot || out.NewEpoch || out.Rewritten || len(out.Applied) != 2 {
		t.Errorf("first outcome %+v", out)
	}
	log.append(revocation.SessionEvent("ses3"))
	out := v.sync(t, log)
	if out.Snapshot || out.NewEpoch || out.Rewritten || len(out.Applied) != 1 || out.Applied[0].Seq != 3 {
		t.Errorf("second outcome %+v", out)
	}
	if out := v.sync(t, log); len(out.Applied) != 0 {
		t.Errorf("outcome without news %+v", out)
	}
}

// A wrong reply is refused whole: nothing of it is applied, nothing is taken back, and the next right one heals.
func TestRefusals(t *testing.T) {
	type reply = revocation.Reply
	for _, c := range []struct {
		name     string
		snapshot bool // of a reply that is a snapshot
		damage   func(*reply)
		reason   revocation.Reason
	}{
		{"replayed", false, func(r *reply) { r.Nonce = "earlier" }, revocation.ReasonNonce},
		{"replayed snapshot", true, func(r *reply) { r.Nonce = "earlier" }, revocation.ReasonNonce},
		{"without nonce", false, func(r *reply) { r.Nonce = "" }, revocation.ReasonNonce},
		{"from an earlier position", false, func(r *reply) { r.From-- }, revocation.ReasonPositions},
		{"from a later position", false, func(r *reply) { r.From++ }, revocation.ReasonPositions},
		{"first event missing", false, func(r *reply) { r.Events = r.Events[1:] }, revocation.ReasonPositions},
		{"last event missing", false, func(r *reply) { r.Events = r.Events[:2] }, revocation.ReasonPositions},
		{"truncated, with the end to match", false, func(r *reply) { r.Events, r.To = r.Events[:2], r.To-1 }, revocation.ReasonChain},
		{"event in the middle missing", false, func(r *reply) { r.Events = slices.Delete(r.Events, 1, 2) }, revocation.ReasonPositions},
		{"events swapped", false, func(r *reply) { r.Events[0], r.Events[1] = r.Events[1], r.Events[0] }, revocation.ReasonPositions},
		{"event doubled", false, func(r *reply) { r.Events[1] = r.Events[0] }, revocation.ReasonPositions},
		{"none, though the log moved", false, func(r *reply) { r.Events = nil }, revocation.ReasonPositions},
		{"from elsewhere, without events", false, func(r *reply) {
			r.From, r.To, r.Events, r.Chain = 9, 9, nil, chainOf(epochA, revocation.SessionEvent("ses1"), revocation.SessionEvent("ses2"))
		}, revocation.ReasonPositions},
		{"a gap that the chain agrees with", false, func(r *reply) {
			r.Events[2].Seq++
			r.Chain = chainOf(epochA, append([]revocation.Event{revocation.SessionEvent("ses1"), revocation.SessionEvent("ses2")}, r.Events...)...)
		}, revocation.ReasonPositions},
		{"end before the beginning", false, func(r *reply) { r.To, r.Events = r.From-1, nil }, revocation.ReasonRollback},
		{"event edited", false, func(r *reply) { r.Events[1] = edited(r.Events[1]) }, revocation.ReasonChain},
		{"chain of another history", false, func(r *reply) { r.Chain = revocation.Genesis("x").String() }, revocation.ReasonChain},
		{"chain malformed", false, func(r *reply) { r.Chain = r.Chain[1:] }, revocation.ReasonForm},
		{"events of another epoch", false, func(r *reply) { r.Epoch = epochB }, revocation.ReasonEpoch},
		{"epoch malformed", false, func(r *reply) { r.Epoch = "a" }, revocation.ReasonForm},
		{"epoch with a control character", false, func(r *reply) { r.Epoch = "\n" + r.Epoch[1:] }, revocation.ReasonForm},
		{"position out of range", true, func(r *reply) { r.To = 1 << 53 }, revocation.ReasonForm},
		{"endless lease", false, func(r *reply) { r.LeaseMS = 1 << 60 }, revocation.ReasonForm},
		{"negative lease", false, func(r *reply) { r.LeaseMS = -1 }, revocation.ReasonForm},
		{"negative age", false, func(r *reply) { r.AgeMS = -1 }, revocation.ReasonForm},
		{"age that overflows", false, func(r *reply) { r.AgeMS = 1 << 62 }, revocation.ReasonForm},
		{"negative pause", false, func(r *reply) { r.NextMS = -1 }, revocation.ReasonForm},
		{"negative lifetime", false, func(r *reply) { r.MaxTokenMS = -1 }, revocation.ReasonForm},
		{"negative time", false, func(r *reply) { r.ServerTimeMS = -1 }, revocation.ReasonForm},
		{"too many events", true, func(r *reply) { r.Events = make([]revocation.Event, revocation.MaxEvents+1) }, revocation.ReasonForm},
		{"snapshot from a position", true, func(r *reply) { r.From = 1 }, revocation.ReasonPositions},
		{"snapshot out of order", true, func(r *reply) { r.Events[0], r.Events[1] = r.Events[1], r.Events[0] }, revocation.ReasonPositions},
		{"snapshot with an event doubled", true, func(r *reply) { r.Events[1].Seq = r.Events[0].Seq }, revocation.ReasonPositions},
		{"snapshot with an event at 0", true, func(r *reply) { r.Events[0].Seq = 0 }, revocation.ReasonPositions},
		{"snapshot with an event beyond its end", true, func(r *reply) { r.To-- }, revocation.ReasonPositions},
		{"snapshot with an unknown kind", true, func(r *reply) { r.Events[4].Kind = "device" }, revocation.ReasonForm},
		{"snapshot with a bad id", true, func(r *reply) { r.Events[3].ID = "?" }, revocation.ReasonForm},
		{"snapshot with a negative retention", true, func(r *reply) { r.Events[4].RetainMS = -5 }, revocation.ReasonForm},
		{"snapshot of the past", true, func(r *reply) { r.To, r.Events = 1, r.Events[:1] }, revocation.ReasonRollback},
		{"snapshot of an empty log", true, func(r *reply) { r.To, r.Events = 0, nil }, revocation.ReasonRollback},
		{"snapshot of another history", true, func(r *reply) {
			r.To, r.Events, r.Chain = 2, r.Events[:2], revocation.Genesis("x").String()
		}, revocation.ReasonChain},
		{"snapshot of an epoch that looks like this one", true, func(r *reply) { r.Epoch = "aaaaaaaa" + strings.Repeat("1", 18) }, revocation.ReasonEpoch},
	} {
		t.Run(c.name, func(t *testing.T) {
			log, v := newLog(epochA), newClient(0)
			log.append(revocation.SessionEvent("ses1"), revocation.SessionEvent("ses2"))
			v.sync(t, log)
			log.append(revocation.SessionEvent("ses3"), revocation.SessionEvent("ses4"), revocation.KeyEvent("key_2"))

			before := v.set.Stats()
			req := v.Request("fresh", 0)
			rep := log.reply(req)
			if c.snapshot {
				rep = log.snapshot(req)
			}
			c.damage(&rep)
			out, err := v.Apply(req, rep, 0)
			var m *revocation.Mismatch
			if !errors.As(err, &m) || m.Reason != c.reason {
				t.Fatalf("error %v, want a mismatch of %s", err, c.reason)
			}
			if out.Applied != nil || v.set.Stats() != before || v.Position() != 2 {
				t.Errorf("something was applied: %+v, at %d, %+v", out, v.Position(), v.set.Stats())
			}
			wantVerdict(t, v.set, tokenOf("ses1", "u", "a", epochA, 0), revocation.Revoked, "what was revoked before")

			alarm := c.reason == revocation.ReasonChain || c.reason == revocation.ReasonEpoch || c.reason == revocation.ReasonRollback
			if m.Alarm() != alarm {
				t.Errorf("alarm %v for %s", m.Alarm(), c.reason)
			}
			stays := c.reason == revocation.ReasonNonce
			if asksOn := v.Request("next", 0).Epoch != ""; asksOn != stays {
				t.Errorf("asks on from its position: %v, want %v", asksOn, stays)
			}
			if out := v.sync(t, log); out.Snapshot == stays || out.Rewritten {
				t.Errorf("healing outcome %+v", out)
			}
			if got := v.set.Stats(); got.Sessions != 4 || got.Keys != 1 || got.Position != 5 || got.Floor != 0 {
				t.Errorf("after healing: %+v", got)
			}
		})
	}
}

// edited turns an event into one that names something else at the same position.
func edited(e revocation.Event) revocation.Event {
	e.ID = revocation.Hash("edited").String()
	return e
}

// chainOf returns the chain after some events, at their positions or, of drafts, one after the other.
func chainOf(epoch string, events ...revocation.Event) string {
	chain := revocation.Genesis(epoch)
	for i, e := range events {
		if e.Seq == 0 {
			e.Seq = uint64(i) + 1
		}
		chain = chain.Next(e)
	}
	return chain.String()
}

func TestSnapshotIsInsistedOn(t *testing.T) {
	log, v := newLog(epochA), newClient(0)
	log.append(revocation.SessionEvent("ses1"))
	v.sync(t, log)
	asked := v.Request("nonce", 0)
	if _, err := v.Apply(asked, revocation.Reply{Nonce: "nonce"}, 0); err == nil {
		t.Fatal("an empty reply was applied")
	}
	log.append(revocation.SessionEvent("ses2"))
	var m *revocation.Mismatch
	if _, err := v.Apply(v.Request("nonce", 0), log.reply(asked), 0); !errors.As(err, &m) || m.Reason != revocation.ReasonEpoch {
		t.Errorf("events where a snapshot was asked for: error %v, want a mismatch of epoch", err)
	}
	if _, err := v.Apply(asked, log.reply(asked), 0); !errors.As(err, &m) || m.Reason != revocation.ReasonRequest {
		t.Errorf("an answer to what was asked before: error %v, want a mismatch of request", err)
	}
}

func TestFirstReplyMustBeASnapshot(t *testing.T) {
	log, v := newLog(epochA), newClient(0)
	log.append(revocation.SessionEvent("ses"))
	req := v.Request("nonce", 0)
	rep := log.snapshot(req)
	rep.Snapshot = false
	var m *revocation.Mismatch
	if _, err := v.Apply(req, rep, 0); !errors.As(err, &m) || m.Reason != revocation.ReasonEpoch {
		t.Errorf("error %v, want a mismatch of epoch", err)
	}
}

func TestRequestWithoutNonceIsNotAnswered(t *testing.T) {
	log, v := newLog(epochA), newClient(0)
	req := v.Request("", 0)
	var m *revocation.Mismatch
	if _, err := v.Apply(req, log.reply(req), 0); !errors.As(err, &m) || m.Reason != revocation.ReasonNonce {
		t.Errorf("error %v, want a mismatch of nonce", err)
	}
}

// Of two requests in flight from one position, the second reply has been overtaken.
func TestOvertakenReplyIsRefusedWithoutHarm(t *testing.T) {
	log, v := newLog(epochA), newClient(0)
	v.sync(t, log)
	req1, req2 := v.Request("n1", 0), v.Request("n2", 0)
	rep1 := log.reply(req1)
	log.append(revocation.SessionEvent("ses"))
	rep2 := log.reply(req2)
	if _, err := v.Apply(req2, rep2, 0); err != nil {
		t.Fatal(err)
	}
	var m *revocation.Mismatch
	if _, err := v.Apply(req1, rep1, 0); !errors.As(err, &m) || m.Reason != revocation.ReasonRequest {
		t.Errorf("error %v, want a mismatch of request", err)
	}
	if out := v.sync(t, log); out.Snapshot {
		t.Error("an overtaken reply cost a snapshot")
	}
}

// A log that was rolled back without beginning an epoch: what was revoked stays so, and tokens of the lost history,
// whose revisions say nothing in the new one, are refused.
func TestRollbackWithinAnEpoch(t *testing.T) {
	log, v := newLog(epochA), newClient(0)
	for _, ses := range []string{"s1", "s2", "s3", "s4"} {
		log.append(revocation.SessionEvent(ses))
	}
	v.sync(t, log)
	minted := tokenOf("s", "usr", "app", epochA, 4) // at the head of the history that will be lost
	wantVerdict(t, v.set, minted, revocation.Clear, "before the rollback")

	log.rollback(2)
	log.append(revocation.SubjectEvent("usr")) // at 3: before the token's revision, though after its minting
	refused := func(want revocation.Reason) {
		t.Helper()
		req := v.Request("nonce", 0)
		_, err := v.Apply(req, log.reply(req), 0)
		var m *revocation.Mismatch
		if !errors.As(err, &m) || m.Reason != want || !m.Alarm() {
			t.Fatalf("error %v, want a mismatch of %s", err, want)
		}
	}
	refused(revocation.ReasonRollback)
	log.append(revocation.SessionEvent("s5")) // as long as it was
	refused(revocation.ReasonChain)
	wantVerdict(t, v.set, tokenOf("s4", "u", "a", epochA, 0), revocation.Revoked, "revoked in the lost history")

	log.append(revocation.SessionEvent("s6")) // longer than it was
	if out := v.sync(t, log); !out.Rewritten || out.NewEpoch {
		t.Errorf("outcome %+v, want rewritten", out)
	}
	wantVerdict(t, v.set, minted, revocation.Stale, "a token of the lost history")
	wantVerdict(t, v.set, tokenOf("s4", "u", "a", epochA, 5), revocation.Revoked, "revoked in the lost history")
	wantVerdict(t, v.set, tokenOf("s", "usr", "app", epochA, 5), revocation.Clear, "minted since")
	log.append(revocation.SessionEvent("s7"))
	if out := v.sync(t, log); out.Rewritten || out.Snapshot {
		t.Errorf("outcome %+v, want to go on as usual", out)
	}
}

// The same when the log has outgrown what was known before the verifier asks again.
func TestRewrittenLogIsNoticedInASnapshot(t *testing.T) {
	for _, pruned := range []bool{false, true} {
		log, v := newLog(epochA), newClient(0)
		log.append(revocation.SessionEvent("s1"), revocation.SessionEvent("s2"))
		v.sync(t, log)
		log.rollback(1)
		log.append(revocation.SubjectEvent("usr"), revocation.SessionEvent("s3"), revocation.SessionEvent("s4"))
		req := v.Request("nonce", 0)
		rep := log.reply(req)
		if pruned { // only what was believed of the log before can tell then
			rep.Events = rep.Events[:2]
		}
		out, err := v.Apply(req, rep, 0)
		if err != nil || out.Rewritten == pruned {
			t.Errorf("pruned %v: outcome %+v, %v", pruned, out, err)
		}
	}
}

// Where events are missing that would prove the history, an earlier contradiction decides.
func TestDoubtOutlastsPruning(t *testing.T) {
	log, v := newLog(epochA), newClient(0)
	log.append(revocation.SessionEvent("s1"), revocation.SessionEvent("s2"))
	v.sync(t, log)
	req := v.Request("nonce", 0)
	rep := log.reply(req)
	rep.Chain = revocation.Genesis("x").String()
	if _, err := v.Apply(req, rep, 0); err == nil {
		t.Fatal("another chain was accepted")
	}
	log.append(revocation.SessionEvent("s3"), revocation.SessionEvent("s4"))
	req = v.Request("nonce", 0)
	rep = log.snapshot(req)
	rep.Events = rep.Events[:2]
	if out, err := v.Apply(req, rep, 0); err != nil || !out.Rewritten {
		t.Errorf("outcome %+v, %v; want rewritten", out, err)
	}
}

// An epoch that comes back, as when a restored store is exchanged for the old one again, knows nothing of what was
// revoked meanwhile.
func TestEpochLeftBehindMayNotReturn(t *testing.T) {
	a, b, v := newLog(epochA), newLog(epochB), newClient(0)
	a.append(revocation.SessionEvent("a1"))
	v.sync(t, a)
	b.append(revocation.AllEvent())
	v.sync(t, b)
	req := v.Request("nonce", 0)
	var m *revocation.Mismatch
	if _, err := v.Apply(req, a.reply(req), 0); !errors.As(err, &m) || m.Reason != revocation.ReasonEpoch || !m.Alarm() {
		t.Errorf("error %v, want a mismatch of epoch", err)
	}
	wantVerdict(t, v.set, tokenOf("x", "x", "x", epochA, 1), revocation.Stale, "minted before all was revoked")
	if out := v.sync(t, b); out.NewEpoch {
		t.Errorf("outcome %+v, want to go on in the same epoch", out)
	}
}

func TestManyEpochs(t *testing.T) {
	v := newClient(0)
	for i := range 20 {
		log := newLog(epoch(string(rune('a'+i)) + "0000000"))
		log.append(revocation.SessionEvent("ses"))
		v.sync(t, log)
		if stats := v.set.Stats(); stats.Former != min(i, 1) || stats.Sessions != min(i, 1)+1 {
			t.Fatalf("after %d epochs: %+v", i+1, stats)
		}
	}
	wantVerdict(t, v.set, tokenOf("x", "x", "x", epoch("s0000000"), 1), revocation.Stale, "an epoch just left behind")
	wantVerdict(t, v.set, tokenOf("x", "x", "x", epoch("a0000000"), 1), revocation.Ahead, "one long forgotten")
}

func TestMismatchSaysWhatIsWrong(t *testing.T) {
	v := newClient(0)
	req := v.Request("nonce", 0)
	_, err := v.Apply(req, revocation.Reply{Nonce: "nonce"}, 0)
	if !errors.Is(err, revocation.ErrReply) || !strings.HasPrefix(err.Error(), "apply reply: form: ") {
		t.Errorf("error %v", err)
	}
}
