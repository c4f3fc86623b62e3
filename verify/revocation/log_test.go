package revocation_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// retention is for how long the test log keeps an event.
const retention = 100 * time.Second

// epoch returns a full epoch that begins with a name.
func epoch(name string) string { return name + strings.Repeat("0", 26-len(name)) }

// serverLog is a revocation log as a server keeps it, on the clock of its verifier.
type serverLog struct {
	epoch  string
	events []revocation.Event // position i+1; RetainMS is when it was committed, in ms
	chains []revocation.Chain // at position i
	now    time.Duration
}

func newLog(epoch string) *serverLog {
	return &serverLog{epoch: epoch, chains: []revocation.Chain{revocation.Genesis(epoch)}}
}

func (l *serverLog) head() uint64 { return uint64(len(l.events)) }

func (l *serverLog) append(drafts ...revocation.Event) {
	for _, e := range drafts {
		e.Seq, e.RetainMS = l.head()+1, l.now.Milliseconds()
		l.events = append(l.events, e)
		l.chains = append(l.chains, l.chains[e.Seq-1].Next(e))
	}
}

// rollback forgets what comes after a position, as a restore does that forgets to begin an epoch.
func (l *serverLog) rollback(to uint64) {
	l.events, l.chains = slices.Clone(l.events[:to]), slices.Clone(l.chains[:to+1])
}

// remaining is how much of an event's retention is left.
func (l *serverLog) remaining(e revocation.Event) int64 {
	return max(0, e.RetainMS+(retention-l.now).Milliseconds())
}

// send returns a copy of the events as a reply carries them, with what remains of their retention.
func (l *serverLog) send(events []revocation.Event) []revocation.Event {
	sent := slices.Clone(events)
	for i := range sent {
		sent[i].RetainMS = l.remaining(sent[i])
	}
	return sent
}

func (l *serverLog) base(req revocation.Request) revocation.Reply {
	return revocation.Reply{
		Epoch: l.epoch, To: l.head(), Chain: l.chains[l.head()].String(), Nonce: req.Nonce,
		LeaseMS: 10_000, ServerTimeMS: 1_700_000_000_000, MaxTokenMS: 40_000, NextMS: 0,
	}
}

// snapshot replies with all events that are still retained.
func (l *serverLog) snapshot(req revocation.Request) revocation.Reply {
	rep := l.base(req)
	rep.Snapshot = true
	for _, e := range l.send(l.events) {
		if e.RetainMS > 0 || e.Kind == revocation.KindKey {
			rep.Events = append(rep.Events, e)
		}
	}
	return rep
}

// reply answers as a server does: by what comes after the position, if that is of this history, else a snapshot.
func (l *serverLog) reply(req revocation.Request) revocation.Reply {
	known := req.Epoch == l.epoch && req.Position <= l.head() && req.Chain == l.chains[req.Position].String()
	if known && req.Position < l.head() && l.remaining(l.events[req.Position]) == 0 {
		known = false // pruned
	}
	if !known {
		return l.snapshot(req)
	}
	rep := l.base(req)
	rep.From = req.Position
	rep.Events = l.send(l.events[req.Position:])
	return rep
}

// client is a Follower with its Set.
type client struct {
	*revocation.Follower
	set *revocation.Set
}

func newClient(limit int) client {
	set := revocation.NewSet(limit)
	return client{revocation.NewFollower("bank", "instance-1", set), set}
}

// sync brings the client up to date and fails the test if that does not succeed.
func (c client) sync(t *testing.T, l *serverLog) revocation.Outcome {
	t.Helper()
	req := c.Request("nonce", time.Second)
	out, err := c.Apply(req, l.reply(req), l.now)
	if err != nil {
		t.Fatalf("sync: %v", err)
	}
	return out
}

// tokenOf returns a token by its names; "" names nothing.
func tokenOf(session, subject, app string, epoch string, seq uint64) *revocation.Token {
	tok := &revocation.Token{KeyID: revocation.Hash("key_1"), Epoch: revocation.Short(epoch), Seq: seq}
	for _, name := range []struct {
		id *revocation.ID
		of string
	}{{&tok.SessionID, session}, {&tok.Subject, subject}, {&tok.ClientID, app}} {
		if name.of != "" {
			*name.id = revocation.Hash(name.of)
		}
	}
	return tok
}

func wantVerdict(t *testing.T, s *revocation.Set, tok *revocation.Token, want revocation.Verdict, why string) {
	t.Helper()
	if got := s.Check(tok); got != want {
		t.Errorf("%s: verdict %v, want %v", why, got, want)
	}
}
