package ui

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// lights are the custom properties of the stylesheet in light and in dark.
func lights(t *testing.T) map[string]map[string]color {
	t.Helper()
	sheet, err := files.ReadFile("style.css")
	if err != nil {
		t.Fatal(err)
	}
	bright, dark, found := strings.Cut(string(sheet), "@media (prefers-color-scheme: dark)")
	if !found {
		t.Fatal("the sheet has no dark half")
	}
	dark, _, _ = strings.Cut(dark, "}\n}")
	bright, _, _ = strings.Cut(bright, "\n}")
	out := map[string]map[string]color{"light": {}, "dark": {}}
	property := regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6})\b`)
	for light, text := range map[string]string{"light": bright, "dark": dark} {
		for _, m := range property.FindAllStringSubmatch(text, -1) {
			c, ok := parseColor(m[2])
			if !ok {
				t.Fatalf("--%s is %s", m[1], m[2])
			}
			out[light][m[1]] = c
		}
	}
	return out
}

// TestContrast: text is readable on whatever it stands on, and what can be used is seen (WCAG 2.2 §1.4.3, §1.4.11).
func TestContrast(t *testing.T) {
	t.Parallel()
	for light, colors := range lights(t) {
		pairs := map[string]float64{}
		for _, ground := range []string{"ground", "raised", "sunken"} {
			for _, text := range []string{"ink", "soft"} {
				pairs[text+" "+ground] = 4.5
			}
		}
		for _, ground := range []string{"ground", "raised"} {
			pairs["accent "+ground], pairs["edge "+ground], pairs["bad "+ground] = 4.5, 3, 4.5
		}
		for _, tone := range []string{"good", "warn", "bad"} {
			pairs[tone+" "+tone+"-ground"], pairs["ink "+tone+"-ground"] = 4.5, 4.5
		}
		pairs["on-accent accent"], pairs["on-bad bad"] = 4.5, 4.5
		for pair, least := range pairs {
			a, b, _ := strings.Cut(pair, " ")
			one, hasOne := colors[a]
			other, hasOther := colors[b]
			if !hasOne || !hasOther {
				t.Errorf("%s: the sheet lacks %s or %s", light, a, b)
				continue
			}
			if got := contrast(one, other); got < least {
				t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", light, a, b, got, least)
			}
		}
	}
}

// TestBrandsAreReadable: whatever colour an application has, its links can be read in both lights, and so can the words
// on its buttons.
func TestBrandsAreReadable(t *testing.T) {
	t.Parallel()
	of := lights(t)
	if of["light"]["ground"] != lightGround || of["dark"]["raised"] != darkRaised {
		t.Error("the surfaces in color.go are not those of the sheet")
	}
	rule := regexp.MustCompile(`^:root\{--accent:(#[0-9a-f]{6})\}@media\(prefers-color-scheme:dark\)\{:root\{--accent:(#[0-9a-f]{6})\}\}$`)
	steps := []int{0, 51, 102, 128, 204, 255}
	for _, r := range steps {
		for _, g := range steps {
			for _, b := range steps {
				text := fmt.Sprintf("#%02X%02x%02x", r, g, b)
				m := rule.FindStringSubmatch(brandStyle(text))
				if m == nil {
					t.Fatalf("%s gives %q", text, brandStyle(text))
				}
				for i, light := range []string{"light", "dark"} {
					accent, _ := parseColor(m[i+1])
					for _, on := range []string{"ground", "raised", "on-accent"} {
						if got := contrast(accent, of[light][on]); got < 4.5 {
							t.Errorf("%s becomes %s in %s: contrast with %s is %.2f", text, accent, light, on, got)
						}
					}
				}
			}
		}
	}
}

// TestOnlyColorsAreColors: what is no colour never gets into a stylesheet.
func TestOnlyColorsAreColors(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "red", "#fff", "#12345", "#1234567", "#12345g", "#+12345", "#-12345", "#0x123", "#123 45", "}*{x:y", "#1234_5", "\n#12345"} {
		if got := brandStyle(text); got != "" {
			t.Errorf("%q gives %q", text, got)
		}
	}
	if got := (color{1, 2, 3}).String(); got != "#010203" {
		t.Errorf("printed %s", got)
	}
}
