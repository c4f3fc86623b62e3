package tandem

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// TestPeopleOnPages goes the ways of people through pages, wherever things are kept: by mail, by one-time and recovery
// codes, by a passkey; and what may happen once happens once.
func TestPeopleOnPages(t *testing.T) {
	h := mailing(t, nil)
	b := h.guest("").enrol("ada@example.com")
	key := b.addPasskey()
	phone := b.addTOTP()

	t.Run("a second factor", func(t *testing.T) {
		one := h.guest("")
		one.at(one.password("ada@example.com", password), 200, "/sign-in/totp")
		one.at(one.post("/sign-in/totp", "code", phone.spent), 422, "/sign-in/totp")
		one.at(one.post("/sign-in/totp", "code", phone.code(1), "remember", "1"), 200, "/account")
		one.at(one.post("/sign-out"), 200, "/signed-out")
		one.at(one.password("ada@example.com", password), 200, "/account") // the device is remembered
	})
	t.Run("a recovery code, once", func(t *testing.T) {
		h.onlyOne(t, []*house{h}, "ada@example.com", "/sign-in/recovery-code", phone.recovery[0])
	})
	t.Run("a passkey", func(t *testing.T) {
		one := h.guest("")
		one.at(one.get("/sign-in"), 200, "/sign-in")
		options := one.post("/sign-in/passkey/options").body
		answer := key.get(options)
		one.at(one.post("/sign-in/passkey", "response", answer), 200, "/account")
		again := h.guest("")
		again.get("/sign-in")
		again.post("/sign-in/passkey/options")
		again.at(again.post("/sign-in/passkey", "response", answer), 422, "/sign-in/passkey") // of another challenge
	})
	t.Run("guesses at a mailed code", func(t *testing.T) { h.fiveGuesses(t, []*house{h}, "ada@example.com") })
	t.Run("a forgotten password", func(t *testing.T) {
		one := h.guest("")
		one.at(one.post("/recover", "email", "ada@example.com"), 200, "/sign-in/code")
		_, link := h.code("ada@example.com")
		one.at(one.get("/link?token="+link), 200, "/link")
		one.at(one.post("/link", "token", link), 200, "/sign-in/totp") // mail alone does not do where there is a second factor
		one.at(one.post("/sign-in/recovery-code", "code", phone.recovery[1]), 200, "/sign-in/choose")
		one.at(one.post("/sign-in/choose", "password", "new "+password), 200, "/account")
		b.at(b.get("/account"), 200, "/sign-in")
		b = one
	})
	t.Run("the list of devices", func(t *testing.T) {
		other := h.guest("")
		other.password("ada@example.com", "new "+password)
		other.at(other.post("/sign-in/recovery-code", "code", phone.recovery[2]), 200, "/account")
		id := "ses_" + other.session()[4:30]
		if page := b.at(b.get("/account/devices"), 200, "/account/devices").body; !strings.Contains(page, id) {
			t.Errorf("the other device is not listed: %s", page)
		}
		b.at(b.post("/account/devices/"+id+"/end"), 200, "/account/devices")
		other.at(other.get("/account"), 200, "/sign-in")
	})
	t.Run("the last of one-time codes", func(t *testing.T) {
		b.at(b.post("/account/totp/remove"), 200, "/account/security")
		one := h.guest("")
		one.at(one.password("ada@example.com", "new "+password), 200, "/sign-in/passkey") // which is left
	})
}

// onlyOne has twelve people who have proven the password send the same code at once, over the nodes in turn: one is let in.
func (h *house) onlyOne(t *testing.T, nodes []*house, email, path, code string) {
	t.Helper()
	var count guessing
	all := make([]func(), 12)
	for i := range all {
		one := nodes[i%len(nodes)].guest("")
		one.at(one.password(email, password), 200, "/sign-in/totp")
		one.house = nodes[(i+1)%len(nodes)]
		all[i] = func() { count.add(one.post(path, "code", code)) }
	}
	together(all...)
	if count.in.Load() != 1 || count.wrong.Load() != 11 {
		t.Errorf("%v: want one", &count)
	}
}

// fiveGuesses guesses at a mailed code in parallel, over the nodes in turn.
func (h *house) fiveGuesses(t *testing.T, nodes []*house, email string) {
	t.Helper()
	one := h.guest("")
	one.at(one.post("/sign-in", "email", email), 200, "/sign-in/password")
	p := one.post("/sign-in/code/send")
	if p.path != "/sign-in/code" { // signing in takes no mailed code here: recovering does
		one.at(one.post("/recover", "email", email), 200, "/sign-in/code")
	}
	code, _ := h.code(email)
	var count guessing
	all := make([]func(), 40)
	for i := range all {
		another := one.twin()
		another.house = nodes[i%len(nodes)]
		all[i] = func() { count.add(another.post("/sign-in/code", "code", wrong(code))) }
	}
	together(all...)
	if count.wrong.Load() != 5 || count.tries.Load() != 35 {
		t.Errorf("%v: want 5 guesses", &count)
	}
	if one.post("/sign-in/code", "code", code); one.session() != "" {
		t.Error("the right code is taken after too many guesses")
	}
}

