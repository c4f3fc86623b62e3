package token_test

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tandem.example/tandem/verify/token"
)

// full are claims with every member set.
func full() token.Claims {
	return token.Claims{
		Issuer:    "https://auth.example.com",
		Subject:   "usr_01jh0000000000000000000000",
		Audience:  []string{"https://api.example.com", "https://feed.example.com"},
		ClientID:  "app_01jh0000000000000000000000",
		IssuedAt:  1767225600,
		ExpiresAt: 1767225900,
		ID:        "tok_01jh0000000000000000000000",
		SessionID: "ses_01jh0000000000000000000000",
		Revision:  token.Revision{Epoch: "01jh0000", Seq: 4711},
		AuthTime:  1767225000,
		ACR:       "2",
		AMR:       []string{"pwd", "otp"},
		Scope:     "accounts payments",
		Roles:     []string{"customer", "admin"},
	}
}

func TestDecodeVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/claims.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ Name, Payload, Claim, Rule string }
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			got, err := token.Decode([]byte(v.Payload))
			if v.Rule == "" {
				if err != nil {
					t.Fatalf("Decode(%s): %v", v.Payload, err)
				}
				if got.Subject != "usr_1" || got.IssuedAt != 1 || got.Revision.Seq != 7 {
					t.Errorf("Decode(%s) = %+v", v.Payload, got)
				}
				return
			}
			var e *token.Error
			if !errors.As(err, &e) || !errors.Is(err, token.ErrMalformed) {
				t.Fatalf("Decode(%s): error %v, want *token.Error", v.Payload, err)
			}
			if e.Claim != v.Claim || e.Rule != v.Rule {
				t.Errorf("Decode(%s): claim %q %q, want %q %q", v.Payload, e.Claim, e.Rule, v.Claim, v.Rule)
			}
			if !reflect.DeepEqual(got, token.Claims{}) {
				t.Errorf("Decode(%s) gave claims beside its error", v.Payload)
			}
		})
	}
}

func TestDecodeRefusesBrokenUTF8(t *testing.T) {
	payload := []byte(`{"iss":"` + "\xff" + `"}`)
	if _, err := token.Decode(payload); !errors.Is(err, token.ErrMalformed) {
		t.Errorf("Decode: %v, want ErrMalformed", err)
	}
}

// The canonical spelling is part of the contract: caches and tests of other
// languages compare it.
func TestEncodeSpelling(t *testing.T) {
	for _, c := range []struct {
		name, want string
		claims     token.Claims
	}{
		{"every claim", `{"iss":"https://auth.example.com","sub":"usr_01jh0000000000000000000000",` +
			`"aud":["https://api.example.com","https://feed.example.com"],"client_id":"app_01jh0000000000000000000000",` +
			`"iat":1767225600,"exp":1767225900,"jti":"tok_01jh0000000000000000000000","sid":"ses_01jh0000000000000000000000",` +
			`"rv":"01jh0000.4711","auth_time":1767225000,"acr":"2","amr":["pwd","otp"],"scope":"accounts payments","roles":["customer","admin"]}`, full()},
		{"required claims", `{"iss":"i","sub":"s","aud":"a","client_id":"c","iat":0,"exp":0,"jti":"j","rv":"01jh0000.0"}`, token.Claims{
			Issuer: "i", Subject: "s", Audience: []string{"a"}, ClientID: "c", ID: "j", Revision: token.Revision{Epoch: "01jh0000"}}},
		{"escapes", `{"iss":"\"\\/<é` + "\u2028" + `😀","sub":"\b\t\n\f\r\u0000\u001f` + "\x7f" + `","aud":"a","client_id":"c","iat":0,"exp":0,"jti":"j","rv":"01jh0000.0"}`, token.Claims{
			Issuer: "\"\\/<é\u2028😀", Subject: "\b\t\n\f\r\x00\x1f\x7f", Audience: []string{"a"}, ClientID: "c", ID: "j", Revision: token.Revision{Epoch: "01jh0000"}}},
	} {
		got, err := c.claims.Encode()
		if err != nil || string(got) != c.want {
			t.Errorf("%s:\n got %s, %v\nwant %s", c.name, got, err, c.want)
		}
		var loose map[string]any
		if err := json.Unmarshal(got, &loose); err != nil || loose["sub"] != c.claims.Subject {
			t.Errorf("%s: encoding/json reads %v, %v", c.name, loose, err)
		}
	}
}

// Every subset of the optional claims, with every kind of string, comes back
// as it was.
func TestRoundTrip(t *testing.T) {
	strange := []string{"plain", "\"quoted\\\"", "é😀\u2028", "\x00\x01\x1f\x7f", "\b\f\n\r\t", "</script>", strings.Repeat("long ", 100)}
	optional := []func(c *token.Claims, s string){
		func(c *token.Claims, s string) { c.SessionID = s },
		func(c *token.Claims, s string) { c.AuthTime = int64(len(s)) },
		func(c *token.Claims, s string) { c.ACR = s },
		func(c *token.Claims, s string) { c.AMR = []string{s, "pwd"} },
		func(c *token.Claims, s string) { c.Scope = s },
		func(c *token.Claims, s string) { c.Roles = slices.Repeat([]string{s}, 3) },
		func(c *token.Claims, s string) { c.Audience = []string{s, s + "2", "x"} },
		func(c *token.Claims, s string) { c.Revision.Seq = token.MaxSeq; c.ExpiresAt = 1<<53 - 1 },
	}
	for subset := range 1 << len(optional) {
		s := strange[subset%len(strange)]
		want := token.Claims{
			Issuer: s, Subject: "sub" + s, Audience: []string{s}, ClientID: s + "c", ID: s,
			IssuedAt: 1, ExpiresAt: 2, Revision: token.Revision{Epoch: "aZ09-_xy", Seq: 3},
		}
		for i, set := range optional {
			if subset>>i&1 == 1 {
				set(&want, s)
			}
		}
		payload, err := want.Encode()
		if err != nil {
			t.Fatalf("Encode(%+v): %v", want, err)
		}
		got, err := token.Decode(payload)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("Decode(%s):\n got %+v, %v\nwant %+v", payload, got, err, want)
		}
	}
}

