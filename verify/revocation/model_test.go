package revocation_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// The model: a server that appends, restores and rolls back, a verifier that follows it through good and bad
// replies, and tokens minted all along. What ought to be refused is judged by the order in which things really
// happened, which the model knows and the wire does not carry: not by positions, epochs or anything that the code
// under test computes.

// chooser makes the decisions of a schedule: at random, or as a fuzzer says.
type chooser interface{ IntN(n int) int }

// lifetime is how long a token of the model lives; the log retains each event for as long.
const lifetime = retention

// minted is a token with what the model knows of it.
type minted struct {
	*revocation.Token
	names    [4]string // session, subject, application, key
	epoch    string
	order    int           // among all things that happened
	expires  time.Duration // exclusive
	lost     bool          // of a history that the log no longer has
	orphaned bool          // so that this verifier cannot know
}

// announced is an event with what the model knows of it.
type announced struct {
	revocation.Event
	name    string // in clear
	epoch   string
	order   int
	applied bool // the verifier confirmed a reply that held it
	lost    bool // by a rollback
}

type model struct {
	t       testing.TB
	pick    chooser
	limit   int
	v       client
	log     *serverLog
	left    []*serverLog                // logs of earlier epochs
	truth   map[*serverLog][]*announced // by position-1, what each log holds now
	all     []*announced
	tokens  []*minted
	now     time.Duration
	order   int
	epochs  int
	tainted bool // a floor may be there that no event accounts for
	diverge bool // the next event must be one that no lost history had
	name    string
}

func newModel(t testing.TB, pick chooser) *model {
	m := &model{t: t, pick: pick, truth: make(map[*serverLog][]*announced)}
	if pick.IntN(2) == 0 {
		m.limit = 1 + pick.IntN(6)
	}
	m.v = newClient(m.limit)
	m.begin()
	return m
}

func (m *model) fail(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf(m.name+": "+format, args...)
}

func (m *model) happen() int { m.order++; return m.order }

// begin starts an epoch.
func (m *model) begin() {
	m.epochs++
	m.log = newLog(epoch(fmt.Sprintf("epoch%03d", m.epochs)))
}

func (m *model) append() {
	name := fmt.Sprint(m.pick.IntN(5))
	if m.diverge {
		m.announce(revocation.SessionEvent(fmt.Sprint("only here ", m.order)), "")
		m.diverge = false
	}
	var e revocation.Event
	switch m.pick.IntN(12) {
	case 0, 1, 2, 3:
		e = revocation.SessionEvent(name)
	case 4, 5:
		e = revocation.SubjectEvent(name)
	case 6, 7:
		e = revocation.AuthzEvent(name)
	case 8, 9:
		e = revocation.ApplicationEvent(name)
	case 10:
		e = revocation.KeyEvent(name)
	case 11:
		e, name = revocation.AllEvent(), ""
	}
	m.announce(e, name)
}

func (m *model) announce(e revocation.Event, name string) {
	m.log.now = m.now
	m.log.append(e)
	a := &announced{m.log.events[m.log.head()-1], name, m.log.epoch, m.happen(), false, false}
	m.truth[m.log] = append(m.truth[m.log], a)
	m.all = append(m.all, a)
}

// mint makes a token as the server does: none for a session that has ended, none with a key that was revoked.
func (m *model) mint() {
	names := [4]string{}
	for i := range names {
		names[i] = fmt.Sprint(m.pick.IntN(5))
	}
	for _, a := range m.truth[m.log] {
		if a.Kind == revocation.KindSession && a.name == names[0] || a.Kind == revocation.KindKey && a.name == names[3] {
			return
		}
	}
	tok := tokenOf(names[0], names[1], names[2], m.log.epoch, m.log.head())
	tok.KeyID = revocation.Hash(names[3])
	m.tokens = append(m.tokens, &minted{tok, names, m.log.epoch, m.happen(), m.now + lifetime, false, false})
}

// refusedBy reports whether an event forbids a token that was minted before it.
func (a *announced) refuses(tok *minted) bool {
	if tok.order > a.order {
		return false
	}
	return a.named(tok)
}

func (a *announced) named(tok *minted) bool {
	switch a.Kind {
	case revocation.KindSession:
		return a.name == tok.names[0]
	case revocation.KindSubject, revocation.KindAuthz:
		return a.name == tok.names[1]
	case revocation.KindApplication:
		return a.name == tok.names[2]
	case revocation.KindKey:
		return a.name == tok.names[3]
	}
	return true
}

// restore replaces the log by an empty one in a new epoch, or brings back one left behind. A verifier that has followed
// both refuses it; one that knows only the other takes it for a new one, and cannot know that it has tokens about that
// were minted before.
func (m *model) restore() {
	old := m.log
	m.left = append(m.left, old)
	if i := m.pick.IntN(2 * len(m.left)); i < len(m.left) {
		m.log = m.left[i]
		m.left = slices.Delete(m.left, i, i+1)
		for _, tok := range m.tokens {
			tok.orphaned = tok.orphaned || tok.epoch == m.log.epoch
		}
		return
	}
	m.begin()
}

// rollback shortens the log within its epoch. Tokens minted from what is lost, but beyond what the verifier has seen,
// cannot be told from new ones by any verifier: that is why a restore must begin an epoch.
func (m *model) rollback() {
	to := uint64(m.pick.IntN(int(m.log.head()) + 1))
	m.diverge = true // a log that goes on with the very events it had lost is the log it was
	m.log.rollback(to)
	for _, a := range m.truth[m.log][to:] {
		a.lost = true
	}
	m.truth[m.log] = slices.Clone(m.truth[m.log][:to])
	for _, tok := range m.tokens {
		if tok.epoch == m.log.epoch && tok.Seq > to {
			tok.lost = true
			tok.orphaned = tok.orphaned || m.v.Epoch() != tok.epoch || tok.Seq > m.v.Position()
		}
	}
}

