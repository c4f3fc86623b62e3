package signin_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authelia/otp/totp"
	"github.com/descope/virtualwebauthn"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/federate"
	"tandem.example/tandem/internal/lab/virtualkey"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/jws"
)

const (
	issuer   = "https://auth.example.com"
	email    = "ada@example.com"
	password = "violet anchor tumbles 93"
	another  = "copper meadow whistles 41"
)

// desk is the service on the memory store, with a mailbox and a clock.
type desk struct {
	*signin.Service
	testing.TB
	store    *memory.Store
	provider *provider
	limits   *counted

	mu   sync.Mutex
	now  time.Time
	post []mail.Message
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func open(t testing.TB, change ...func(*signin.Config)) *desk {
	t.Helper()
	d := &desk{TB: t, now: time.Now().UTC().Truncate(time.Second), provider: &provider{}, limits: &counted{Store: limit.NewMemory(0)}}
	d.provider.clock = d.clock
	d.store = memory.Open(memory.Options{Now: d.now})
	box := must[*secret.Box](t)(secret.NewBox(bytes.Repeat([]byte{7}, secret.MasterKeySize)))
	ring := must[*signing.Ring](t)(signing.Open(t.Context(), signing.Config{
		Store: d.store.Keys(), Box: box, Algorithm: jws.ES256, Schedule: signing.DefaultSchedule,
		MaxToken: func() time.Duration { return 15 * time.Minute }, Now: d.clock,
	}))
	hasher := must[*credential.Hasher](t)(credential.NewHasher(credential.HasherConfig{
		Cost: credential.Cost{MemoryKiB: 8, Passes: 1, Lanes: 1}, InsecureAllowCheap: true,
	}))
	log := slog.New(slog.DiscardHandler)
	sightings := session.NewSightings(d.store.Sessions(), log)
	t.Cleanup(sightings.Close)
	c := signin.Config{
		Store: d.store.SignIn(), Accounts: d.store.Accounts(), Applications: d.store.Applications(), Sessions: d.store.Sessions(),
		Audit: d.store.Audit(), Sightings: sightings, Ring: ring, Hasher: hasher,
		Tokens: session.NewRefreshTokens(box.Derive("refresh")), DeviceTokens: signin.NewDeviceTokens(box.Derive("device")),
		Limits: d.limits, Mail: d, Attempts: d.store.Attempts(), Passkeys: d.store.Passkeys(), Codes: d.store.Codes(),
		Connections: d.store.Connections(), Providers: d.provider, Box: box, ServiceName: "Example Bank", CanMail: true, Issuer: issuer,
		Defaults: signin.Defaults{
			Audiences: []string{issuer}, AccessTokenTTL: 5 * time.Minute, Session: session.Standard, Refresh: session.Standard,
			PerAccount: limit.Policy{Burst: 20, Period: time.Minute}, PerAddress: limit.Policy{Burst: 10000, Period: time.Minute},
			PerFactor: limit.Policy{Burst: 20, Period: time.Hour}, MailTo: limit.Policy{Burst: 5, Period: 15 * time.Minute},
			MailFrom: limit.Policy{Burst: 1000, Period: 15 * time.Minute},
		},
		Now: d.clock, Log: log,
	}
	for _, f := range change {
		f(&c)
	}
	d.Service = signin.New(c)
	d.app(application.DefaultName, application.SignIn{})
	return d
}

func (d *desk) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *desk) pass(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

// Send implements mail.Sender.
func (d *desk) Send(_ context.Context, m mail.Message) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.post = append(d.post, m)
	return m.Validate()
}

// letters are those of the kind to the address.
func (d *desk) letters(kind mail.Kind, to string) (out []mail.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.post {
		if m.Kind == kind && m.To == to {
			out = append(out, m)
		}
	}
	return out
}

var (
	sixDigits = regexp.MustCompile(`(?m)^\s*(\d{6})\s*$`)
	linked    = regexp.MustCompile(`/link\?token=([A-Za-z0-9_-]+)`)
)