// What Decode would refuse is not encoded, so that no issuer mints a token
// that no verifier takes.
func TestEncodeRefuses(t *testing.T) {
	for claim, spoil := range map[string]func(c *token.Claims){
		"iss":       func(c *token.Claims) { c.Issuer = "" },
		"sub":       func(c *token.Claims) { c.Subject = "" },
		"aud":       func(c *token.Claims) { c.Audience = nil },
		"client_id": func(c *token.Claims) { c.ClientID = "" },
		"jti":       func(c *token.Claims) { c.ID = "" },
		"iat":       func(c *token.Claims) { c.IssuedAt = -1 },
		"exp":       func(c *token.Claims) { c.ExpiresAt = 1 << 53 },
		"auth_time": func(c *token.Claims) { c.AuthTime = -1 },
		"rv":        func(c *token.Claims) { c.Revision.Epoch = "short" },
		"amr":       func(c *token.Claims) { c.AMR = []string{"pwd", ""} },
		"roles":     func(c *token.Claims) { c.Roles = []string{""} },
	} {
		c := full()
		spoil(&c)
		_, err := c.Encode()
		var e *token.Error
		if !errors.As(err, &e) || e.Claim != claim {
			t.Errorf("Encode with bad %s: %v", claim, err)
		}
	}
	for name, spoil := range map[string]func(c *token.Claims){
		"broken UTF-8 in a string": func(c *token.Claims) { c.Scope = "\xff" },
		"broken UTF-8 in a list":   func(c *token.Claims) { c.Roles = []string{"\xc3"} },
		"too long":                 func(c *token.Claims) { c.Scope = strings.Repeat("x", token.MaxPayload) },
		"position beyond limit":    func(c *token.Claims) { c.Revision.Seq = token.MaxSeq + 1 },
	} {
		c := full()
		spoil(&c)
		if got, err := c.Encode(); !errors.Is(err, token.ErrMalformed) || got != nil {
			t.Errorf("Encode with %s: %v, want ErrMalformed and nothing else", name, err)
		}
	}
}

func TestDecodeSizeLimit(t *testing.T) {
	c := full()
	payload, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	padded := append(payload, make([]byte, token.MaxPayload-len(payload))...)
	for i := len(payload); i < len(padded); i++ {
		padded[i] = ' '
	}
	if _, err := token.Decode(padded); err != nil {
		t.Errorf("Decode of MaxPayload bytes: %v", err)
	}
	if _, err := token.Decode(append(padded, ' ')); !errors.Is(err, token.ErrMalformed) {
		t.Errorf("Decode of one byte more: %v, want ErrMalformed", err)
	}
}

// The claims are a copy: the buffer they were read from may be used again.
func TestDecodeCopies(t *testing.T) {
	payload, err := full().Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := token.Decode(payload)
	if err != nil {
		t.Fatal(err)
	}
	clear(payload)
	if !reflect.DeepEqual(got, full()) {
		t.Errorf("claims changed with the payload's buffer: %+v", got)
	}
	got.AMR = append(got.AMR, "x")
	got.Audience = append(got.Audience, "x")
	if !slices.Equal(got.Roles, full().Roles) || !slices.Equal(got.AMR[:2], full().AMR) {
		t.Errorf("appending to one list changed another: %+v", got)
	}
}

func TestHas(t *testing.T) {
	c := full()
	for _, s := range []string{"accounts", "payments"} {
		if !c.HasScope(s) {
			t.Errorf("HasScope(%q) is false", s)
		}
	}
	for _, s := range []string{"", "account", "accounts ", "accounts payments", "Accounts", "pay"} {
		if c.HasScope(s) {
			t.Errorf("HasScope(%q) is true", s)
		}
	}
	if !c.HasRole("admin") || c.HasRole("Admin") || c.HasRole("adm") || c.HasRole("") {
		t.Error("HasRole does not compare whole roles")
	}
	if !c.HasAudience("https://api.example.com") || c.HasAudience("https://api.example.com/") || c.HasAudience("") {
		t.Error("HasAudience does not compare whole audiences")
	}
	empty := token.Claims{}
	if empty.HasScope("") || empty.HasRole("") || empty.HasAudience("") {
		t.Error("empty claims have something")
	}
}

// Errors are logged: nothing of the payload may be in them.
func TestErrorsHoldNoContent(t *testing.T) {
	for _, payload := range []string{
		`{"sekret":1,"sekret":2}`, `{"sekret":`, `{"iss":sekret}`, `{"rv":"sekret"}`, `{"iat":"sekret"}`, "sekret",
	} {
		_, err := token.Decode([]byte(payload))
		if err == nil || strings.Contains(err.Error(), "sekret") {
			t.Errorf("Decode(%s): %v", payload, err)
		}
	}
}

func TestDecodeAllocatesLittle(t *testing.T) {
	payload, err := full().Encode()
	if err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(100, func() {
		if _, err := token.Decode(payload); err != nil {
			t.Fatal(err)
		}
	})
	if n > 2 {
		t.Errorf("Decode allocates %v times, want at most 2", n)
	}
}
