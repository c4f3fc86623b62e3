package tandem

import (
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/token"
)

// listener follows the log in process, as a verifier does. Safe for concurrent use.
type listener struct {
	*house
	mu       sync.Mutex
	follower *revocation.Follower
	set      *revocation.Set
}

func (h *house) listen() *listener {
	l := &listener{house: h, set: revocation.NewSet(0)}
	l.follower = revocation.NewFollower("races", "races", l.set)
	return l
}

// sync applies the log up to its head of this moment.
func (l *listener) sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	req := l.follower.Request(rand.Text(), 0)
	signed, err := l.server.parts.feed.Sync(l.Context(), feed.Caller{Application: "races"}, req)
	if err != nil {
		return err
	}
	reply, err := revocation.DecodeReply(signed.Body)
	if err != nil {
		return err
	}
	_, err = l.follower.Apply(req, reply, time.Duration(time.Now().UnixNano()))
	return err
}

// verdict is what a verifier that has applied the log says of an access token.
func (l *listener) verdict(text string) (revocation.Verdict, token.Claims, error) {
	m, err := jws.Parse(text)
	if err != nil {
		return 0, token.Claims{}, err
	}
	c, err := token.Decode(m.Payload)
	return l.set.Check(&revocation.Token{
		SessionID: revocation.Hash(c.SessionID), Subject: revocation.Hash(c.Subject), ClientID: revocation.Hash(c.ClientID),
		KeyID: revocation.Hash(m.Header.KeyID), Epoch: c.Revision.Epoch, Seq: c.Revision.Seq,
	}), c, err
}

// minter is one worker of the race: a user whose tokens are minted while they are being revoked.
type minter struct {
	*listener
	email  string
	user   account.ID
	holder signin.Grant // a session that mints
	spare  signin.Grant // another of the same user

	minted, raced *atomic.Int64
}

func (m *minter) enter() (signin.Grant, error) {
	return m.server.parts.signin.SignIn(m.Context(),
		signin.SignIn{Email: m.email, Password: secret.NewText(password), Delivery: signin.Body}, signin.Client{IP: "192.0.2.1"})
}

// mint makes an access token as POST /v1/session/token does: check the session, then sign.
func (m *minter) mint(g signin.Grant) (string, error) {
	who, err := m.server.parts.signin.Check(m.Context(), signin.Presented{Token: g.SessionToken})
	if err != nil {
		return "", err
	}
	return m.sign(who)
}

func (m *minter) sign(who signin.Identity) (string, error) {
	access, err := m.server.parts.signin.Mint(m.Context(), who, "")
	return access.Token.Reveal(), err
}

// mints checks the session again and again until the revocation has committed, and once more after that. It signs
// for the first check and for the last two that went well: those read their state closest to the commit, and some of
// them sign after it.
func (m *minter) mints(committed <-chan struct{}) (texts []string, err error) {
	var seen []signin.Identity
	for last := false; !last; runtime.Gosched() {
		select {
		case <-committed:
			last = true
		default:
		}
		who, err := m.server.parts.signin.Check(m.Context(), signin.Presented{Token: m.holder.SessionToken})
		if errors.Is(err, session.ErrEnded) || errors.Is(err, signin.ErrInvalidToken) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(seen) > 2 {
			seen = append(seen[:1], seen[2:]...)
		}
		seen = append(seen, who)
	}
	for _, who := range seen {
		text, err := m.sign(who)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// round races one revocation against minting. Whatever was minted, a verifier that has applied the log up to the
// revocation must accept nothing of what it revokes, and accept what is minted afterwards.
func (m *minter) round(n int) error {
	kind, role := []string{"session", "subject", "authz"}[n%3], fmt.Sprintf("r%d", n)
	stop := make(chan struct{})
	var (
		texts           []string
		failed, revoked error
	)
	together(
		func() { texts, failed = m.mints(stop) },
		func() {
			defer close(stop)
			revoked = m.revoke(kind, role)
		})
	if err := errors.Join(failed, revoked); err != nil {
		return err
	}
	m.minted.Add(int64(len(texts)))
	if len(texts) > 0 {
		m.raced.Add(1)
	}
	if err := m.sync(); err != nil {
		return err
	}
	for _, text := range texts {
		v, c, err := m.verdict(text)
		if err != nil {
			return err
		}
		// A token that carries the new role may be stale all the same: its position was read before its roles. That
		// costs one silent refresh.
		renewed := kind == "authz" && slices.Contains(c.Roles, role)
		if v == revocation.Clear && !renewed {
			return fmt.Errorf("round %d: a token of rv %s and roles %v is %s after the revocation of its %s", n, c.Revision, c.Roles, v, kind)
		}
	}
	return m.goOn(kind, role)
}

func (m *minter) revoke(kind, role string) (err error) {
	by, op := operator.By{Actor: "operator"}, m.server.parts.operator
	switch kind {
	case "session":
		_, err = op.EndSession(m.Context(), m.holder.View.Session.ID, by)
	case "subject":
		_, err = op.Revoke(m.Context(), operator.Revocation{Kind: revocation.KindSubject, ID: string(m.user)}, by)
	default:
		_, _, err = op.ChangeUser(m.Context(), m.user, operator.Patch{Roles: &[]string{role}}, by)
	}
	return err
}

// goOn checks that the next token is accepted.
func (m *minter) goOn(kind, role string) (err error) {
	switch kind {
	case "session":
		m.holder = m.spare
		m.spare, err = m.enter()
	case "subject":
		if m.holder, err = m.enter(); err == nil {
			m.spare, err = m.enter()
		}
	}
	if err != nil {
		return err
	}
	text, err := m.mint(m.holder)
	if err != nil {
		return fmt.Errorf("mint after the revocation of the %s: %w", kind, err)
	}
	if err := m.sync(); err != nil {
		return err
	}
	v, c, err := m.verdict(text)
	if err == nil && (v != revocation.Clear || kind == "authz" && !slices.Contains(c.Roles, role)) {
		err = fmt.Errorf("a token minted after the revocation of the %s is %s, its roles are %v", kind, v, c.Roles)
	}
	return err
}

// TestMintAgainstRevoke races minting with revoking a session, a subject and the rights of a user.
func TestMintAgainstRevoke(t *testing.T) {
	rounds, workers := 3000, 8
	if soak() {
		rounds = 100_000
	}
	if testing.Short() {
		rounds = 200
	}
	h := furnish(t, nil)
	l := h.listen()
	var running sync.WaitGroup
	var next, minted, raced atomic.Int64
	for w := range workers {
		m := &minter{listener: l, email: fmt.Sprintf("p%d@example.com", w), minted: &minted, raced: &raced}
		m.user = account.ID(h.signUp(m.email, "").user())
		running.Go(func() {
			var err1, err2 error
			m.holder, err1 = m.enter()
			m.spare, err2 = m.enter()
			err := errors.Join(err1, err2)
			for n := int(next.Add(1)); err == nil && n <= rounds && !t.Failed(); n = int(next.Add(1)) {
				err = m.round(n)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	t.Logf("%d rounds, in %d of them tokens were minted during the revocation, %d in all", rounds, raced.Load(), minted.Load())
	if !t.Failed() && raced.Load() < int64(rounds)/10 {
		t.Error("hardly anything was minted during a revocation: the test shows nothing")
	}
}
