package signin

import (
	"slices"
	"time"

	"tandem.example/tandem/internal/application"
)

// freshFor is for how long a proof of the person lets them change what they can prove themselves with, and counts as the
// first factor of a session that is to get a second.
const freshFor = 10 * time.Minute

// judgeStepUp asks for as much as the person can prove. Whoever holds the session may have stolen it, so what it has
// proven counts for nothing; but that a session of one factor began a moment ago says that its first factor was proven
// a moment ago, and then the second alone is asked for. Only for acr "1" does it: at acr "2" the time is that of the second
// factor, which could go on renewing itself without the first.
func (r rules) judgeStepUp(a standing) verdict {
	level := max(a.ACR, oneFactor)
	firsts := r.again(a.Has)
	first := slices.ContainsFunc(a.Proofs, func(p proof) bool { return slices.Contains(firsts, p.Method) })
	keeps := a.Keep && level == oneFactor && slices.Contains(firsts, application.Password)
	if !a.Has.enrolled() || keeps {
		if first {
			return verdict{Done: true, ACR: oneFactor}
		}
		return verdict{Ask: firsts}
	}
	recent := level == oneFactor && a.Since < freshFor
	own := slices.ContainsFunc(a.Proofs, func(p proof) bool { return second(p.Method) })
	verified := slices.ContainsFunc(a.Proofs, func(p proof) bool { return p.Method == application.Passkey && p.Verified })
	switch {
	case verified, own && (first || recent):
		return verdict{Done: true, ACR: twoFactors}
	case first || recent:
		return verdict{Ask: a.Has.seconds(), SecondFactor: true}
	case a.Has.Passkeys > 0: // by itself if it verifies the person; else it is one of the two
		if slices.Contains(firsts, application.Password) { // which is at hand on any device; all else takes leaving the page
			return verdict{Ask: append(slices.Clone(firsts), application.Passkey)}
		}
		return verdict{Ask: slices.Insert(slices.Clone(firsts), 0, application.Passkey)}
	}
	return verdict{Ask: firsts}
}

// again are the first factors, other than passkeys, that a person may prove once more in a session: the best that they
// have. A code by mail counts for those alone who have no password here, since a mailbox that is open on the same device
// is what a thief of the session has too; and a provider, if it can be told to ask the person again, for whoever has
// neither: else it answers for somebody who signed in there days ago.
func (r rules) again(has holding) []application.Method {
	firsts := has.firsts(r)
	for _, best := range []application.Method{application.Password, application.EmailCode} {
		if slices.Contains(firsts, best) {
			return []application.Method{best}
		}
	}
	return slices.DeleteFunc(firsts, func(m application.Method) bool {
		name, provider := m.Provider()
		return !provider || !slices.Contains(r.Again, name)
	})
}
