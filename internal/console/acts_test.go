package console_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signing"
)

// entries are those of the trail, newest first.
func (r *room) entries(q audit.Query) []audit.Entry {
	r.Helper()
	q.Limit = 10_000
	return must[[]audit.Entry](r)(r.operator.Trail(r.Context(), q))
}

func trailOf(r *room) int { return len(r.entries(audit.Query{})) }

func (r *room) who(id account.ID) account.User {
	r.Helper()
	return must[account.User](r)(r.operator.User(r.Context(), string(id)))
}

func (p *person) alive() bool {
	p.Helper()
	return must[session.View](p)(p.operator.Session(p.Context(), p.session)).Alive(p.now()) == nil
}

// equip gives somebody one of each thing to prove themselves with, and two recovery codes.
func (r *room) equip(id account.ID) {
	r.Helper()
	now, codes := r.now(), r.store.Codes()
	check := func(err error) {
		r.Helper()
		if err != nil {
			r.Fatal(err)
		}
	}
	check(codes.SetTOTP(r.Context(), credential.TOTP{User: id, Sealed: []byte("sealed"), CreatedAt: now}, nil, audit.New(audit.TOTPAdded, now)))
	check(codes.SetRecoveryCodes(r.Context(), id, []secret.Digest{secret.Sum([]byte("one")), secret.Sum([]byte("two"))}, nil, audit.New(audit.RecoveryCodesMade, now)))
	check(r.store.Passkeys().Add(r.Context(), credential.Passkey{ID: credential.NewPasskeyID(now), User: id, Name: "phone", CredentialID: []byte(id), CreatedAt: now}, nil, audit.New(audit.PasskeyAdded, now)))
	check(r.store.Connections().Connect(r.Context(), credential.Connection{ID: credential.NewConnectionID(now), User: id, Provider: "example", Subject: string(id), CreatedAt: now}, nil, audit.New(audit.Connected, now)))
	must[feed.Commit](r)(r.operator.ResetPassword(r.Context(), id, secret.NewText("a phrase that ada alone knows"), operator.By{Actor: "system"}))
}

// has is how many things somebody can prove themselves with.
func (r *room) has(id account.ID) (n int) {
	r.Helper()
	if _, _, err := r.store.SignIn().Password(r.Context(), id); err == nil {
		n++
	}
	if _, err := r.store.Codes().TOTP(r.Context(), id); err == nil {
		n++
	}
	n += must[int](r)(r.store.Codes().RecoveryCodes(r.Context(), id))
	n += len(must[[]credential.Passkey](r)(r.store.Passkeys().Of(r.Context(), id)))
	return n + len(must[[]credential.Connection](r)(r.store.Connections().Of(r.Context(), id)))
}

func TestEveryActTakesAReasonAndAConfirmation(t *testing.T) {
	r := open(t, "")
	root, ada := r.enter("root@example.com", "admin"), r.enter("ada@example.com")
	id := string(ada.user.ID)
	about := map[string]url.Values{
		"lock": {"id": {id}}, "unlock": {"id": {id}}, "roles": {"id": {id}, "roles": {"admin"}}, "delete-user": {"id": {id}}, "reset": {"id": {id}},
		"revoke": {"kind": {"subject"}, "id": {id}}, "rotate-keys": {},
	}
	before := trailOf(r)
	for _, route := range r.console.Routes() {
		method, path, _ := strings.Cut(route.Pattern, " ")
		if !route.Acts || method != http.MethodPost {
			continue
		}
		name := strings.TrimPrefix(path, "/console/acts/")
		in, known := about[name]
		if !known {
			t.Fatalf("the test does not know of the act %s", name)
		}
		asked := root.get("/console/acts/"+name+"?"+in.Encode()).want(t, http.StatusOK)
		if trailOf(r) != before {
			t.Fatalf("%s was done by looking at it", name)
		}
		for said, reason := range map[string]string{"Say why": "  ", "in at most 500 bytes": strings.Repeat("x", 501)} {
			again := root.post(path, asked.form(reason)).want(t, http.StatusUnprocessableEntity).says(t, said)
			if got := again.form("x"); got.Get("id") != in.Get("id") {
				t.Errorf("%s asks again about %q", name, got.Get("id"))
			}
		}
		for _, order := range []string{"", "ord_x", "ses_" + strings.TrimPrefix(asked.form("x").Get("order"), "ord_")} {
			form := asked.form("because")
			form.Set("order", order)
			root.post(path, form).want(t, http.StatusConflict)
		}
	}
	if trailOf(r) != before {
		t.Error("something was done without a reason, or without having been asked")
	}
}