// code is the last that was mailed to the address.
func (d *desk) code(to string) (code string, link secret.Text) {
	d.Helper()
	all := d.letters(mail.KindCode, to)
	if len(all) == 0 {
		d.Fatalf("no code was mailed to %s", to)
	}
	text := all[len(all)-1].Text
	found, at := sixDigits.FindStringSubmatch(text), linked.FindStringSubmatch(text)
	if found == nil || at == nil {
		d.Fatalf("no code or no link in:\n%s", text)
	}
	return found[1], secret.NewText(at[1])
}

// app registers an application with a policy.
func (d *desk) app(name string, p application.SignIn) {
	d.Helper()
	one := application.Application{
		ID: application.NewID(d.clock()), Name: name, Kind: application.User, Mode: application.ModeHybrid, SignIn: p,
		AllowedOrigins: []string{"https://app.example.com"}, CreatedAt: d.clock(),
	}
	if err := d.store.Applications().Create(d.Context(), one); err != nil {
		d.Fatal(err)
	}
}

// browser is a client of one device.
func browser(ip string) signin.Client { return signin.Client{IP: ip, Device: "Firefox on Linux"} }

var home = browser("192.0.2.7")

// user makes a user with a password, whose address is verified or not.
func (d *desk) user(address string, verified bool) account.User {
	d.Helper()
	phc := must[credential.PHC](d)(d.Hasher.Hash(d.Context(), secret.NewText(password)))
	u := account.User{ID: account.NewID(d.clock()), Email: address, EmailVerified: verified, Status: account.Active, CreatedAt: d.clock()}
	if err := d.store.SignIn().Register(d.Context(), signin.Registration{User: u, Password: phc}); err != nil {
		d.Fatal(err)
	}
	return u
}

// begin begins an attempt, of somebody if an address is given.
func (d *desk) begin(p signin.Purpose, app, address string) signin.Progress {
	d.Helper()
	at := must[signin.Progress](d)(d.Begin(d.Context(), signin.Begin{Purpose: p, App: app}, home))
	if address != "" {
		at = must[signin.Progress](d)(d.Identify(d.Context(), at.Token, address, home))
	}
	return at
}

// enter signs in with the password and answers the session.
func (d *desk) enter(address string) signin.Identity {
	d.Helper()
	at := d.begin(signin.ToSignIn, "", address)
	at = must[signin.Progress](d)(d.ProvePassword(d.Context(), at.Token, secret.NewText(password), home))
	if !at.Done {
		d.Fatalf("signing in asks for %v", at.Ask)
	}
	return d.check(at.Grant)
}

func (d *desk) check(g signin.Grant) signin.Identity {
	d.Helper()
	return must[signin.Identity](d)(d.Check(d.Context(), signin.Presented{Token: g.SessionToken}))
}

// within begins an attempt of a session.
func (d *desk) within(p signin.Purpose, who signin.Identity, address string) signin.Progress {
	d.Helper()
	return must[signin.Progress](d)(d.Begin(d.Context(), signin.Begin{Purpose: p, Who: &who, Email: address}, home))
}

// app of an authenticator.
type seed string

func (d *desk) totp(s seed) string {
	d.Helper()
	return must[string](d)(totp.GenerateCode(string(s), d.clock()))
}

// addTOTP sets one-time codes up and answers the seed, the recovery codes and the session with its new credentials.
func (d *desk) addTOTP(who signin.Identity) (seed, []secret.Text, signin.Identity) {
	d.Helper()
	at := d.within(signin.ToAddTOTP, who, "")
	setup := must[signin.TOTPSetup](d)(d.EnrolTOTP(d.Context(), at.Token, home))
	s := seed(strings.ReplaceAll(setup.Seed.Reveal(), " ", ""))
	at = must[signin.Progress](d)(d.ConfirmTOTP(d.Context(), at.Token, d.totp(s), home))
	if !at.Done || len(at.RecoveryCodes) != credential.RecoveryCodeCount {
		d.Fatalf("one-time codes were not set up: %+v", at)
	}
	d.pass(time.Minute) // the code that was used is dead
	return s, at.RecoveryCodes, d.check(at.Grant)
}

// device holds one passkey.
type device struct {
	site virtualwebauthn.RelyingParty
	auth virtualwebauthn.Authenticator
	key  virtualwebauthn.Credential
}

