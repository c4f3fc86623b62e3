package model

import (
	"fmt"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// decide takes one decision in two steps, as a verifier does: the lease is captured and the set checked, then, at the
// very end, the clock is read. The process may lie still in between.
func (v *verifier) decide() {
	v.after(v.between(20*time.Millisecond, 400*time.Millisecond), v.decide)
	if v.now < v.stopped || len(v.tokens) == 0 {
		return
	}
	c := v.tokens[len(v.tokens)-1-v.rng.IntN(min(len(v.tokens), 60))]
	life, lease, verdict := v.life, v.lease, v.verdict(c)
	finish := func() {
		if v.life == life {
			v.finish(c, lease, verdict)
		}
	}
	if v.chance(0.02) { // the goroutine is not scheduled for a while, though the process runs
		v.after(v.between(0, 15*time.Second), func() { v.run(finish) })
		return
	}
	finish()
}

func (v *verifier) verdict(c *credential) revocation.Verdict {
	got := v.set.Check(&c.check)
	switch {
	case v.Traps.EmptyStart && v.follower.Epoch() == "":
		return revocation.Clear
	case v.Traps.Eviction && got != revocation.Clear && !v.remembers(c):
		return revocation.Clear
	}
	return got
}

// remembers is a set that holds eight entries and drops the oldest.
func (v *verifier) remembers(c *credential) bool {
	for _, e := range v.applied[max(0, len(v.applied)-8):] {
		switch e.ID {
		case revocation.Hash(c.sid).String(), revocation.Hash(c.user).String(), revocation.Hash(c.app).String(), "":
			return true
		}
	}
	return false
}

// finish is the last step: the clock, and whether the captured lease holds.
func (v *verifier) finish(c *credential, captured revocation.Lease, verdict revocation.Verdict) {
	v.result.Decisions++
	now := v.reading()
	if v.Traps.CoarseClock {
		now = v.coarse
	}
	if v.Traps.LeaseAfterCheck {
		captured = v.lease
	}
	if !captured.Holds(now) || v.now >= c.expires {
		return
	}
	concerned := v.concerned(c)
	if verdict == revocation.Clear {
		v.result.Accepted++
		v.accepted(c, concerned)
		return
	}
	if !v.refusable(c) && verdict != revocation.Ahead && c.check.Epoch == revocation.Short(v.server.epoch) && v.result.FalseRefusal == "" {
		v.result.FalseRefusal = fmt.Sprintf("%s at %s: %s/%s rv %d was refused as %s", v.name, v.now, c.user, c.sid, c.check.Seq, verdict)
	}
}

func (v *verifier) accepted(c *credential, concerned *fact) {
	if concerned == nil {
		return
	}
	gap := v.now - concerned.at
	if concerned.lost { // by the server, which may accept it again; not by a verifier that knew
		if gap > lease && v.knew[string(revocation.KindSession)+revocation.Hash(c.sid).String()] && v.result.Unrevoked == "" {
			v.result.Unrevoked = fmt.Sprintf("%s at %s accepted %s, which it knew to be revoked", v.name, v.now, c.sid)
		}
		return
	}
	v.result.Worst = max(v.result.Worst, gap)
	if gap > lease && v.result.Breach == "" {
		v.result.Breach = fmt.Sprintf("%s at %s accepted %s/%s rv %d, revoked %s ago", v.name, v.now, c.user, c.sid, c.check.Seq, gap)
	}
}
