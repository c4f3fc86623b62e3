package operator_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/operator"
)

func uri(kind, raw string) string {
	return "data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString([]byte(raw))
}

func pictures(t *testing.T, side int) (asPNG, asJPEG string) {
	t.Helper()
	var p, j bytes.Buffer
	picture := image.NewGray(image.Rect(0, 0, side, 1))
	if err := errors.Join(png.Encode(&p, picture), jpeg.Encode(&j, picture, nil)); err != nil {
		t.Fatal(err)
	}
	return p.String(), j.String()
}

const (
	webp = "RIFF\x0a\x00\x00\x00WEBPVP8 \x00\x00"
	svg  = `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><style>a{}</style><use xlink:href="#a"/></svg>`
)

func TestBrandsThatPagesCanShow(t *testing.T) {
	s := newService(t)
	asPNG, asJPEG := pictures(t, 16)
	app, _, err := s.CreateApplication(t.Context(), application.Application{Name: "shop"}, operator.By{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []application.Brand{
		{}, {Title: "Käufer & Söhne <b>"}, {Color: "#1F4fd8"}, {Color: "#767676"}, {Logo: uri("png", asPNG)}, {Logo: uri("jpeg", asJPEG)},
		{Logo: uri("webp", webp)}, {Logo: uri("svg+xml", svg)},
	} {
		got, err := s.ChangeApplication(t.Context(), string(app.ID), func(a *application.Application) error { a.Brand = b; return nil }, operator.By{})
		if err != nil || got.Brand != b {
			t.Errorf("%.80v: %v", b, err)
		}
	}
}

func TestBrandsThatAreRefused(t *testing.T) {
	s := newService(t)
	asPNG, asJPEG := pictures(t, 16)
	wide, _ := pictures(t, 5000)
	for _, test := range []struct {
		brand       application.Brand
		field, part string
	}{
		{application.Brand{Title: strings.Repeat("x", 61)}, "brand.title", "60"},
		{application.Brand{Title: "a\nb"}, "brand.title", "printable"},
		{application.Brand{Title: "a\u202eb"}, "brand.title", "printable"},
		{application.Brand{Title: "\xff"}, "brand.title", "printable"},
		{application.Brand{Title: " a"}, "brand.title", "space"},
		{application.Brand{Color: "red"}, "brand.color", "#rrggbb"},
		{application.Brand{Color: "#12345g"}, "brand.color", "#rrggbb"},
		{application.Brand{Color: "#ffff00"}, "brand.color", "at least 4.5:1 on white, and has 1.0:1"},
		{application.Brand{Color: "#777777"}, "brand.color", "has 4.4:1"},
		{application.Brand{Logo: "https://evil.example/logo.png"}, "brand.logo", "data: URI"},
		{application.Brand{Logo: "data:text/html;base64,PGI+"}, "brand.logo", "data: URI"},
		{application.Brand{Logo: "data:image/gif;base64,R0lGODlh"}, "brand.logo", "data: URI"},
		{application.Brand{Logo: "data:image/png,abc"}, "brand.logo", "data: URI"},
		{application.Brand{Logo: "data:image/png;base64,%%%"}, "brand.logo", "data: URI"},
		{application.Brand{Logo: uri("png", asJPEG)}, "brand.logo", "type that its"},
		{application.Brand{Logo: uri("jpeg", asPNG)}, "brand.logo", "type that its"},
		{application.Brand{Logo: uri("png", svg)}, "brand.logo", "type that its"},
		{application.Brand{Logo: uri("webp", "RIFF....WEBPVP8 ....")}, "brand.logo", "type that its"},
		{application.Brand{Logo: uri("png", wide)}, "brand.logo", "4096 pixels"},
		{application.Brand{Logo: uri("png", asPNG+strings.Repeat("x", 32<<10))}, "brand.logo", "32 KiB"},
		{application.Brand{Logo: uri("svg+xml", "<html/>")}, "brand.logo", "type that its"},
		{application.Brand{Logo: uri("svg+xml", "<svg>")}, "brand.logo", "type that its"},
		{application.Brand{Logo: uri("svg+xml", "")}, "brand.logo", "type that its"},
		{application.Brand{Logo: uri("svg+xml", "<svg><script>alert(1)</script></svg>")}, "brand.logo", "without scripts"},
		{application.Brand{Logo: uri("svg+xml", "<svg xmlns:s='http://www.w3.org/2000/svg'><s:SCRIPT/></svg>")}, "brand.logo", "without scripts"},
		{application.Brand{Logo: uri("svg+xml", "<svg onload='alert(1)'/>")}, "brand.logo", "without scripts"},
		{application.Brand{Logo: uri("svg+xml", "<svg><a href=' javascript:alert(1)'/></svg>")}, "brand.logo", "without scripts"},
		{application.Brand{Logo: uri("svg+xml", "<svg><image href='https://evil.example/'/></svg>")}, "brand.logo", "without scripts"},
		{application.Brand{Logo: uri("svg+xml", "<svg><foreignObject/></svg>")}, "brand.logo", "without scripts"},
		{application.Brand{Logo: uri("svg+xml", `<!DOCTYPE svg [<!ENTITY a "b">]><svg/>`)}, "brand.logo", "entities"},
	} {
		_, _, err := s.CreateApplication(t.Context(), application.Application{Name: "shop", Brand: test.brand}, operator.By{})
		var field *operator.FieldError
		if !errors.As(err, &field) || field.Field != test.field || !strings.Contains(field.Rule, test.part) {
			t.Errorf("%.80v: %v", test.brand, err)
		}
	}
}

func TestPoliciesOfSigningIn(t *testing.T) {
	s := newService(t)
	s.Bounds.Methods = []application.Method{application.Password, application.Passkey, application.Provider("google")}
	register := func(in application.SignIn) (application.Application, error) {
		a, _, err := s.CreateApplication(t.Context(), application.Application{Name: "shop", SignIn: in}, operator.By{})
		return a, err
	}
	for _, test := range []struct {
		in          application.SignIn
		field, part string
	}{
		{application.SignIn{Methods: []application.Method{"email_code"}}, "sign_in.methods", "set mail.server"},
		{application.SignIn{Methods: []application.Method{"provider:github"}}, "sign_in.methods", "configuration"},
		{application.SignIn{Methods: []application.Method{"totp"}}, "sign_in.methods", "password, passkey, provider:google"},
		{application.SignIn{Methods: []application.Method{"passkey", "passkey"}}, "sign_in.methods", "twice"},
		{application.SignIn{SecondFactor: "always"}, "sign_in.second_factor", "required"},
		{application.SignIn{Remember: 366 * 24 * time.Hour}, "sign_in.remember", "365d"},
		{application.SignIn{ACR: "3"}, "sign_in.acr", "1 or 2"},
		{application.SignIn{ACR: "2", SecondFactor: application.Never}, "sign_in.acr", "never"},
	} {
		_, err := register(test.in)
		var field *operator.FieldError
		if !errors.As(err, &field) || field.Field != test.field || !strings.Contains(field.Rule, test.part) {
			t.Errorf("%+v: %v", test.in, err)
		}
	}
	in := application.SignIn{Methods: []application.Method{"provider:google", "passkey"}, SecondFactor: application.Required, Remember: -time.Second, ACR: "2"}
	app, err := register(in)
	if err != nil {
		t.Fatal(err)
	}
	s.Bounds.Methods = nil // the provider was taken out of the configuration: that keeps nobody from changing something else
	for name, want := range map[application.Method]bool{"passkey": true, "password": false} {
		_, err := s.ChangeApplication(t.Context(), string(app.ID), func(a *application.Application) error {
			a.SignIn.Methods = []application.Method{"provider:google", name}
			a.AccessTokenTTL = time.Minute
			return nil
		}, operator.By{})
		if (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
