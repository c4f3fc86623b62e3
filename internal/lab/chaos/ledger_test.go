package chaos

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
)

// issued is a credential with the truth about it.
type issued struct {
	id               int
	text             string
	person, session  string
	application, key string // key: that signed it; empty for a session token
	from             moment // when it was handed out

	// Of the first order against it. The commit lies between ordered and died: died is when an answer had come that says so.
	// It is zero if none came, and then the truth is not known.
	ordered, died moment
	position      uint64 // of the commit
	enforced      moment // when the server said that no verifier accepts it any more
	kind          string
	ends          bool // the order ends the session too, not this token alone
	gone          bool // orders against it may have been undone with the end of the store
	left          bool // no verifier is asked any more
}

func (c *issued) access() bool { return c.key != "" }

func (c *issued) String() string {
	what := "session token"
	if c.access() {
		what = "access token"
	}
	return fmt.Sprintf("%s %d of session %s, user %s, position %d, kind %q", what, c.id, c.session, c.person, c.position, c.kind)
}

// ledger is everything that was issued.
type ledger struct {
	mu      sync.Mutex
	all     []*issued
	pending []suspected
	given   []given // for whoever looks into a failure
}

// given is an order with what became of it.
type given struct {
	order
	from, to moment
	code     int
	position uint64
}

func (l *ledger) note(g given) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.given = append(l.given, g)
}

// story is what was ordered against a credential, by its age.
func (l *ledger) story(c *issued) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, g := range l.given {
		if g.names(c) {
			fmt.Fprintf(&b, "\n\torder %s, from %v to %v after it was issued: %d, position %d", g.kind, g.from.since(c.from), g.to.since(c.from), g.code, g.position)
		}
	}
	return b.String()
}

// suspected is an order whose answer did not come: until then it may be done.
type suspected struct {
	order
	until moment
}

// doubt is for how long an order may be done after its client has given up: longer than any fault lasts.
const doubt = 12 * time.Second

// order is a revocation: which credentials it ends.
type order struct {
	kind  string
	names func(*issued) bool
	ends  bool // the sessions too
	wait  bool // until it is enforced
}

// begin notes that an order is about to be given.
func (l *ledger) begin(o order) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := now()
	for _, c := range l.all {
		if c.ordered == 0 && o.names(c) {
			c.ordered, c.kind = at, o.kind
		}
		c.ends = c.ends || o.ends && o.names(c)
	}
}

// done notes that its answer has come. Those against which an order was given before, whose answer never came, are
// known to be dead now. What was issued while it was under way is not touched: nobody knows which came first.
func (l *ledger) done(o order, position uint64, enforced moment) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := now()
	for _, c := range l.all {
		if c.ordered == 0 || c.died != 0 || !o.names(c) {
			continue
		}
		c.died, c.enforced, c.position, n = at, enforced, position, n+1
	}
	return n
}

// suspect has an order count as given against what is issued from now on too, for a while.
func (l *ledger) suspect(o order) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(l.pending, suspected{o, now().add(doubt)})
}

// add enters a credential.
func (l *ledger) add(c *issued) *issued {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.id, c.from = len(l.all), now()
	for _, o := range l.pending {
		if o.until > c.from && o.names(c) {
			c.ordered, c.kind, c.ends = c.from, o.kind, c.ends || o.ends
		}
	}
	l.all = append(l.all, c)
	return c
}

// unspoiled reports whether no order was given against the credential.
func (l *ledger) unspoiled(c *issued) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return c.ordered == 0
}

// lives reports whether no order was given that ends the credential's session.
func (l *ledger) lives(c *issued) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !c.ends
}

// over reports whether an order against the credential was answered.
func (l *ledger) over(c *issued) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return c.died != 0
}

// leave takes out, once, the credentials that verifiers need not be asked about any more.
func (l *ledger) leave(old func(*issued) bool) (gone []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.all {
		if !c.left && old(c) {
			c.left = true
			gone = append(gone, c.id)
		}
	}
	return gone
}

// each shows every credential as it is now.
func (l *ledger) each(see func(issued)) {
	l.mu.Lock()
	copied := make([]issued, len(l.all))
	for i, c := range l.all {
		copied[i] = *c
	}
	l.mu.Unlock()
	for _, c := range copied {
		see(c)
	}
}

// fault is something that was done to a verifier, or to all of them.
type fault struct {
	name      string
	verifiers []int // nil for all
	from, to  moment
}

// diary is what was done, in order.
type diary struct {
	mu     sync.Mutex
	faults []fault
}

// during has a fault happen for a while and notes it. What is healed counts as lasting until that is done.
func (d *diary) during(name string, verifiers []int, lasts time.Duration, begin, end func()) {
	f := fault{name: name, verifiers: verifiers, from: now()}
	begin()
	time.Sleep(lasts)
	resumed := now()
	end()
	if f.to = now(); name == stopVerifiers { // by whose end decisions are judged
		f.to = resumed
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, f)
}

// keyOf is the kid in the header of an access token.
func keyOf(token string) string {
	head, _, _ := strings.Cut(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return ""
	}
	var header struct{ KID string }
	_ = json.Unmarshal(b, &header) // a token without one has no kid
	return header.KID
}
