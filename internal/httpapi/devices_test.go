package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestSignOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scope           string
		body            any
		mine, others    int // status of a live check afterwards
		cookieIsCleared bool
	}{
		{"default", nil, 401, 200, true},
		{"empty body", fields{}, 401, 200, true},
		{"local", fields{"scope": "local"}, 401, 200, true},
		{"others", fields{"scope": "others"}, 200, 401, false},
		{"global", fields{"scope": "global"}, 401, 401, true},
	} {
		r := newRig(t)
		other := r.ada()
		mine := r.enterByCookie(other.email)
		stranger := r.root()
		a := r.do(call{method: "POST", path: "/v1/sign-out", cookies: mine.cookies, body: c.body}).want(t, 204)
		cleared := a.cookie(sessionCookie)
		if c.cookieIsCleared != (cleared != nil && cleared.MaxAge < 0 && cleared.Value == "") || a.text != "" {
			t.Errorf("%s: cookie %v, body %q", c.scope, cleared, a.text)
		}
		if got := r.do(call{method: "GET", path: "/v1/session", cookies: mine.cookies}); got.StatusCode != c.mine {
			t.Errorf("%s: my session answers %d", c.scope, got.StatusCode)
		}
		for _, bearer := range []string{other.token, other.access} {
			if got := r.whoami(bearer); got.StatusCode != c.others {
				t.Errorf("%s: my other session answers %d", c.scope, got.StatusCode)
			}
		}
		r.whoami(stranger.token).want(t, 200)
	}
}

func TestSignOutWithEachCredential(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ada := r.ada()
	r.do(call{method: "POST", path: "/v1/sign-out", bearer: ada.access}).want(t, 204)
	r.whoami(ada.token).want(t, 401, "session_ended")
	mobile := r.enter(ada.email, "mobile")
	r.do(call{method: "POST", path: "/v1/sign-out", bearer: mobile.access}).want(t, 204)
	if a := r.refresh(mobile.refresh).want(t, 401, "invalid_grant"); a.str("cause") != "ended" {
		t.Errorf("%s", a.text)
	}
	r.do(call{method: "POST", path: "/v1/sign-out", bearer: ada.token, body: fields{"scope": "galaxy"}}).want(t, 401, "session_ended")
	again := r.enter(ada.email, "default")
	r.do(call{method: "POST", path: "/v1/sign-out", bearer: again.token, body: fields{"scope": "galaxy"}}).want(t, 422, "invalid_request")
	r.do(call{method: "POST", path: "/v1/sign-out"}).want(t, 401, "unauthenticated")
}

// TestSignOutOfADeadSession shows that the cookie goes though the session is gone already, but only then.
func TestSignOutOfADeadSession(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.user("ada@example.com")
	browser := r.enterByCookie("ada@example.com")
	r.do(call{method: "POST", path: "/v1/sign-out", cookies: browser.cookies}).want(t, 204)
	a := r.do(call{method: "POST", path: "/v1/sign-out", cookies: browser.cookies}).want(t, 401, "session_ended")
	if c := a.cookie(sessionCookie); c == nil || c.MaxAge >= 0 {
		t.Errorf("the dead cookie stays: %v", a.Header)
	}
	stale := []*http.Cookie{{Name: sessionCookie, Value: browser.byCookie()[:40] + strings.Repeat("A", 30)}}
	if a := r.do(call{method: "POST", path: "/v1/sign-out", cookies: stale}).want(t, 401, "invalid_token"); a.cookie(sessionCookie) != nil {
		t.Error("a cookie that lost a race was cleared: it may be the winner's by now")
	}
}

// TestCookieOfAnotherSession signs out with a token while the browser holds a cookie: only a dead one is taken away.
func TestCookieOfAnotherSession(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.user("bob@example.com")
	ada := r.ada()
	for _, c := range []struct {
		name    string
		cookie  func(mine person) person // whose cookie comes along
		act     func(mine, held person) call
		cleared bool
	}{
		{"another session of mine", func(person) person { return r.enterByCookie(ada.email) }, signOutWith("local"), false},
		{"another session of mine, but all end", func(person) person { return r.enterByCookie(ada.email) }, signOutWith("global"), true},
		{"another session of mine, and the others end", func(person) person { return r.enterByCookie(ada.email) }, signOutWith("others"), true},
		{"somebody else's", func(person) person { return r.enterByCookie("bob@example.com") }, signOutWith("global"), false},
		{"one that is dead already", func(person) person {
			browser := r.enterByCookie("bob@example.com")
			r.do(call{method: "POST", path: "/v1/sign-out", cookies: browser.cookies}).want(t, 204)
			return browser
		}, signOutWith("local"), true},
		{"the same session", func(mine person) person {
			return person{cookies: []*http.Cookie{{Name: sessionCookie, Value: mine.token}}}
		}, signOutWith("local"), true},
		{"none", func(person) person { return person{} }, signOutWith("local"), false},
		{"this device", func(person) person { return r.enterByCookie(ada.email) }, func(mine, _ person) call {
			return call{method: "DELETE", path: "/v1/sessions/" + mine.session, bearer: mine.token}
		}, false},
		{"the device of the cookie", func(person) person { return r.enterByCookie(ada.email) }, func(mine, held person) call {
			return call{method: "DELETE", path: "/v1/sessions/" + held.session, bearer: mine.token}
		}, true},
	} {
		mine := r.enter(ada.email, "default")
		held := c.cookie(mine)
		one := c.act(mine, held)
		one.cookies = held.cookies
		if got := r.do(one).want(t, 204).cookie(sessionCookie); (got != nil) != c.cleared {
			t.Errorf("%s: Set-Cookie %v", c.name, got)
		}
	}
}

