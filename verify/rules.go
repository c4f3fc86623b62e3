package verify

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Rule is one demand of a route. Rules of a route add up: all must be met.
type Rule struct {
	kind ruleKind
	d    time.Duration
	text string
	loss LeaseLoss
}

type ruleKind uint8

const (
	ruleLive ruleKind = iota + 1
	ruleWithin
	ruleUntilExpiry
	ruleScope
	ruleRole
	ruleACR
	ruleAuthenticated
	ruleLeaseLost
)

// Live asks the server on each request, as a session lookup would. The roles,
// acr and time of authentication are the server's, of this moment. An answer
// that took longer than Config.Freshness or the server's lease to come is 503.
func Live() Rule { return Rule{kind: ruleLive} }

// Within obeys a revocation at most d after it committed. It is decided in
// memory while the lease holds; the server's lease (10 s by default) bounds it
// as well, so a longer d asks for no less.
func Within(d time.Duration) Rule { return Rule{kind: ruleWithin, d: d} }

// UntilExpiry checks an access token's signature and lifetime only, as with a
// plain JWT: a revocation is not obeyed. A session token has no lifetime of its
// own to rely on and is checked as without this rule.
func UntilExpiry() Rule { return Rule{kind: ruleUntilExpiry} }

// Scope asks for a scope. Given several times, all are needed.
func Scope(name string) Rule { return Rule{kind: ruleScope, text: name} }

// Role asks for a role. Given several times, all are needed.
func Role(name string) Rule { return Rule{kind: ruleRole, text: name} }

// ACR asks for an authentication context class: this one or, where both are
// decimal numbers as Tandem's are ("1" one factor, "2" two), a higher one.
func ACR(class string) Rule { return Rule{kind: ruleACR, text: class} }

// AuthenticatedWithin asks that the person proved themselves at most d ago.
func AuthenticatedWithin(d time.Duration) Rule { return Rule{kind: ruleAuthenticated, d: d} }

// OnLeaseLost says what happens when the lease has run out; Deny without it.
func OnLeaseLost(what LeaseLoss) Rule { return Rule{kind: ruleLeaseLost, loss: what} }

// LeaseLoss is what a route does while it cannot be decided offline.
type LeaseLoss uint8

const (
	// Deny answers 503 with Retry-After. Never 401: every client would sign in
	// again at once.
	Deny LeaseLoss = iota
	// AskServer makes a live check instead, a bounded number at once, one per
	// credential; beyond the bound it denies.
	AskServer
	// InsecureAcceptUntilExpiry accepts by what was last known, however old. It
	// gives up the promise: while a partition lasts, somebody who was locked
	// out is let in until their token expires. Each use is logged.
	InsecureAcceptUntilExpiry
)

type mode uint8

const (
	modeWithin mode = iota
	modeLive
	modeUntilExpiry
)

// policy is what a route's rules add up to. The zero value is not one.
type policy struct {
	mode          mode
	freshness     time.Duration
	lost          LeaseLoss
	acr           string
	authenticated time.Duration
	scopes, roles []string
}

// ErrRules matches the error of rules that contradict each other or that can
// never be met.
var ErrRules = errors.New("verify: rules")

type ruleError string

func (e ruleError) Error() string { return "verify: rules: " + string(e) }
func (e ruleError) Unwrap() error { return ErrRules }

// compile adds rules up, in terms of the freshness of a route that names none.
func compile(rules []Rule, standard time.Duration) (policy, error) {
	p := policy{freshness: standard}
	var seen [ruleLeaseLost + 1]bool
	for _, r := range rules {
		if r.kind == 0 {
			return p, ruleError("a zero Rule demands nothing")
		}
		if seen[r.kind] && r.kind != ruleScope && r.kind != ruleRole {
			return p, ruleError("one of them is given twice")
		}
		seen[r.kind] = true
		if err := p.add(r); err != nil {
			return p, err
		}
	}
	switch {
	case seen[ruleLive] && seen[ruleWithin], seen[ruleLive] && seen[ruleUntilExpiry], seen[ruleWithin] && seen[ruleUntilExpiry]:
		return p, ruleError("Live, Within and UntilExpiry exclude each other")
	case seen[ruleUntilExpiry] && seen[ruleLeaseLost]:
		return p, ruleError("UntilExpiry has no lease to lose: OnLeaseLost contradicts it")
	case seen[ruleLive] && p.lost == InsecureAcceptUntilExpiry:
		return p, ruleError("Live contradicts InsecureAcceptUntilExpiry")
	}
	return p, nil
}

func (p *policy) add(r Rule) error {
	switch r.kind {
	case ruleLive:
		p.mode = modeLive
	case ruleUntilExpiry:
		p.mode = modeUntilExpiry
	case ruleWithin:
		if r.d <= 0 {
			return ruleError("Within needs a positive duration; Live asks at once")
		}
		p.freshness = r.d
	case ruleAuthenticated:
		if r.d <= 0 {
			return ruleError("AuthenticatedWithin needs a positive duration")
		}
		p.authenticated = r.d
	case ruleLeaseLost:
		if r.loss > InsecureAcceptUntilExpiry {
			return ruleError("OnLeaseLost takes Deny, AskServer or InsecureAcceptUntilExpiry")
		}
		p.lost = r.loss
	default:
		return p.addName(r)
	}
	return nil
}

func (p *policy) addName(r Rule) error {
	if r.text == "" || strings.ContainsFunc(r.text, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
		return ruleError("a name of a scope, role or acr is printable ASCII without spaces, quotes and backslashes (RFC 6749 §3.3)")
	}
	switch r.kind {
	case ruleScope:
		p.scopes = append(p.scopes, r.text)
	case ruleRole:
		p.roles = append(p.roles, r.text)
	case ruleACR:
		p.acr = r.text
	}
	return nil
}

// permits checks what the route demands of the token's content, at the
// issuer's time. It says nothing about whether the token is still good.
func (p *policy) permits(t *Token, now time.Duration) error {
	for _, scope := range p.scopes {
		if !t.HasScope(scope) {
			return lacksScope(strings.Join(p.scopes, " "))
		}
	}
	for _, role := range p.roles {
		if !t.HasRole(role) {
			return refusedRole
		}
	}
	weak := p.acr != "" && !reaches(t.claims.ACR, p.acr)
	old := p.authenticated != 0 && (t.claims.AuthTime == 0 || now-time.Duration(t.claims.AuthTime)*time.Second > p.authenticated)
	if weak || old {
		return needsStepUp(p)
	}
	return nil
}

// reaches reports whether an acr is the wanted one or a higher level.
func reaches(have, want string) bool {
	if have == want {
		return true
	}
	h, err1 := strconv.ParseUint(have, 10, 16)
	w, err2 := strconv.ParseUint(want, 10, 16)
	return err1 == nil && err2 == nil && h >= w
}
