package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// stopped is a verifier that has read the log once and then hangs: its lease has to lapse.
func (r *room) stopped(name string) *revocation.Request {
	r.Helper()
	req := revocation.Request{Verifier: name, Instance: name + "-1", Nonce: "0123456789abcdef"}
	r.ask(&req)
	return &req
}

// ask lets it ask once, which acknowledges what it was told the last time.
func (r *room) ask(req *revocation.Request) {
	r.Helper()
	signed, err := r.feed.Sync(r.Context(), feed.Caller{Application: string(r.app.ID)}, *req)
	if err != nil {
		r.Fatal(err)
	}
	var reply revocation.Reply
	if err := json.Unmarshal(signed.Body, &reply); err != nil {
		r.Fatal(err)
	}
	req.Epoch, req.Position, req.Chain = reply.Epoch, reply.To, reply.Chain
}

// within waits for a condition that must come true well before a lease is over.
func within(t testing.TB, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(lease / 2); !true(); {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, lease/2)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

var (
	verdict = regexp.MustCompile(`<div id="verdict"><b>([^<]*)</b>`)
	live    = regexp.MustCompile(`hx-get="([^"]*/receipts/[^"]*)"`)
)

func said(p page) string {
	if m := verdict.FindStringSubmatch(p.text); m != nil {
		return m[1]
	}
	return ""
}

// follow goes on from a receipt as the browser does, until it is over, and answers all verdicts on the way.
func (p *person) follow(at page) (verdicts []string) {
	p.Helper()
	begun := time.Now()
	for {
		if v := said(at); len(verdicts) == 0 || verdicts[len(verdicts)-1] != v {
			verdicts = append(verdicts, v)
		}
		next := live.FindStringSubmatch(at.text)
		if next == nil {
			return verdicts
		}
		if time.Since(begun) > 2*lease {
			p.Fatalf("the receipt does not fill: %q", verdicts)
		}
		at = p.get(strings.ReplaceAll(next[1], "&amp;", "&"), "HX-Request", "true").want(p, http.StatusOK)
	}
}

func TestALockIsSeenToReachThreeVerifiers(t *testing.T) {
	r := open(t, "")
	root, ada, bob := r.enter("root@example.com", "admin"), r.enter("ada@example.com"), r.enter("bob@example.com")
	for _, name := range []string{"orders", "payments", "search"} {
		r.verifier(name)
	}
	within(t, "three verifiers follow", func() bool { return len(r.operator.Verifiers()) == 3 })
	to := root.act("lock", url.Values{"id": {string(ada.user.ID)}}, "phone call")
	if ada.alive() || !bob.alive() {
		t.Error("the lock did not end her sessions, or ended those of others")
	}
	verdicts := root.follow(root.get(to).want(t, http.StatusOK))
	enforced := regexp.MustCompile(`^Enforced on 3 of 3 verifiers after ([0-9.]+) ms$`).FindStringSubmatch(verdicts[len(verdicts)-1])
	if enforced == nil {
		t.Fatalf("the receipt said %q", verdicts)
	}
	if ms, err := strconv.ParseFloat(enforced[1], 64); err != nil || ms >= float64(lease.Milliseconds())/2 {
		t.Errorf("enforced after %s ms: the verifiers were not told, their leases lapsed", enforced[1])
	}
	got := root.get(to).want(t, http.StatusOK).says(t, "orders", "payments", "search", "ada@example.com is locked", "phone call", "Each has acknowledged it.")
	if n := strings.Count(got.text, `<span class="chip good">acknowledged</span>`); n != 3 {
		t.Errorf("%d verifiers are shown as having acknowledged it", n)
	}
	if strings.Contains(got.text, "htmx.js") {
		t.Error("a receipt that is over still asks for news")
	}
}

// A verifier that has not answered is shown as waited for, by a page that reloads without script as well.
func TestAReceiptIsSeenToFill(t *testing.T) {
	r := open(t, "")
	root, ada := r.enter("root@example.com", "admin"), r.enter("ada@example.com")
	one, two := r.stopped("a-one"), r.stopped("b-two")
	to := root.act("revoke", url.Values{"kind": {"subject"}, "id": {string(ada.user.ID)}}, "phone call")
	shown := func() page { t.Helper(); return root.get(to).want(t, http.StatusOK) }
	within(t, "the receipt begins", func() bool { return said(shown()) == "0 of 2 verifiers have answered" })
	at := shown()
	if !strings.Contains(at.text, `<noscript><meta http-equiv="refresh"`) || strings.Count(at.text, `<span class="chip">waiting</span>`) != 2 {
		t.Errorf("two that are waited for are shown as\n%s", at.text)
	}
	news := make(chan page)
	go func() { // held until there is news
		news <- root.get(strings.ReplaceAll(live.FindStringSubmatch(at.text)[1], "&amp;", "&"))
	}()
	r.ask(one)
	r.ask(one) // acknowledges
	if got := <-news; said(got) != "1 of 2 verifiers have answered" || !strings.Contains(got.text, `<span class="chip good">acknowledged</span>`) || strings.Contains(got.text, "<html") {
		t.Errorf("the news is\n%s", got.text)
	}
	r.ask(two)
	r.ask(two)
	if verdicts := root.follow(shown()); !strings.HasPrefix(verdicts[len(verdicts)-1], "Enforced on 2 of 2 verifiers after") {
		t.Errorf("the receipt said %q", verdicts)
	}
}

// The order is known at the node that carried it out. Another takes the receipt up from the commit.
func TestAnotherNodeTakesAReceiptUp(t *testing.T) {
	r := open(t, "")
	root, ada := r.enter("root@example.com", "admin"), r.enter("ada@example.com")
	to := root.act("revoke", url.Values{"kind": {"authz"}, "id": {string(ada.user.ID)}}, "phone call")
	place, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := func(change func(q url.Values)) page {
		q := place.Query()
		change(q)
		name := "ord_" + strings.TrimPrefix(string(session.NewID(r.now())), "ses_")
		return root.get("/console/receipts/" + name + "?" + q.Encode())
	}
	if got := elsewhere(func(url.Values) {}).want(t, http.StatusOK); said(got) != "Enforced" && live.FindString(got.text) == "" {
		t.Errorf("taken up as\n%s", got.text)
	}
	for name, change := range map[string]func(url.Values){
		"of a position that is not there": func(q url.Values) { q.Set("position", "99") },
		"from the future":                 func(q url.Values) { q.Set("at", strconv.FormatInt(r.now().Add(time.Hour).UnixMilli(), 10)) },
		"from long ago":                   func(q url.Values) { q.Set("at", strconv.FormatInt(r.now().Add(-time.Hour).UnixMilli(), 10)) },
		"of nothing":                      func(q url.Values) { q.Del("position") },
	} {
		if got := elsewhere(change); got.StatusCode != http.StatusNotFound {
			t.Errorf("a receipt %s: %d %s", name, got.StatusCode, said(got))
		}
	}
	root.get("/console/receipts/nonsense?"+place.RawQuery).want(t, http.StatusNotFound)
}
