package pages_test

import (
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tag is a start or an end of an element.
type tag struct {
	name string
	end  bool
	attr map[string]string
	text string // up to the next tag
}

var (
	tagForm  = regexp.MustCompile(`(?s)<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:[^>"]|"[^"]*")*)>([^<]*)`)
	attrForm = regexp.MustCompile(`([a-z][a-z0-9-]*)(?:="([^"]*)")?`)
	voids    = []string{"meta", "link", "input", "img", "br"}
)

// tags reads a page, whose attributes are all quoted.
func tags(body string) []tag {
	var out []tag
	for _, m := range tagForm.FindAllStringSubmatch(body, -1) {
		one := tag{name: strings.ToLower(m[2]), end: m[1] != "", attr: map[string]string{}, text: html.UnescapeString(strings.TrimSpace(m[4]))}
		for _, a := range attrForm.FindAllStringSubmatch(m[3], -1) {
			if _, twice := one.attr[a[1]]; twice {
				one.attr["TWICE"] = a[1]
			}
			one.attr[a[1]] = html.UnescapeString(a[2])
		}
		out = append(out, one)
	}
	return out
}

// examine fails the test unless the page is well-formed and can be used without seeing it: elements nest, ids are
// unique, what refers finds what it refers to, and all that can be used has a name.
func examine(t testing.TB, what, body string) {
	t.Helper()
	all := tags(body)
	var open []string
	ids, labels := map[string]bool{}, map[string]bool{}
	inLabel := map[int]bool{}
	for i, one := range all {
		if id, has := one.attr["id"]; has && !one.end {
			if ids[id] || id == "" {
				t.Errorf("%s: the id %q is there twice or empty", what, id)
			}
			ids[id] = true
		}
		if twice := one.attr["TWICE"]; twice != "" {
			t.Errorf("%s: <%s> has the attribute %s twice", what, one.name, twice)
		}
		if one.name == "label" && !one.end {
			labels[one.attr["for"]] = true
		}
		if slices.Contains(open, "label") {
			inLabel[i] = true
		}
		switch {
		case slices.Contains(voids, one.name):
		case one.end:
			if len(open) == 0 || open[len(open)-1] != one.name {
				t.Fatalf("%s: </%s> closes %v", what, one.name, open)
			}
			open = open[:len(open)-1]
		case strings.HasSuffix(strings.TrimSpace(attrOf(body, one)), "/"): // of a drawing
		default:
			open = append(open, one.name)
		}
	}
	if len(open) > 0 {
		t.Errorf("%s: %v stays open", what, open)
	}
	named(t, what, all, ids, labels, inLabel)
	if len(body) > 60<<10 {
		t.Errorf("%s has %d bytes: with its scripts it would be too heavy", what, len(body))
	}
}

// attrOf answers nothing but for the elements of drawings, which close themselves.
func attrOf(_ string, one tag) string {
	if slices.Contains([]string{"path", "circle", "rect"}, one.name) {
		return "/"
	}
	return ""
}

func named(t testing.TB, what string, all []tag, ids, labels map[string]bool, inLabel map[int]bool) {
	t.Helper()
	mains, headings := 0, 0
	for i, one := range all {
		if one.end {
			continue
		}
		for _, name := range []string{"aria-describedby", "aria-labelledby", "aria-controls", "for"} {
			for _, id := range strings.Fields(one.attr[name]) {
				if !ids[id] {
					t.Errorf("%s: %s refers to %q, which is not there", what, name, id)
				}
			}
		}
		if to, isAnchor := strings.CutPrefix(one.attr["href"], "#"); isAnchor && !ids[to] {
			t.Errorf("%s: a link leads to #%s, which is not there", what, to)
		}
		switch one.name {
		case "main":
			mains++
		case "h1":
			headings++
		case "img":
			if _, has := one.attr["alt"]; !has {
				t.Errorf("%s: a picture says nothing", what)
			}
		case "input":
			if one.attr["type"] != "hidden" && !labels[one.attr["id"]] && !inLabel[i] && one.attr["aria-label"] == "" {
				t.Errorf("%s: the field %s has no label", what, one.attr["name"])
			}
			if _, has := one.attr["autocomplete"]; !has && one.attr["type"] != "hidden" && one.attr["type"] != "checkbox" {
				t.Errorf("%s: the field %s says nothing about what to fill in", what, one.attr["name"])
			}
		case "button", "a":
			if textFrom(all[i:]) == "" {
				t.Errorf("%s: a <%s> has no words", what, one.name)
			}
		case "form":
			if one.attr["method"] != "post" || one.attr["action"] == "" {
				t.Errorf("%s: a form is sent by %q to %q", what, one.attr["method"], one.attr["action"])
			}
		}
	}
	if mains != 1 || headings != 1 {
		t.Errorf("%s has %d main parts and %d main headings, want one of each", what, mains, headings)
	}
}

// textFrom is the text of the element that begins the list.
func textFrom(all []tag) string {
	depth, text := 0, ""
	for _, one := range all {
		switch {
		case one.end:
			depth--
		case !slices.Contains(voids, one.name):
			depth++
		}
		if depth == 0 {
			return strings.TrimSpace(text)
		}
		text += one.text
	}
	return text
}

// examineHeaders fails the test unless an answer has what every page must have.
func examineHeaders(t testing.TB, what string, h http.Header) {
	t.Helper()
	policy := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'sha256-"} {
		if !strings.Contains(policy, want) {
			t.Errorf("%s: the policy lacks %s: %q", what, want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http:") || strings.Contains(policy, "https:") || strings.Contains(policy, "*") {
		t.Errorf("%s: the policy is too wide: %s", what, policy)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin",
		"Referrer-Policy": "same-origin",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %s is %q, want %q", what, name, got, want)
		}
	}
	if !strings.Contains(strings.Join(h.Values("Vary"), ","), "Accept-Language") {
		t.Errorf("%s: the answer differs by language and does not say so", what)
	}
}
