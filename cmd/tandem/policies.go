package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// appPolicies are what can be said of an application when it is made, and afterwards. An empty text goes back to what the
// server has, and takes a title, colour or logo away.
type appPolicies struct {
	Mode            *string  `placeholder:"MODE" help:"What sign-in returns: session, jwt or hybrid."`
	Audience        []string `placeholder:"URL" help:"An audience of its tokens; may be repeated. The first is that of a token that asks for none."`
	Origin          []string `placeholder:"URL" help:"A web origin whose pages may act with the user's cookie, and to which people return; may be repeated."`
	Alg             *string  `placeholder:"ALG" help:"ES256, EdDSA, RS256, PS256 or HS256."`
	AccessTokenTTL  *string  `name:"access-token-ttl" placeholder:"DURATION" help:"Life of its access tokens, such as 5m."`
	RefreshGrace    *string  `placeholder:"DURATION" help:"For how long a used refresh token still answers with its successor."`
	RefreshIdle     *string  `placeholder:"DURATION" help:"Life of a refresh token that is not used."`
	RefreshAbsolute *string  `placeholder:"DURATION" help:"Life of all refresh tokens of one sign-in."`
	SessionPreset   *string  `placeholder:"PRESET" help:"standard (14d idle, 30d in all) or strict (15m, 12h)."`
	SessionIdle     *string  `placeholder:"DURATION" help:"Ends a session that nobody used for so long."`
	SessionAbsolute *string  `placeholder:"DURATION" help:"Ends any session after so long."`
	SessionLimit    *int     `placeholder:"N" help:"Sessions a user may have at once; 0 for no limit."`
	Method          []string `sep:"none" placeholder:"METHOD" help:"How a sign-in may begin: password, passkey, email_code or provider:NAME; may be repeated, in the order offered."`
	SecondFactor    *string  `placeholder:"WHEN" help:"When a second factor is asked for: if_enrolled, required or never."`
	Remember        *string  `placeholder:"DURATION" help:"For how long a device that has proven a second factor is not asked for one again; 0s: each time."`
	ACR             *string  `name:"acr" placeholder:"LEVEL" help:"Level that a session must have: 1, or 2 for two factors."`
	BrandTitle      *string  `placeholder:"TEXT" help:"Its name for people, at most 60 characters."`
	BrandColor      *string  `placeholder:"#RRGGBB" help:"Colour of buttons and links on its pages, readable on white."`
	LogoFile        *string  `placeholder:"FILE" help:"Its logo: a PNG, JPEG, WebP or SVG file of at most 32 KiB."`
}

// body is what is said, as the API takes it.
func (p appPolicies) body() (map[string]any, error) {
	sections := map[string]map[string]any{"": {}, "refresh": {}, "session": {}, "sign_in": {}, "brand": {}}
	for _, f := range []struct {
		section, name string
		given         *string
	}{
		{"", "mode", p.Mode}, {"", "alg", p.Alg}, {"", "access_token_ttl", p.AccessTokenTTL},
		{"refresh", "grace", p.RefreshGrace}, {"refresh", "idle", p.RefreshIdle}, {"refresh", "absolute", p.RefreshAbsolute},
		{"session", "preset", p.SessionPreset}, {"session", "idle", p.SessionIdle}, {"session", "absolute", p.SessionAbsolute},
		{"sign_in", "second_factor", p.SecondFactor}, {"sign_in", "remember", p.Remember}, {"sign_in", "acr", p.ACR},
		{"brand", "title", p.BrandTitle}, {"brand", "color", p.BrandColor},
	} {
		if f.given != nil {
			sections[f.section][f.name] = *f.given
		}
	}
	for _, f := range []struct {
		section, name string
		given         []string
	}{{"", "audiences", p.Audience}, {"", "allowed_origins", p.Origin}, {"sign_in", "methods", p.Method}} {
		if len(f.given) == 1 && f.given[0] == "" {
			sections[f.section][f.name] = []string{}
		} else if len(f.given) > 0 {
			sections[f.section][f.name] = f.given
		}
	}
	if p.SessionLimit != nil {
		sections["session"]["limit"] = *p.SessionLimit
	}
	if p.LogoFile != nil {
		logo, err := readLogo(*p.LogoFile)
		if err != nil {
			return nil, err
		}
		sections["brand"]["logo"] = logo
	}
	body := sections[""]
	for name, section := range sections {
		if name != "" && len(section) > 0 {
			body[name] = section
		}
	}
	return body, nil
}

// maxLogo is the largest logo, in bytes. The server says so too, but would refuse a larger body unread.
const maxLogo = 32 << 10

// readLogo makes a data: URI of an image file; empty for none. Whether it is what its name says is for the server to see.
func readLogo(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	kinds := map[string]string{".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".svg": "svg+xml"}
	kind, ok := kinds[strings.ToLower(filepath.Ext(path))]
	if !ok {
		return "", fmt.Errorf("%w: --logo-file must name a .png, .jpg, .webp or .svg file", errUsage)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("--logo-file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read: nothing to lose
	raw, err := io.ReadAll(io.LimitReader(f, maxLogo+1))
	if err != nil {
		return "", fmt.Errorf("--logo-file: %w", err)
	}
	if len(raw) > maxLogo {
		return "", fmt.Errorf("--logo-file: %s has more than 32 KiB: make the image smaller", path)
	}
	return "data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(raw), nil
}

type appUpdateCmd struct {
	because
	appPolicies
	App  string  `arg:"" help:"Id or name."`
	Name *string `placeholder:"NAME" help:"A new name, which is unique."`
}

func (appUpdateCmd) Help() string {
	return `What is not named stays as it is. An empty value goes back to what the server has.

Examples:
  tandem app update web --second-factor required --remember 7d
  tandem app update web --method passkey --method provider:google
  tandem app update web --brand-title "The Shop" --logo-file logo.svg
  tandem app update web --method '' --logo-file ''`
}

func (c appUpdateCmd) Run(a *app) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	if c.Name != nil {
		body["name"] = *c.Name
	}
	if len(body) == 0 {
		return fmt.Errorf("%w: say what is to change: `tandem app update --help` lists it", errUsage)
	}
	return a.administer(func(api *client) error {
		p, err := api.application(c.App)
		if err != nil {
			return err
		}
		var answer json.RawMessage
		if err := api.do(http.MethodPatch, at(c.query(), "apps", p.ID), body, &answer); err != nil {
			return fmt.Errorf("change application %s: %w", p, err)
		}
		return a.done(answer, "Changed application %s: it holds for whoever signs in from now on.", p)
	})
}

// put adds what is given.
func put(body map[string]any, values map[string]string) {
	for name, value := range values {
		if value != "" {
			body[name] = value
		}
	}
}