// What is wrong with what an operator typed is said in their language, and in no other.
func TestWhatIsWrongIsSaidInTheReadersLanguage(t *testing.T) {
	r := open(t, "")
	root, ada := r.enter("root@example.com", "admin"), r.enter("ada@example.com")
	german := []string{"Accept-Language", "de"}
	path := "/console/acts/lock?id=" + string(ada.user.ID)
	form := root.get(path, german...).want(t, http.StatusOK).form(strings.Repeat("x", 501))
	for where, got := range map[string]page{
		"reason": root.visit("/console/acts/lock", root.cookie, form, german...),
		"roles":  root.get("/console/acts/roles?id="+string(ada.user.ID)+"&roles=%C3%9Cber", german...),
	} {
		want := map[string]string{"reason": "höchstens 500 Byte", "roles": "Jede Rolle muss"}[where]
		got.want(t, http.StatusUnprocessableEntity).says(t, want)
		if strings.Contains(got.text, "must") {
			t.Errorf("%s: the page has English words: %s", where, got.text)
		}
	}
}

func TestWhomItTouchesIsShownFirst(t *testing.T) {
	r := open(t, "")
	root, ada := r.enter("root@example.com", "admin"), r.enter("ada@example.com")
	r.again(ada.user)
	other := r.enter("eve@example.com")
	look := func(name string, in url.Values) page {
		return root.get("/console/acts/"+name+"?"+in.Encode()).want(t, http.StatusOK)
	}
	id := string(ada.user.ID)
	got := look("lock", url.Values{"id": {id}}).says(t, "2 sessions of ada@example.com on 1 device", "Nobody else.", "cannot sign in again")
	if strings.Contains(got.text, "eve@example.com") {
		t.Error("the page shows somebody whom it does not touch")
	}
	look("revoke", url.Values{"kind": {"subject"}, "id": {"ada@example.com"}}).says(t, "2 sessions of ada@example.com")
	look("revoke", url.Values{"kind": {"authz"}, "id": {id}}).says(t, "Nobody is signed out.")
	look("revoke", url.Values{"kind": {"session"}, "id": {string(other.session)}}).says(t, "eve@example.com on Firefox on Linux", "Other sessions of eve@example.com stay")
	look("revoke", url.Values{"kind": {"application"}, "id": {"default"}}).says(t, "4 sessions of 3 people with default", "Your own session is among them")
	look("revoke", url.Values{"kind": {"all"}, "end_sessions": {"1"}}).says(t, "4 sessions of 3 people", "You are signed out as well")
	look("revoke", url.Values{"kind": {"all"}}).says(t, "Nobody is signed out")
	look("roles", url.Values{"id": {id}, "roles": {"billing, admin"}}).says(t, "gains: admin, billing", "will be able to do all that you can")
	look("lock", url.Values{"id": {string(root.user.ID)}}).says(t, "This is you")
	look("delete-user", url.Values{"id": {id}}).says(t, "deleted for good")
	look("reset", url.Values{"id": {id}}).says(t, "2 sessions of ada@example.com on 1 device", "ada@example.com has nothing to sign in with", "Forgot your password?", "Nobody else.")
	r.equip(ada.user.ID)
	look("reset", url.Values{"id": {id}}).says(t, "ada@example.com loses: password, one-time codes, 1 passkey, 2 recovery codes, 1 connected account.")
	if got := look("reset", url.Values{"id": {string(root.user.ID)}}).says(t, "This is you"); strings.Contains(got.text, "stays locked") {
		t.Error("an operator who is not locked is said to stay so")
	}
	root.get("/console/acts/reset?id="+id, "Accept-Language", "de").want(t, http.StatusOK).says(t, "verliert: Passwort, Einmalcodes, 1 Passkey, 2 Wiederherstellungscodes, 1 verbundenes Konto.", "Anmeldewege von ada@example.com")
	for _, wrong := range []url.Values{{"kind": {"nonsense"}, "id": {"x"}}, {"kind": {"subject"}}, {"kind": {"session"}, "id": {"x"}}, {"kind": {"key"}, "id": {"x"}},
		{"kind": {"application"}, "id": {"x"}}, {"kind": {"subject"}, "id": {"nobody@example.com"}}} {
		if got := root.get("/console/acts/revoke?" + wrong.Encode()); got.StatusCode != http.StatusNotFound && got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d", wrong, got.StatusCode)
		} else if got.says(t, "What to revoke"); strings.Count(got.text, `value="`+wrong.Get("id")+`"`) == 0 {
			t.Errorf("%v: what was typed is gone", wrong)
		}
	}
	root.get("/console/acts/roles?id="+id+"&roles=Bill!").want(t, http.StatusUnprocessableEntity).says(t, "Each role must", `value="Bill!" autocomplete="off"`, "1 to 64")
	for _, k := range r.operator.Keys() {
		said := map[signing.State]string{signing.Next: "signs nothing yet", signing.Current: "refuse"}[k.State]
		look("revoke", url.Values{"kind": {"key"}, "id": {k.KID}}).says(t, said)
	}
}

