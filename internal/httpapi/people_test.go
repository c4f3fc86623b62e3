package httpapi_test

import (
	"net/http"

	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/secret"
)

// person is somebody who is signed in, with what they hold.
type person struct {
	id, session, email     string
	token, refresh, access string // session token, refresh token, access token
	cookies                []*http.Cookie
}

// user creates a user with the roles, not signed in.
func (r *rig) user(email string, roles ...string) string {
	r.t.Helper()
	u, err := r.operator.CreateUser(r.t.Context(), operator.NewUser{
		Email: email, Name: "Somebody", Roles: roles, Password: secret.NewText(password),
	}, operator.By{Actor: "system"})
	if err != nil {
		r.t.Fatal(err)
	}
	return string(u.ID)
}

// enter signs a user in with the application, credentials in the body.
func (r *rig) enter(email, app string) person {
	r.t.Helper()
	a := r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": email, "password": password, "app": app, "delivery": "body"}})
	a.want(r.t, 200)
	return holds(a, email)
}

func holds(a answer, email string) person {
	return person{
		id: a.str("user", "id"), session: a.str("session", "id"), email: email,
		token: a.str("session_token"), refresh: a.str("refresh_token"), access: a.str("access_token"), cookies: a.Cookies(),
	}
}

// enterByCookie signs a user in as a browser does.
func (r *rig) enterByCookie(email string) person {
	r.t.Helper()
	a := r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": email, "password": password}})
	a.want(r.t, 200)
	return holds(a, email)
}

// ada creates a user and signs her in.
func (r *rig) ada() person {
	r.t.Helper()
	r.user("ada@example.com")
	return r.enter("ada@example.com", "default")
}

// root creates an administrator and signs them in.
func (r *rig) root() person {
	r.t.Helper()
	r.user("root@example.com", "admin")
	return r.enter("root@example.com", "default")
}

// apiKey makes an API key.
func (r *rig) apiKey() string {
	r.t.Helper()
	_, text, err := r.operator.CreateAPIKey(r.t.Context(), "test", nil, operator.By{Actor: "system"})
	if err != nil {
		r.t.Fatal(err)
	}
	return text.Reveal()
}

// cookie finds the cookie that an answer sets under a name.
func (a answer) cookie(name string) *http.Cookie {
	for _, c := range a.Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

const (
	sessionCookie = "__Host-tandem_session"
	deviceCookie  = "__Host-tandem_device"
)

// byCookie is the session token that came as a cookie.
func (p person) byCookie() string {
	for _, c := range p.cookies {
		if c.Name == sessionCookie {
			return c.Value
		}
	}
	return ""
}

// stale is a session cookie that opens nothing.
func (r *rig) stale() []*http.Cookie {
	return []*http.Cookie{{Name: sessionCookie, Value: "tds_nothing"}}
}