// TestPeopleOnTwoNodes: what somebody begins on one node goes on on the other, and what may happen once happens once on
// both together.
func TestPeopleOnTwoNodes(t *testing.T) {
	mails := &heap{}
	nodes := sharingAs(t, 2, "https://auth.example.com", WithMailTo(mails))
	x, y := nodes[0], nodes[1]
	x.mails, y.mails = mails, mails
	b := x.guest("")
	other := func() {
		if b.house == x {
			b.house = y
		} else {
			b.house = x
		}
	}
	b.at(b.post("/sign-up", "email", "ada@example.com"), 200, "/sign-in/code")
	code, _ := x.code("ada@example.com")
	other()
	b.at(b.post("/sign-in/code", "code", code), 200, "/sign-in/choose")
	other()
	b.at(b.post("/sign-in/choose", "name", "Ada", "password", password), 200, "/account")
	other()
	b.at(b.get("/account"), 200, "/account")
	phone := b.addTOTP()
	other()
	b.at(b.get("/account/security"), 200, "/account/security")

	t.Run("a session is bound on one node and shown on the other", func(t *testing.T) {
		one := x.guest("")
		one.password("ada@example.com", password)
		one.at(one.post("/sign-in/recovery-code", "code", phone.recovery[5]), 200, "/account")
		one.house = y
		one.bind()
		bound := one.jar["__Host-tandem_bound"]
		if bound == "" {
			t.Fatal("no bound cookie")
		}
		delete(one.jar, "__Host-tandem_bound")
		one.eventually("the cookie of the session alone is worth nothing", func() bool { return one.get("/account").path == "/sign-in" })
		one.house = x
		one.at(one.get("/account"), 200, "/sign-in")
		one.jar["__Host-tandem_bound"] = bound
		one.at(one.get("/account"), 200, "/account")
	})
	t.Run("a passkey is asked for on one node and proven on the other", func(t *testing.T) {
		key := b.addPasskey()
		one := x.guest("")
		one.at(one.get("/sign-in"), 200, "/sign-in")
		options := one.post("/sign-in/passkey/options").body
		one.house = y
		one.at(one.post("/sign-in/passkey", "response", key.get(options)), 200, "/account")
	})
	t.Run("guesses at one code on both", func(t *testing.T) { x.fiveGuesses(t, nodes, "ada@example.com") })
	t.Run("a recovery code on both", func(t *testing.T) {
		x.onlyOne(t, nodes, "ada@example.com", "/sign-in/recovery-code", phone.recovery[0])
	})
	t.Run("a one-time code on both", func(t *testing.T) {
		x.onlyOne(t, nodes, "ada@example.com", "/sign-in/totp", phone.code(1))
	})
	t.Run("one attempt on both", func(t *testing.T) {
		one := x.guest("")
		one.at(one.password("ada@example.com", password), 200, "/sign-in/totp")
		before := len(x.facts().Sessions)
		all := make([]func(), 10)
		for i := range all { // each with a good code of its own
			another := one.twin()
			another.house = nodes[i%2]
			all[i] = func() { another.post("/sign-in/recovery-code", "code", phone.recovery[6+i%4]) }
		}
		together(all...)
		if n := len(x.facts().Sessions) - before; n != 1 {
			t.Errorf("%d sessions of one attempt", n)
		}
	})
}

// bind binds the session to a key, as a browser does when it is invited (W3C, Device Bound Session Credentials).
func (b *guest) bind() {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, &jose.SignerOptions{
		EmbedJWK: true, ExtraHeaders: map[jose.HeaderKey]any{jose.HeaderType: "dbsc+jwt"}})
	if err != nil {
		b.Fatal(err)
	}
	signed, err := signer.Sign(fmt.Appendf(nil, `{"jti":%q}`, b.invite))
	if err != nil {
		b.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		b.Fatal(err)
	}
	b.header = map[string]string{"Secure-Session-Response": text, "Sec-Fetch-Mode": "no-cors", "Origin": b.server.Issuer()}
	res := b.once(http.MethodPost, "/dbsc/register", nil)
	b.header = nil
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b.Fatalf("binding the session: %d", res.StatusCode)
	}
}