func TestWhatActsDo(t *testing.T) {
	r := open(t, "")
	root, ada, bob := r.enter("root@example.com", "admin"), r.enter("ada@example.com"), r.enter("bob@example.com")
	id := url.Values{"id": {string(ada.user.ID)}}
	told := map[audit.Type]int{}
	last := func(want audit.Type) { // entries of one millisecond have no order, so it is looked for by its type
		t.Helper()
		told[want]++
		entries := r.entries(audit.Query{Type: want})
		if len(entries) != told[want] {
			t.Errorf("the trail holds %d of %s, want %d", len(entries), want, told[want])
		}
		for _, e := range entries {
			if e.Actor != string(root.user.ID) || e.Reason != "ticket 7" || e.RequestID == "" {
				t.Errorf("the trail holds %+v, want %s by the operator", e, want)
			}
		}
	}
	root.act("lock", id, "ticket 7")
	if last(audit.UserLocked); ada.alive() || r.who(ada.user.ID).Status != account.Locked || !bob.alive() {
		t.Error("a lock did not end her sessions, or ended those of others")
	}
	root.get("/console/acts/reset?id="+id.Get("id")).want(t, http.StatusOK).says(t, "stays locked")
	to := root.act("unlock", id, "ticket 7")
	if last(audit.UserUnlocked); r.who(ada.user.ID).Status != account.Active {
		t.Error("she is still locked")
	}
	root.get(to).want(t, http.StatusOK).says(t, "ada@example.com is unlocked")
	root.act("roles", url.Values{"id": id["id"], "roles": {"billing  support"}}, "ticket 7")
	if last(audit.RolesChanged); !slices.Equal(r.who(ada.user.ID).Roles, []string{"billing", "support"}) {
		t.Errorf("roles %v", r.who(ada.user.ID).Roles)
	}
	ada = r.again(r.who(ada.user.ID))
	root.act("revoke", url.Values{"kind": {"session"}, "id": {string(ada.session)}}, "ticket 7")
	if last(audit.SessionEnded); ada.alive() {
		t.Error("the session lives")
	}
	ada = r.again(ada.user)
	root.act("revoke", url.Values{"kind": {"subject"}, "id": id["id"]}, "ticket 7")
	if last(audit.Revoked); ada.alive() {
		t.Error("the session lives")
	}
	r.equip(ada.user.ID)
	ada = r.again(r.who(ada.user.ID))
	to = root.act("reset", id, "ticket 7")
	if last(audit.CredentialsReset); ada.alive() || !bob.alive() || r.has(ada.user.ID) != 0 {
		t.Errorf("after a reset she has %d credentials, or a session; or bob has none", r.has(ada.user.ID))
	}
	if !strings.HasPrefix(to, "/console/receipts/") {
		t.Errorf("a reset leads to %s", to)
	}
	root.get(to).want(t, http.StatusOK).says(t, "The credentials of ada@example.com are reset", "Enforced", "ticket 7")
	key := r.operator.Keys()[0].KID
	root.act("revoke", url.Values{"kind": {"key"}, "id": {key}}, "ticket 7")
	last(audit.KeyRevoked)
	root.act("rotate-keys", url.Values{}, "ticket 7")
	last(audit.KeyRotated)
	root.act("delete-user", id, "ticket 7")
	last(audit.UserDeleted)
	if _, err := r.operator.User(t.Context(), id.Get("id")); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("she is still there: %v", err)
	}
	root.act("revoke", url.Values{"kind": {"application"}, "id": {application.DefaultName}}, "ticket 7")
	if last(audit.Revoked); bob.alive() || root.alive() {
		t.Error("sessions of the application live")
	}
}

