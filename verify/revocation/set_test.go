package revocation_test

import (
	"fmt"
	"testing"
	"time"

	"tandem.example/tandem/verify/revocation"
)

var (
	epochA = epoch("aaaaaaaa")
	epochB = epoch("bbbbbbbb")
)

func TestCheckByKind(t *testing.T) {
	const clear, revoked, stale, ahead = revocation.Clear, revocation.Revoked, revocation.Stale, revocation.Ahead
	mine := func(seq uint64) *revocation.Token { return tokenOf("ses", "usr", "app", epochA, seq) }
	for _, c := range []struct {
		event revocation.Event // becomes position 3 of a log that ends at 4
		// of a token that it names, minted just before the event, at it, and beyond the verifier's position
		before, at, beyond revocation.Verdict
		spares             *revocation.Token // minted before, but not named
	}{
		{revocation.SessionEvent("ses"), revoked, revoked, revoked, tokenOf("ses2", "usr", "app", epochA, 2)},
		{revocation.SubjectEvent("usr"), revoked, clear, ahead, tokenOf("ses", "usr2", "app", epochA, 2)},
		{revocation.AuthzEvent("usr"), stale, clear, ahead, tokenOf("ses", "usr2", "app", epochA, 2)},
		{revocation.ApplicationEvent("app"), revoked, clear, ahead, tokenOf("ses", "usr", "app2", epochA, 2)},
		{revocation.KeyEvent("key_1"), stale, stale, stale, &revocation.Token{KeyID: revocation.Hash("key_2"), Epoch: "aaaaaaaa", Seq: 2}},
		{revocation.AllEvent(), stale, clear, ahead, tokenOf("ses", "usr", "app", epochA, 3)},
		// An ID is held only against what it names: here the user's ID against sessions and applications.
		{revocation.SubjectEvent("ses"), clear, clear, ahead, tokenOf("ses", "usr", "ses", epochA, 2)},
		{revocation.SessionEvent("usr"), clear, clear, ahead, tokenOf("", "usr", "usr", epochA, 2)},
		{revocation.ApplicationEvent("usr"), clear, clear, ahead, tokenOf("usr", "usr", "", epochA, 2)},
	} {
		log, v := newLog(epochA), newClient(0)
		other := revocation.SessionEvent("somebody else's")
		log.append(other, other, c.event, other)
		v.sync(t, log)
		wantVerdict(t, v.set, mine(2), c.before, fmt.Sprintf("%s, minted before", c.event.Kind))
		wantVerdict(t, v.set, mine(3), c.at, fmt.Sprintf("%s, minted after", c.event.Kind))
		wantVerdict(t, v.set, mine(5), c.beyond, fmt.Sprintf("%s, minted ahead of the verifier", c.event.Kind))
		wantVerdict(t, v.set, c.spares, clear, fmt.Sprintf("%s, of somebody else", c.event.Kind))
	}
}

func TestRevokedOutweighsStale(t *testing.T) {
	log, v := newLog(epochA), newClient(0)
	log.append(revocation.AuthzEvent("usr"), revocation.KeyEvent("key_1"), revocation.AllEvent(), revocation.SubjectEvent("usr"))
	v.sync(t, log)
	wantVerdict(t, v.set, tokenOf("ses", "usr", "app", epochA, 0), revocation.Revoked, "named by all kinds")
}

func TestSetThatHasSeenNothingClearsNothing(t *testing.T) {
	set := revocation.NewSet(0)
	for _, tok := range []*revocation.Token{{}, tokenOf("ses", "usr", "app", epochA, 0), tokenOf("", "", "", epochA, 7)} {
		wantVerdict(t, set, tok, revocation.Ahead, "before the first reply")
	}
	// The same after a reply that was refused.
	v := newClient(0)
	if _, err := v.Apply(v.Request("nonce", 0), revocation.Reply{Nonce: "nonce"}, 0); err == nil {
		t.Fatal("an empty reply was applied")
	}
	wantVerdict(t, v.set, &revocation.Token{}, revocation.Ahead, "after a refused reply")
}