func signOutWith(scope string) func(mine, held person) call {
	return func(mine, _ person) call {
		return call{method: "POST", path: "/v1/sign-out", bearer: mine.token, body: fields{"scope": scope}}
	}
}

func TestDevices(t *testing.T) { onEveryStore(t, testDevices) }

func testDevices(t *testing.T, r *rig) {
	ada := r.ada()
	phone := r.do(call{
		method: "POST", path: "/v1/sign-in", body: fields{"email": ada.email, "password": password, "delivery": "body"},
		header: map[string]string{"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
	}).want(t, 200)
	stranger := r.root()
	list := r.do(call{method: "GET", path: "/v1/sessions", bearer: ada.token}).want(t, 200)
	items := list.get("items").([]any)
	if len(items) != 2 || list.get("next") != nil {
		t.Fatalf("%s", list.text)
	}
	current := 0
	for _, item := range items {
		one := item.(map[string]any)
		if one["current"] == true {
			current++
			if one["id"] != ada.session {
				t.Errorf("another session is current: %v", one)
			}
		}
		if one["id"] == phone.str("session", "id") && (one["device"] != "Firefox on Linux" || one["ip"] != "192.0.2.7") {
			t.Errorf("%v", one)
		}
	}
	if current != 1 {
		t.Errorf("%d sessions are current", current)
	}

	end := func(id string) answer {
		return r.do(call{method: "DELETE", path: "/v1/sessions/" + id, bearer: ada.token})
	}
	end(stranger.session).want(t, 404, "not_found")
	end("nonsense").want(t, 404, "not_found")
	end("ses_00000000000000000000000000").want(t, 404, "not_found")
	r.whoami(stranger.token).want(t, 200)
	end(phone.str("session", "id")).want(t, 204)
	r.whoami(phone.str("session_token")).want(t, 401, "session_ended")
	r.whoami(ada.token).want(t, 200)
	end(ada.session).want(t, 204)
	r.whoami(ada.token).want(t, 401, "session_ended")
}

// TestPaging walks a list in small pages: each item once, in order, and no more.
func TestPaging(t *testing.T) { onEveryStore(t, testPaging) }

func testPaging(t *testing.T, r *rig) {
	r.user("ada@example.com")
	made := map[string]bool{}
	var last person
	for range 7 {
		r.pass(time.Minute)
		last = r.enter("ada@example.com", "default")
		made[last.session] = true
	}
	cursor, pages := "", 0
	for {
		a := r.do(call{method: "GET", path: "/v1/sessions?limit=3" + cursor, bearer: last.token}).want(t, 200)
		for _, item := range a.get("items").([]any) {
			id := item.(map[string]any)["id"].(string)
			if !made[id] {
				t.Fatalf("%s is not there, or came twice", id)
			}
			delete(made, id)
		}
		pages++
		next, ok := a.get("next").(string)
		if !ok {
			break
		}
		cursor = "&cursor=" + next
	}
	if len(made) != 0 || pages != 3 {
		t.Errorf("%d sessions left out in %d pages", len(made), pages)
	}
	for _, query := range []string{"limit=0", "limit=201", "limit=x", "limit=-1", "cursor=!!", "cursr=x"} {
		r.do(call{method: "GET", path: "/v1/sessions?" + query, bearer: last.token}).want(t, 422, "invalid_request")
	}
}

func TestMe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ada := r.ada()
	me := r.do(call{method: "GET", path: "/v1/me", bearer: ada.token}).want(t, 200)
	if me.str("id") != ada.id || me.str("email") != ada.email || len(me.get("notices").([]any)) != 0 {
		t.Errorf("%s", me.text)
	}
	patch := func(body any) answer {
		return r.do(call{method: "PATCH", path: "/v1/me", bearer: ada.token, body: body})
	}
	if a := patch(fields{"name": "Ada L."}).want(t, 200); a.str("name") != "Ada L." {
		t.Errorf("%s", a.text)
	}
	if a := patch(fields{}).want(t, 200); a.str("name") != "Ada L." {
		t.Errorf("an empty patch changed something: %s", a.text)
	}
	patch(fields{"name": "a\nb"}).want(t, 422, "invalid_request")
	if a := patch(fields{"name": nil}).want(t, 200); a.str("name") != "Ada L." {
		t.Errorf("null is not as if left out: %s", a.text)
	}
	patch(fields{"roles": []string{"admin"}}).want(t, 422, "invalid_request")
	patch(fields{"email": "other@example.com"}).want(t, 422, "invalid_request")
	if a := r.do(call{method: "GET", path: "/v1/me", bearer: ada.token}); a.str("name") != "Ada L." || len(a.get("roles").([]any)) != 0 {
		t.Errorf("%s", a.text)
	}
}