// A form that is sent twice, at once or later, does a thing once.
func TestAnOrderIsCarriedOutOnce(t *testing.T) {
	r := open(t, "")
	root, ada := r.enter("root@example.com", "admin"), r.enter("ada@example.com")
	about := "?id=" + string(ada.user.ID)
	form := root.get("/console/acts/lock" + about).form("because")
	places := make([]string, 8)
	var all sync.WaitGroup
	for i := range places {
		all.Go(func() { places[i] = root.post("/console/acts/lock", form).Header.Get("Location") })
	}
	all.Wait()
	if places[0] == "" || slices.ContainsFunc(places, func(p string) bool { return p != places[0] }) {
		t.Errorf("one order leads to %q", places)
	}
	root.act("unlock", url.Values{"id": {string(ada.user.ID)}}, "because")
	if again := root.post("/console/acts/lock", form).leads(t); again != places[0] {
		t.Errorf("sent again it leads to %s", again)
	}
	if n := len(r.entries(audit.Query{Type: audit.UserLocked})); n != 1 || r.who(ada.user.ID).Status != account.Active {
		t.Errorf("locked %d times", n)
	}
	// Somebody else's order, and one that was shown long ago.
	eve := r.enter("eve@example.com", "admin")
	eve.post("/console/acts/lock", form).want(t, http.StatusConflict)
	old := root.get("/console/acts/lock" + about).form("because")
	r.pass(16 * time.Minute)
	root = r.again(root.user)
	root.post("/console/acts/lock", old).want(t, http.StatusConflict)
	// What is gone is not asked for again.
	gone := root.get("/console/acts/delete-user" + about).form("because")
	first := root.post("/console/acts/delete-user", gone).leads(t)
	if again := root.post("/console/acts/delete-user", gone).leads(t); again != first {
		t.Errorf("sent again it leads to %s", again)
	}
}

// What is done is what was shown: not what it has become meanwhile.
func TestNothingElseIsDoneThanWhatWasShown(t *testing.T) {
	r := open(t, "")
	root, ada := r.enter("root@example.com", "admin"), r.enter("ada@example.com", "billing")
	reset := root.get("/console/acts/reset?id=" + string(ada.user.ID)).form("because")
	roles := root.get("/console/acts/roles?id=" + string(ada.user.ID) + "&roles=").form("because")
	rotate := root.get("/console/acts/rotate-keys").form("because")
	by := operator.By{Actor: "somebody else"}
	if _, _, err := r.operator.ChangeUser(t.Context(), ada.user.ID, operator.Patch{AddRoles: []string{"audit"}}, by); err != nil {
		t.Fatal(err)
	}
	if err := r.operator.RotateKeys(t.Context(), by); err != nil {
		t.Fatal(err)
	}
	root.post("/console/acts/roles", roles).want(t, http.StatusConflict).says(t, "changed meanwhile")
	root.post("/console/acts/rotate-keys", rotate).want(t, http.StatusConflict).says(t, "changed meanwhile")
	if got := r.who(ada.user.ID).Roles; !slices.Equal(got, []string{"audit", "billing"}) {
		t.Errorf("roles %v", got)
	}
	if n := len(r.entries(audit.Query{Type: audit.KeyRotated})); n != 1 {
		t.Errorf("rotated %d times", n)
	}
	// She has begun again meanwhile, and keeps what she has set up. The page asks about that now.
	r.equip(ada.user.ID)
	again := root.post("/console/acts/reset", reset).want(t, http.StatusConflict).says(t, "changed meanwhile", "1 passkey")
	if r.has(ada.user.ID) == 0 || len(r.entries(audit.Query{Type: audit.CredentialsReset})) != 0 {
		t.Error("she lost what was not shown")
	}
	root.post("/console/acts/reset", again.form("because")).leads(t)
	if n := r.has(ada.user.ID); n != 0 {
		t.Errorf("%d credentials are left", n)
	}
}

// An act that the store may or may not have carried out is not told as done.
func TestAnActDuringAnOutage(t *testing.T) {
	r := open(t, "")
	root, ada := r.enter("root@example.com", "admin"), r.enter("ada@example.com")
	form := root.get("/console/acts/lock?id=" + string(ada.user.ID)).form("because")
	r.fail("account.Amend")
	again := root.post("/console/acts/lock", form).want(t, http.StatusServiceUnavailable).says(t, "cannot be reached", "because")
	r.store.Fault(nil)
	if !ada.alive() {
		t.Fatal("she was locked")
	}
	r.again(ada.user)
	if to := root.post("/console/acts/lock", form).leads(t); !strings.HasPrefix(to, "/console/receipts/") {
		t.Errorf("sent again it leads to %s", to)
	}
	if to := root.post("/console/acts/lock", again.form("because")).leads(t); !strings.HasPrefix(to, "/console/receipts/") || ada.alive() {
		t.Errorf("confirmed again it leads to %s", to)
	}
}