func TestRetention(t *testing.T) {
	log, v := newLog(epochA), newClient(0)
	log.append(revocation.SessionEvent("ses"), revocation.KeyEvent("key_2"))
	v.sync(t, log)
	revoked := tokenOf("ses", "usr", "app", epochA, 0)
	stolen := &revocation.Token{KeyID: revocation.Hash("key_2"), Epoch: "aaaaaaaa", Seq: 2}

	// Heartbeats up to the last millisecond do not make it leave.
	for log.now = 0; log.now < retention; log.now += 9999 * time.Millisecond {
		v.sync(t, log)
		wantVerdict(t, v.set, revoked, revocation.Revoked, fmt.Sprintf("after %v", log.now))
	}
	log.now = retention - time.Millisecond
	v.sync(t, log)
	wantVerdict(t, v.set, revoked, revocation.Revoked, "in the last millisecond")

	// It does leave, not much later, so that memory does not grow for ever. A key does not.
	log.now = retention + 2*time.Minute
	v.sync(t, log)
	if stats := v.set.Stats(); stats.Sessions != 0 || stats.Keys != 1 {
		t.Errorf("after retention: %+v, want no session and one key", stats)
	}
	wantVerdict(t, v.set, stolen, revocation.Stale, "a stolen key, long after")
}

// A second event for the same name may not take away what the first one has earned, in whatever order they come.
func TestDuplicateNeverShortensNorLowers(t *testing.T) {
	log, v := newLog(epochA), newClient(0)
	log.append(revocation.SubjectEvent("usr"), revocation.SubjectEvent("usr"))
	req := v.Request("nonce", 0)
	rep := log.snapshot(req)
	rep.Events[1].RetainMS = 1
	if _, err := v.Apply(req, rep, 0); err != nil {
		t.Fatal(err)
	}
	log.now = retention - time.Second // beyond the second event's, short of the first one's
	v.sync(t, log)
	wantVerdict(t, v.set, tokenOf("ses", "usr", "app", epochA, 1), revocation.Revoked, "minted between the two")

	// A snapshot that brings only the first again does not lower the position.
	req = v.Request("nonce", 0)
	rep = log.snapshot(req)
	rep.Events = rep.Events[:1]
	if _, err := v.Apply(req, rep, log.now); err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, v.set, tokenOf("ses", "usr", "app", epochA, 1), revocation.Revoked, "after a second snapshot")
}

func TestOverflowCollapsesIntoAFloor(t *testing.T) {
	const limit = 30
	log, v := newLog(epochA), newClient(limit)
	v.sync(t, log)
	log.append(revocation.KeyEvent("key_2"))
	for i := range 10 * limit {
		log.append(revocation.SessionEvent(fmt.Sprint("ses", i)))
		v.sync(t, log)
		stats := v.set.Stats()
		if stats.Sessions > limit {
			t.Fatalf("%d entries, limit %d", stats.Sessions, limit)
		}
		for j := range i + 1 { // minted just before its session ended
			if v.set.Check(tokenOf(fmt.Sprint("ses", j), "usr", "app", epochA, uint64(j+1))) == revocation.Clear {
				t.Fatalf("session %d of %d is clear again", j, i+1)
			}
		}
		wantVerdict(t, v.set, tokenOf("alive", "usr", "app", epochA, log.head()), revocation.Clear, "a fresh token")
	}
	stats := v.set.Stats()
	if stats.Collapses == 0 || stats.Floor == 0 || stats.Floor > log.head() {
		t.Errorf("no collapse: %+v", stats)
	}
	wantVerdict(t, v.set, tokenOf("alive", "usr", "app", epochA, stats.Floor-1), revocation.Stale, "minted before the floor")
	wantVerdict(t, v.set, &revocation.Token{KeyID: revocation.Hash("key_2"), Epoch: "aaaaaaaa", Seq: log.head()},
		revocation.Stale, "a stolen key signs any revision")
}

// Expired entries make room before living ones are collapsed.
func TestOverflowSweepsFirst(t *testing.T) {
	const limit = 10
	log, v := newLog(epochA), newClient(limit)
	for range 50 {
		log.append(revocation.SessionEvent(fmt.Sprint("ses", log.head())))
		v.sync(t, log)
		log.now += retention / (limit - 2)
	}
	if stats := v.set.Stats(); stats.Collapses != 0 {
		t.Errorf("collapsed though never more than %d events were live: %+v", limit-1, stats)
	}
}