func newDevice(user account.ID, o virtualwebauthn.AuthenticatorOptions) *device {
	o.UserHandle = []byte(user)
	return &device{
		site: virtualwebauthn.RelyingParty{ID: "auth.example.com", Name: "Example Bank", Origin: issuer},
		auth: virtualwebauthn.NewAuthenticatorWithOptions(o), key: virtualkey.New(),
	}
}

// create is navigator.credentials.create.
func (v *device) create(t testing.TB, options []byte) []byte {
	t.Helper()
	asked := must[*virtualwebauthn.AttestationOptions](t)(virtualwebauthn.ParseAttestationOptions(string(options)))
	v.auth.Options.UserHandle = []byte(asked.UserID)
	return []byte(virtualwebauthn.CreateAttestationResponse(v.site, v.auth, v.key, *asked))
}

// get is navigator.credentials.get.
func (v *device) get(t testing.TB, options []byte) []byte {
	t.Helper()
	asked := must[*virtualwebauthn.AssertionOptions](t)(virtualwebauthn.ParseAssertionOptions(string(options)))
	v.key.Counter++
	return []byte(virtualwebauthn.CreateAssertionResponse(v.site, v.auth, v.key, *asked))
}

// addPasskey registers a passkey of the session's user.
func (d *desk) addPasskey(who signin.Identity, o virtualwebauthn.AuthenticatorOptions) (*device, signin.Identity) {
	d.Helper()
	at := d.within(signin.ToAddPasskey, who, "")
	v := newDevice(who.View.User.ID, o)
	options := must[[]byte](d)(d.EnrolPasskey(d.Context(), at.Token, home))
	at = must[signin.Progress](d)(d.ConfirmPasskey(d.Context(), at.Token, v.create(d, options), "", home))
	return v, d.check(at.Grant)
}

// provider stands for providers of identities: it answers with whom a test has put there.
type provider struct {
	who   federate.Identity
	fails error
	asked int // who somebody is

	again  bool             // the last was to be asked although signed in there
	silent bool             // about when somebody signed in there
	clock  func() time.Time // by which somebody who is asked signs in there
}

func (*provider) List() []federate.Named {
	return []federate.Named{{Name: "example", Title: "Example", Again: true}}
}

func (p *provider) Begin(_ context.Context, name, redirect string, again bool) (string, federate.Handshake, error) {
	p.again = again
	return "https://id.example.com/?back=" + redirect, federate.Handshake{State: "x", Verifier: name}, nil
}

func (p *provider) Finish(_ context.Context, name, _ string, h federate.Handshake, query map[string][]string) (federate.Identity, error) {
	if h.Verifier != name || !h.Carried(query) {
		return federate.Identity{}, federate.ErrAnswer
	}
	if p.asked++; p.fails != nil {
		return federate.Identity{}, p.fails
	}
	who := p.who
	who.Provider = name
	if p.again && !p.silent && who.AuthTime.IsZero() {
		who.AuthTime = p.clock()
	}
	return who, nil
}

// via goes to the provider and back.
func (d *desk) via(token secret.Text) (signin.Progress, error) {
	d.Helper()
	must[string](d)(d.AskProvider(d.Context(), token, "example", home))
	return d.ProveProvider(d.Context(), token, "example", map[string][]string{"state": {"x"}}, home)
}

// counted notes which limits are taken from.
type counted struct {
	limit.Store
	mu    sync.Mutex
	rules []string
}

func (c *counted) Take(ctx context.Context, key string, p limit.Policy, now time.Time) (limit.Decision, error) {
	rule, _, _ := strings.Cut(key, ":")
	c.mu.Lock()
	c.rules = append(c.rules, rule)
	c.mu.Unlock()
	return c.Store.Take(ctx, key, p, now)
}

func (c *counted) taken() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := strings.Join(c.rules, " ")
	c.rules = nil
	return out
}

func want(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("answered %v, want %v", err, target)
	}
}

func (d *desk) entries(kind audit.Type) []audit.Entry {
	d.Helper()
	return must[[]audit.Entry](d)(d.store.Audit().List(d.Context(), audit.Query{Type: kind, Limit: 100}))
}
