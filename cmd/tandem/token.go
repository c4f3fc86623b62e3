package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

type tokenCmd struct {
	Inspect tokenInspectCmd `cmd:"" help:"Decode a token and say what would be refused, and why."`
}

type tokenInspectCmd struct {
	Token    string `arg:"" optional:"" help:"The token; read from standard input if left out, which keeps it out of the shell's history."`
	Issuer   string `placeholder:"URL" help:"Check the signature with the keys of this server."`
	Audience string `placeholder:"NAME" help:"Check that the token is meant for this service."`
}

func (tokenInspectCmd) Help() string {
	return `Exit code 1 if the token is malformed or would be refused. Whether it was revoked is not asked: for that, call
GET /v1/session with it.

Examples:
  tandem token inspect < token.txt
  tandem token inspect --issuer https://auth.example.com --audience https://api.example.com eyJ...`
}

// findings is what an inspection found.
type findings struct {
	Kind      string          `json:"kind"` // "access token", or which other credential it is
	Size      int             `json:"size"` // in bytes
	Header    json.RawMessage `json:"header,omitempty"`
	Claims    json.RawMessage `json:"claims,omitempty"`
	Signature string          `json:"signature"` // good, wrong or not checked
	Session   string          `json:"session,omitempty"`
	Expires   *time.Time      `json:"expires_at,omitempty"`
	Private   []string        `json:"private_claims"`
	Refusals  []string        `json:"refusals"`
	Notes     []string        `json:"notes"`
}

func (f *findings) refuse(format string, args ...any) {
	f.Refusals = append(f.Refusals, fmt.Sprintf(format, args...))
}

func (f *findings) note(format string, args ...any) {
	f.Notes = append(f.Notes, fmt.Sprintf(format, args...))
}

func (c tokenInspectCmd) Run(a *app) error {
	text := c.Token
	if text == "" || text == "-" {
		b, err := io.ReadAll(io.LimitReader(a.stdin, maxLine))
		if err != nil {
			return fmt.Errorf("read token: %w", err)
		}
		text = string(b)
	}
	text = strings.TrimSpace(text)
	text = strings.TrimSpace(strings.TrimPrefix(text, "Bearer "))
	if text == "" {
		return fmt.Errorf("%w: give a token as argument or on standard input", errUsage)
	}
	f := &findings{Size: len(text), Signature: "not checked", Private: []string{}, Refusals: []string{}, Notes: []string{}}
	if !f.opaque(text) {
		f.Kind = "access token"
		f.Header, f.Claims = parts(text)
		if err := c.check(a.ctx, text, f, time.Now()); err != nil {
			return err
		}
	}
	if err := f.print(a); err != nil {
		return err
	}
	if len(f.Refusals) > 0 {
		return errSilent
	}
	return nil
}

// opaque recognises the credentials that say nothing by themselves. None of their secret is printed.
func (f *findings) opaque(text string) bool {
	kinds := []struct{ prefix, kind, refusal string }{
		{"tds_", "session token", ""},
		{"tdr_", "refresh token", "it is for POST /v1/token/refresh alone: no service takes it"},
		{"tdk_", "API key", "it is for the administration API alone: no service takes it"},
	}
	for _, k := range kinds {
		if !strings.HasPrefix(text, k.prefix) {
			continue
		}
		f.Kind = k.kind
		const idLength = 26
		rest := text[len(k.prefix):]
		if k.prefix != "tdk_" && len(rest) > idLength {
			f.Session = "ses_" + rest[:idLength]
		}
		if k.refusal != "" {
			f.refuse("%s", k.refusal)
		}
		if k.prefix == "tds_" {
			if secret, err := base64.RawURLEncoding.Strict().DecodeString(rest[min(idLength, len(rest)):]); err != nil || len(secret) != 32 {
				f.refuse("it is malformed: a session token is tds_, 26 characters and 43 of base64url")
			}
		}
		f.note("it is opaque: only its server knows whose it is and whether it lives (GET /v1/session)")
		return true
	}
	return false
}

// parts decodes header and payload as far as that goes, even of a token that is refused.
func parts(text string) (header, payload json.RawMessage) {
	decode := func(part string) json.RawMessage {
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
		if err != nil || !json.Valid(b) {
			return nil
		}
		return b
	}
	pieces := strings.SplitN(text, ".", 4)
	if len(pieces) < 2 {
		return nil, nil
	}
	return decode(pieces[0]), decode(pieces[1])
}

func (f *findings) print(a *app) error {
	if a.JSON {
		return a.printJSON(f)
	}
	fmt.Fprintf(a.stdout, "%s, %d bytes\n", strings.ToUpper(f.Kind[:1])+f.Kind[1:], f.Size)
	if f.Session != "" {
		fmt.Fprintln(a.stdout, "session: "+printable(f.Session))
	}
	for _, part := range []struct {
		name string
		text json.RawMessage
	}{{"header", f.Header}, {"claims", f.Claims}} {
		if part.text == nil {
			continue
		}
		fmt.Fprintln(a.stdout, "\n"+part.name+":")
		if err := a.printMembers(part.text); err != nil {
			return err
		}
	}
	fmt.Fprintln(a.stdout)
	if f.Kind == "access token" {
		fmt.Fprintln(a.stdout, "signature: "+f.Signature)
		private := "none"
		if len(f.Private) > 0 {
			private = strings.Join(f.Private, ", ") + " (readable by whoever holds the token)"
		}
		fmt.Fprintln(a.stdout, "private claims: "+printable(private))
	}
	for _, n := range f.Notes {
		fmt.Fprintln(a.stdout, "note: "+printable(n))
	}
	for _, r := range f.Refusals {
		fmt.Fprintln(a.stdout, "would be refused: "+printable(r))
	}
	if len(f.Refusals) == 0 && f.Kind == "access token" {
		fmt.Fprintln(a.stdout, "nothing in it would be refused")
	}
	return nil
}

// printMembers prints an object's members; times also as people read them.
func (a *app) printMembers(object json.RawMessage) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		fmt.Fprintln(a.stdout, "  "+printable(string(object)))
		return nil
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	rows := make([][]string, len(names))
	for i, name := range names {
		var value bytes.Buffer
		if err := json.Compact(&value, members[name]); err != nil {
			return fmt.Errorf("print %s: %w", name, err)
		}
		text := value.String()
		var seconds int64
		if slices.Contains([]string{"iat", "exp", "nbf", "auth_time"}, name) && json.Unmarshal(members[name], &seconds) == nil {
			text += "  " + time.Unix(seconds, 0).UTC().Format(time.RFC3339)
		}
		rows[i] = []string{"  " + printable(name), text}
	}
	return a.printPairs(rows)
}