func TestNewEpochKeepsWhatWasRevoked(t *testing.T) {
	log, v := newLog(epochA), newClient(0)
	log.append(revocation.SessionEvent("ses"), revocation.SubjectEvent("usr"), revocation.AuthzEvent("demoted"),
		revocation.ApplicationEvent("app"), revocation.KeyEvent("key_2"), revocation.AllEvent())
	v.sync(t, log)

	restored := newLog(epochB)
	restored.append(revocation.SessionEvent("another"), revocation.SubjectEvent("again"))
	if out := v.sync(t, restored); !out.NewEpoch || !out.Snapshot || out.Rewritten {
		t.Errorf("outcome %+v, want a snapshot in a new epoch", out)
	}
	wantVerdict(t, v.set, tokenOf("ses", "x", "x", epochB, 1), revocation.Revoked, "a session the restored store believes alive")
	wantVerdict(t, v.set, tokenOf("x", "usr", "x", epochB, 1), revocation.Revoked, "a user, whatever the revision")
	wantVerdict(t, v.set, tokenOf("x", "x", "app", epochB, 1), revocation.Revoked, "an application, whatever the revision")
	wantVerdict(t, v.set, tokenOf("x", "demoted", "x", epochB, 1), revocation.Stale, "rights, whatever the revision")
	wantVerdict(t, v.set, &revocation.Token{KeyID: revocation.Hash("key_2"), Epoch: "bbbbbbbb", Seq: 1}, revocation.Stale, "a stolen key")
	wantVerdict(t, v.set, tokenOf("another", "x", "x", epochB, 0), revocation.Revoked, "revoked in the new epoch")
	wantVerdict(t, v.set, tokenOf("x", "again", "x", epochA, 6), revocation.Revoked, "an old token of a user revoked in the new epoch")
	wantVerdict(t, v.set, tokenOf("x", "x", "x", epochB, 2), revocation.Clear, "nothing held against it")
	wantVerdict(t, v.set, tokenOf("x", "x", "x", epochB, 3), revocation.Ahead, "ahead in the new epoch")
	wantVerdict(t, v.set, tokenOf("x", "x", "x", epochA, 6), revocation.Stale, "of the epoch left behind")
	wantVerdict(t, v.set, tokenOf("x", "x", "x", epoch("cccccccc"), 1), revocation.Ahead, "of an epoch never heard of")
	if stats := v.set.Stats(); stats.Former != 4 || stats.Floor != 0 || stats.Epoch != "bbbbbbbb" || stats.Position != 2 {
		t.Errorf("stats %+v", stats)
	}

	restored.now = retention + 2*time.Minute
	v.sync(t, restored)
	if stats := v.set.Stats(); stats.Former != 0 || stats.Keys != 1 {
		t.Errorf("after retention: %+v, want only the key", stats)
	}
}

// Entries of an earlier epoch have no place in a floor of this one.
func TestCollapseSparesFormerEntries(t *testing.T) {
	const limit = 20
	log, v := newLog(epochA), newClient(limit)
	log.append(revocation.SessionEvent("old"), revocation.SubjectEvent("usr"))
	v.sync(t, log)
	restored := newLog(epochB)
	for i := range 5 * limit {
		restored.append(revocation.SessionEvent(fmt.Sprint("ses", i)))
	}
	v.sync(t, restored)
	if stats := v.set.Stats(); stats.Collapses == 0 || stats.Former != 2 {
		t.Fatalf("stats %+v, want a collapse that spares two", stats)
	}
	head := restored.head()
	wantVerdict(t, v.set, tokenOf("old", "x", "x", epochB, head), revocation.Revoked, "a session ended before the restore")
	wantVerdict(t, v.set, tokenOf("x", "usr", "x", epochB, head), revocation.Revoked, "a user revoked before the restore")
	wantVerdict(t, v.set, tokenOf("x", "x", "x", epochB, head), revocation.Clear, "a fresh token")
}

func TestStatsCountByKind(t *testing.T) {
	log, v := newLog(epochA), newClient(0)
	log.append(revocation.SessionEvent("1"), revocation.SessionEvent("2"), revocation.SessionEvent("3"), revocation.SubjectEvent("1"),
		revocation.SubjectEvent("2"), revocation.AuthzEvent("1"), revocation.ApplicationEvent("1"), revocation.KeyEvent("1"),
		revocation.SessionEvent("3"), revocation.AllEvent())
	v.sync(t, log)
	want := revocation.Stats{Epoch: "aaaaaaaa", Position: 10, Floor: 10, Sessions: 3, Subjects: 2, Authz: 1, Applications: 1, Keys: 1}
	got := v.set.Stats()
	if got.Bytes <= 0 {
		t.Errorf("bytes = %d", got.Bytes)
	}
	if got.Bytes = 0; got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
}

func TestVerdictString(t *testing.T) {
	for v, want := range map[revocation.Verdict]string{
		revocation.Clear: "clear", revocation.Revoked: "revoked", revocation.Stale: "stale", revocation.Ahead: "ahead", 9: "unknown",
	} {
		if got := v.String(); got != want {
			t.Errorf("Verdict(%d) = %q, want %q", v, got, want)
		}
	}
}
