package process

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
)

// issued is a credential with the truth about it.
type issued struct {
	id               int
	text             string
	person, session  string
	application, key string // key: that signed it; empty for a session token
	from             moment // when it was handed out

	// Of the first order against it. The commit lies between ordered and died: died is when the call had returned. It is
	// zero if no answer came, and then the truth is not known.
	ordered, died moment
	committed     moment // as the server says it; zero if it does not
	enforced      moment // when the server said that no verifier accepts it any more
	kind          string
	left          bool // no verifier is asked any more
}

func (c *issued) access() bool { return c.key != "" }

// ledger is everything that was issued.
type ledger struct {
	mu  sync.Mutex
	all []*issued
}

// order is a revocation: which credentials it ends.
type order struct {
	kind  string
	names func(*issued) bool
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
	}
}

// done notes that its answer has come. Those against which an order was given before, whose answer never came, are
// known to be dead now.
func (l *ledger) done(o order, committed, enforced moment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := now()
	for _, c := range l.all {
		if c.ordered == 0 || c.died != 0 || !o.names(c) {
			continue
		}
		c.died, c.enforced = at, enforced
		if c.kind == o.kind {
			c.committed = committed
		}
	}
}

// add enters a credential.
func (l *ledger) add(c *issued) *issued {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.id, c.from = len(l.all), now()
	l.all = append(l.all, c)
	return c
}

// unspoiled reports whether no order was given against the credential.
func (l *ledger) unspoiled(id int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all[id].ordered == 0
}

// leave takes out, once, the credentials that verifiers need not be asked about any more.
func (l *ledger) leave(old func(*issued) bool) (gone []*issued) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.all {
		if !c.left && old(c) {
			c.left = true
			gone = append(gone, c)
		}
	}
	return gone
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