// restart makes the verifier forget everything.
func (m *model) restart() {
	m.v = newClient(m.limit)
	m.tainted = false
	for _, a := range m.all {
		a.applied = false
	}
	for _, tok := range m.tokens {
		tok.orphaned = tok.orphaned || tok.lost
	}
}

// sync delivers a good reply. It may be refused only if the log was rolled back, or its epoch had been left; until the
// server begins a new one, that may go on.
func (m *model) sync() {
	m.log.now = m.now
	req := m.v.Request("good", 0)
	rep := m.log.reply(req)
	known, history := m.v.Position(), m.v.Epoch()
	out, err := m.v.Apply(req, rep, m.now)
	if err != nil {
		var mm *revocation.Mismatch
		if !errors.As(err, &mm) || !mm.Alarm() || rep.Epoch == history && rep.To > known {
			m.fail("a good reply was refused: %v", err)
		}
		return
	}
	m.tainted = m.tainted && !out.NewEpoch || out.Rewritten
	for _, a := range m.truth[m.log] {
		if slices.ContainsFunc(rep.Events, func(e revocation.Event) bool { return e.Seq == a.Seq }) {
			a.applied = true
		}
	}
	m.judge()
}

// deceive delivers a bad reply. Nothing may change.
func (m *model) deceive() {
	m.log.now = m.now
	req := m.v.Request("fresh", 0)
	rep := m.log.reply(req)
	if m.pick.IntN(2) == 0 {
		rep = m.log.snapshot(req)
	}
	n := len(rep.Events)
	switch m.pick.IntN(9) {
	case 0:
		rep.Nonce = "stale"
	case 1:
		rep.From++
	case 2:
		rep.Epoch = rep.Epoch[:25]
	case 3:
		if n < 2 {
			return
		}
		i := m.pick.IntN(n - 1)
		rep.Events[i], rep.Events[i+1] = rep.Events[i+1], rep.Events[i]
	case 4:
		if n < 1 {
			return
		}
		rep.Events[m.pick.IntN(n)].Kind = "unknown"
	case 5:
		if n < 1 || rep.Snapshot {
			return
		}
		i := m.pick.IntN(n)
		rep.Events = slices.Delete(rep.Events, i, i+1)
	case 6:
		if n < 1 || rep.Snapshot {
			return
		}
		i := m.pick.IntN(n)
		rep.Events[i].Kind, rep.Events[i].ID = revocation.KindSession, revocation.Hash("forged").String()
	case 7:
		if rep.Snapshot {
			return
		}
		rep.Chain = revocation.Genesis("forged").String()
	case 8:
		rep.LeaseMS = -1
	}
	before := m.v.set.Stats()
	verdicts := m.verdicts()
	if _, err := m.v.Apply(req, rep, m.now); err == nil {
		m.fail("a bad reply was applied: %+v", rep)
	}
	if m.v.set.Stats() != before || !slices.Equal(verdicts, m.verdicts()) {
		m.fail("a reply that was refused changed the set")
	}
}

func (m *model) verdicts() []revocation.Verdict {
	list := make([]revocation.Verdict, len(m.tokens))
	for i, tok := range m.tokens {
		list[i] = m.v.set.Check(tok.Token)
	}
	return list
}

// judge holds every living token against what really happened.
func (m *model) judge() {
	m.tokens = slices.DeleteFunc(m.tokens, func(tok *minted) bool { return m.now >= tok.expires })
	stats := m.v.set.Stats()
	for _, tok := range m.tokens {
		verdict := m.v.set.Check(tok.Token)
		var against []*announced // applied ever, or in the log that was just confirmed
		blamed := stats.Collapses > 0 || m.tainted
		for _, a := range m.all {
			if !a.applied {
				continue
			}
			if a.refuses(tok) {
				against = append(against, a)
			}
			blamed = blamed || a.named(tok) && (a.order > tok.order || a.lost || a.epoch != m.log.epoch)
		}
		if len(against) > 0 && verdict == revocation.Clear && !tok.orphaned {
			m.fail("token %+v is clear in spite of %+v; set %+v", tok, against[0], stats)
		}
		if verdict != revocation.Clear && !blamed && tok.epoch == m.log.epoch && tok.Seq <= m.v.Position() {
			m.fail("token %+v is %v for no reason; set %+v", tok, verdict, stats)
		}
		if tok.epoch != m.log.epoch && verdict == revocation.Clear {
			m.fail("token %+v of another epoch is clear", tok)
		}
	}
}

func (m *model) step() {
	switch n := m.pick.IntN(100); {
	case n < 30:
		m.append()
	case n < 55:
		m.mint()
	case n < 80:
		m.sync()
	case n < 88:
		m.deceive()
	case n < 94:
		m.now += time.Duration(m.pick.IntN(60_000)) * time.Millisecond
	case n < 97:
		m.restore()
	case n < 99:
		m.rollback()
	default:
		m.restart()
	}
}

func TestFollowerAgainstModel(t *testing.T) {
	seed := rand.Uint64()
	for schedule := range uint64(400) {
		pick := rand.New(rand.NewPCG(seed, schedule))
		m := newModel(t, pick)
		m.name = fmt.Sprintf("seed %d, schedule %d", seed, schedule)
		for range 50 + pick.IntN(250) {
			m.step()
		}
	}
}
