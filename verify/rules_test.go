package verify

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/token"
	"tandem.example/tandem/verify/verifytest"
)

func TestContradictoryRules(t *testing.T) {
	v := start(t, verifytest.NewServer(t))
	tests := map[string][]Rule{
		"zero rule":                    {{}},
		"live and within":              {Live(), Within(time.Second)},
		"live and until expiry":        {UntilExpiry(), Live()},
		"within and until expiry":      {Within(time.Second), UntilExpiry()},
		"within twice":                 {Within(time.Second), Within(2 * time.Second)},
		"live twice":                   {Live(), Live()},
		"within nothing":               {Within(0)},
		"within less than nothing":     {Within(-time.Second)},
		"authenticated within 0":       {AuthenticatedWithin(0)},
		"authenticated twice":          {AuthenticatedWithin(1), AuthenticatedWithin(2)},
		"acr twice":                    {ACR("1"), ACR("2")},
		"empty scope":                  {Scope("")},
		"two scopes in one":            {Scope("a b")},
		"scope with a quote":           {Scope(`a"b`)},
		"empty role":                   {Role("")},
		"empty acr":                    {ACR("")},
		"unknown policy":               {OnLeaseLost(7)},
		"policy twice":                 {OnLeaseLost(Deny), OnLeaseLost(AskServer)},
		"until expiry without lease":   {UntilExpiry(), OnLeaseLost(AskServer)},
		"live, accepting for all that": {Live(), OnLeaseLost(InsecureAcceptUntilExpiry)},
	}
	for name, rules := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := v.Verify(t.Context(), "x", rules...); !errors.Is(err, ErrRules) {
				t.Errorf("Verify: %v", err)
			}
			ctx, cancel := v.Watch(t.Context(), &Token{kind: AccessToken}, rules...)
			defer cancel()
			if ctx.Err() == nil {
				t.Error("Watch: the context has not ended")
			}
			func() {
				defer func() {
					if recover() == nil {
						t.Error("Protect did not panic")
					}
				}()
				v.Protect(http.NotFoundHandler(), rules...)
			}()
		})
	}
}

func TestDemands(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{Roles: []string{"teller", "admin.read"}})
	session.Edit(func(x *verifytest.Session) { x.Scope = "accounts payments.read" })
	tests := []struct {
		name  string
		rules []Rule
		want  error
	}{
		{"a scope", []Rule{Scope("accounts")}, nil},
		{"two scopes", []Rule{Scope("payments.read"), Scope("accounts")}, nil},
		{"a scope that begins alike", []Rule{Scope("payments")}, ErrForbidden},
		{"one scope of two", []Rule{Scope("accounts"), Scope("payments")}, ErrForbidden},
		{"a role", []Rule{Role("teller")}, nil},
		{"two roles", []Rule{Role("teller"), Role("admin.read")}, nil},
		{"a role that begins alike", []Rule{Role("admin")}, ErrForbidden},
		{"one role of two", []Rule{Role("teller"), Role("admin")}, ErrForbidden},
		{"acr", []Rule{ACR("1")}, nil},
		{"higher acr", []Rule{ACR("2")}, ErrStepUp},
		{"acr by another name", []Rule{ACR("urn:example:silver")}, ErrStepUp},
		{"authenticated just now", []Rule{AuthenticatedWithin(time.Minute)}, nil},
		{"all at once", []Rule{Within(time.Second), Scope("accounts"), Role("teller"), ACR("1"), AuthenticatedWithin(time.Minute), OnLeaseLost(AskServer)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, credential := range []string{session.AccessToken(), session.Token()} {
				for _, rules := range [][]Rule{tt.rules, with(tt.rules, Live()), with(tt.rules, UntilExpiry())} {
					if tt.want == nil {
						accepts(t, v, credential, rules...)
					} else {
						refuses(t, v, tt.want, credential, rules...)
					}
				}
			}
		})
	}
}

// with adds a freshness rule unless there is one.
func with(rules []Rule, r Rule) []Rule {
	for _, has := range rules {
		if has.kind == ruleWithin || has.kind == ruleLeaseLost {
			return rules
		}
	}
	return append([]Rule{r}, rules...)
}

func TestHigherACRWillDo(t *testing.T) {
	for _, tt := range []struct {
		have, want string
		ok         bool
	}{
		{"1", "1", true},
		{"2", "1", true},
		{"1", "2", false},
		{"10", "9", true},
		{"", "1", false},
		{"0", "1", false},
		{"gold", "gold", true},
		{"gold", "1", false},
		{"2", "gold", false},
		{"-1", "1", false},
		{"99999999999", "1", false},
	} {
		if got := reaches(tt.have, tt.want); got != tt.ok {
			t.Errorf("have %q, want %q: %t", tt.have, tt.want, got)
		}
	}
}

// The time of authentication is compared with the issuer's clock: a service
// whose own clock is wrong decides the same.
func TestAuthenticatedWithinByTheIssuersClock(t *testing.T) {
	s := verifytest.NewServer(t)
	s.SetClock(-3 * time.Hour)
	v := start(t, s)
	session := s.SignIn(verifytest.User{})
	accepts(t, v, session.AccessToken(), AuthenticatedWithin(5*time.Minute))
	session.Edit(func(x *verifytest.Session) { x.AuthenticatedAt = s2h(x.AuthenticatedAt) })
	for _, rules := range [][]Rule{{}, {Live()}} {
		refused := refuses(t, v, ErrStepUp, session.AccessToken(), append(rules, AuthenticatedWithin(5*time.Minute))...)
		if refused.MaxAge != 5*time.Minute {
			t.Errorf("MaxAge %v", refused.MaxAge)
		}
	}
	machine := session.AccessToken(func(c *token.Claims) { c.AuthTime = 0 })
	refuses(t, v, ErrStepUp, machine, AuthenticatedWithin(time.Hour))
}

func s2h(at time.Time) time.Time { return at.Add(-2 * time.Hour) }

// What is revoked, stale or expired is told before what is not permitted: the
// client must renew or sign in, and not give up.
func TestOrderOfRefusals(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{})
	credential := session.AccessToken()
	refuses(t, v, ErrForbidden, credential, Role("admin"))
	old := session.AccessToken(func(c *token.Claims) { c.IssuedAt -= 600; c.ExpiresAt = c.IssuedAt + 300 })
	refuses(t, v, ErrExpired, old, Role("admin"))
	s.Demote(session.User(), "admin")
	s.Settle()
	refuses(t, v, ErrStale, credential, Role("admin"))
	accepts(t, v, session.AccessToken(), Role("admin"))
	s.Revoke(revocation.KindSession, session.ID)
	s.Settle()
	refuses(t, v, ErrRevoked, credential, Role("admin"))
}
