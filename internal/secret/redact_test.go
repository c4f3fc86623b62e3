package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"tandem.example/tandem/internal/secret"
)

// holder has the secrets where callers put them: exported, unexported, behind a
// pointer, in a map and in a slice.
type holder struct {
	Text   secret.Text
	text   secret.Text
	Ptr    *secret.Text
	Map    map[string]secret.Text
	Slice  []secret.Text
	Digest secret.Digest
	Box    *secret.Box
	box    *secret.Box
}

const hidden = "hunter2-hunter2-hunter2-hunter2-"

func newHolder(t *testing.T) holder {
	t.Helper()
	text := secret.NewText(hidden)
	box, err := secret.NewBox([]byte(hidden))
	if err != nil {
		t.Fatal(err)
	}
	return holder{
		Text: text, text: text, Ptr: &text, Map: map[string]secret.Text{"k": text}, Slice: []secret.Text{text},
		Digest: secret.Sum([]byte(hidden)), Box: box, box: box,
	}
}

// wants fails if out shows the secret in any spelling that fmt has.
func wants(t *testing.T, how, out string) {
	t.Helper()
	digest := secret.Sum([]byte(hidden))
	for name, form := range map[string]string{
		"text":         hidden,
		"hex":          fmt.Sprintf("%x", hidden),
		"HEX":          fmt.Sprintf("%X", hidden),
		"bytes":        strings.Trim(fmt.Sprint([]byte(hidden)), "[]"),
		"digest hex":   fmt.Sprintf("%x", digest[:]),
		"digest bytes": strings.Trim(fmt.Sprint(digest[:]), "[]"),
		"digest json":  strings.ReplaceAll(strings.Trim(fmt.Sprint(digest[:]), "[]"), " ", ","),
	} {
		if strings.Contains(out, form) {
			t.Errorf("%s shows the secret as %s: %s", how, name, out)
		}
	}
}

func TestNothingPrints(t *testing.T) {
	h := newHolder(t)
	values := map[string]any{
		"Text": h.Text, "*Text": h.Ptr, "Digest": h.Digest, "*Digest": &h.Digest, "*Box": h.Box,
		"[]Text": h.Slice, "map": h.Map, "struct": h, "*struct": &h, "any": []any{h.Text, h.Digest, h.Box},
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%t", "%c", "%10s", "%-40v", "%.3s", "%T", "%U"} {
			wants(t, name+" with "+verb, fmt.Sprintf(verb, v))
		}
		wants(t, name+" with Println", fmt.Sprintln(v))
		if b, err := json.Marshal(v); err == nil {
			wants(t, name+" with json", string(b))
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
		wants(t, name+" with slog", log.String())
	}
}

func TestTextSaysThatItIsRedacted(t *testing.T) {
	for _, text := range []secret.Text{secret.NewText(hidden), secret.NewText(""), {}} {
		b, err := json.Marshal(map[string]secret.Text{"password": text})
		if err != nil || string(b) != `{"password":"[redacted]"}` {
			t.Errorf("json = %s, %v", b, err)
		}
		for _, out := range []string{fmt.Sprint(text), fmt.Sprintf("%d", text), fmt.Sprintf("%#v", text), text.String()} {
			if out != "[redacted]" {
				t.Errorf("printed %q, want [redacted] whatever it holds", out)
			}
		}
	}
	box := newHolder(t).Box
	if s := fmt.Sprintf("%v %#v %x", box, box, box); s != "[redacted] [redacted] [redacted]" {
		t.Errorf("a box prints as %q", s)
	}
	if s := fmt.Sprintf("%x %s", secret.Sum(nil), secret.Sum(nil)); s != "[redacted] [redacted]" {
		t.Errorf("a digest prints as %q", s)
	}
}

func TestTextReveals(t *testing.T) {
	text := secret.NewText(hidden)
	copied := text
	if text.Reveal() != hidden || copied.Reveal() != hidden {
		t.Error("Reveal does not return what NewText was given")
	}
	var zero secret.Text
	if zero.Reveal() != "" || !zero.Empty() || !secret.NewText("").Empty() || text.Empty() {
		t.Error("Empty is wrong")
	}
	if !text.Equal(secret.NewText(hidden)) || text.Equal(secret.NewText(hidden+"x")) || text.Equal(zero) || !zero.Equal(secret.NewText("")) {
		t.Error("Equal is wrong")
	}
}

func TestTextIsParsedFromJSON(t *testing.T) {
	var body struct{ Password secret.Text }
	if err := json.Unmarshal([]byte(`{"password":"p\u00e4ss"}`), &body); err != nil || body.Password.Reveal() != "päss" {
		t.Errorf("parsed %q, %v", body.Password.Reveal(), err)
	}
	err := json.Unmarshal([]byte(`{"password":12345}`), &body)
	if err == nil {
		t.Error("a number was taken for a password")
	}
}

func TestDigest(t *testing.T) {
	d := secret.Sum([]byte("abc"))
	if fmt.Sprintf("%x", d[:2]) != "ba78" {
		t.Error("Sum is not SHA-256")
	}
	back, err := secret.ParseDigest(d[:])
	if err != nil || !back.Equal(d) || back != d {
		t.Errorf("ParseDigest does not read what was stored: %v", err)
	}
	other := d
	other[31] ^= 1
	if d.Equal(other) || d.IsZero() || !(secret.Digest{}).IsZero() {
		t.Error("Equal or IsZero is wrong")
	}
	for _, n := range []int{0, 31, 33} {
		if _, err := secret.ParseDigest(make([]byte, n)); err == nil {
			t.Errorf("a digest of %d bytes was read", n)
		}
	}
	if a, b := secret.Random(32), secret.Random(32); len(a) != 32 || bytes.Equal(a, b) {
		t.Error("Random repeats itself")
	}
}
