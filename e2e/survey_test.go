package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"tandem.example/tandem/e2e/browser"
	"tandem.example/tandem/e2e/site"
	"tandem.example/tandem/internal/language"
)

// The budgets of a page.
const (
	maxWeight = 100 << 10 // bytes on the wire with all parts
	maxShift  = 0.0       // cumulative layout shift: nothing moves while a page loads
	firstTrip = 14_000    // bytes of ten segments, as many as a server sends before it waits for the first answer (RFC 6928), less what lies around them
)

// phones are the pages of which there is a picture at the width of a phone.
var phones = []string{
	"sign-in", "sign-in-password", "sign-in-password-fault", "sign-in-totp", "sign-up", "sign-up-code", "sign-up-choose", "account", "account-theft", "account-security",
	"account-devices", "account-history", "account-totp", "account-recovery-codes", "application-sign-in", "console-overview", "console-now", "console-user",
	"console-lock", "console-receipt", "console-audit",
}

// survey is a look at one page after another, in one language.
type survey struct {
	*testing.T
	language string
	seen     map[string]bool
}

func newSurvey(t *testing.T, language string) *survey {
	return &survey{T: t, language: language, seen: map[string]bool{}}
}

// look checks the page that a tab shows: everybody can use it, it fits a phone, it is light, it is in the language. The
// same page may be shown in several states, under several names.
func (s *survey) look(p *person, name string) {
	tab := p.Tab
	s.Helper()
	if s.seen[name] {
		s.Fatalf("%s was looked at twice", name)
	}
	s.seen[name] = true
	if lang := tab.Eval("document.documentElement.lang"); lang != s.language {
		s.Errorf("%s is in %v", name, lang)
	}
	if n := tab.Eval("document.querySelectorAll('h1').length"); n != 1.0 {
		s.Errorf("%s has %v headings of the first level", name, n)
	}
	s.weigh(tab, name)
	for _, dark := range []bool{false, true} {
		tab.Dark(dark)
		axe := tab.Axe
		if dark {
			axe = tab.AxeColors
		}
		for _, violation := range axe() {
			s.Errorf("%s (%s, dark: %v): %s", name, s.language, dark, violation)
		}
		if os.Getenv(picturesEnv) != "" && s.language == "en" {
			keep(s.T, name+map[bool]string{false: "-light", true: "-dark"}[dark], tab.Screenshot())
		}
	}
	tab.Dark(false)
	s.fits(tab, name, 1280)
	tab.Size(320, 640)
	s.fits(tab, name, 320)
	if os.Getenv(picturesEnv) != "" && s.language == "en" && slices.Contains(phones, name) {
		tab.Size(390, 844)
		keep(s.T, name+"-phone", tab.Screenshot())
	}
	tab.Size(1280, 800)
}

// fits fails if the page has to be scrolled sideways. What scrolls by itself, like a wide table, may.
func (s *survey) fits(tab *browser.Tab, name string, width int) {
	s.Helper()
	s.whole(tab, name, width)
	if over := tab.Eval(fmt.Sprintf(`Math.max(document.documentElement.scrollWidth, innerWidth) - %d`, width)); over != 0.0 {
		s.Errorf("%s has to be scrolled sideways at %d px, by %v px", name, width, over)
	}
	if wide := tab.Eval(fmt.Sprintf(`[...document.querySelectorAll("*")].filter(e => {
		const b = e.getBoundingClientRect(); if (b.width == 0 || b.right <= %d + 1) return false
		for (let p = e.parentElement; p; p = p.parentElement) if (["auto", "scroll", "hidden"].includes(getComputedStyle(p).overflowX)) return false // it scrolls by itself
		return true }).map(e => e.outerHTML.slice(0, 80)).join("\n")`, width)); wide != "" {
		s.Errorf("%s is wider than %d px: %v", name, width, wide)
	}
}

// whole fails if something is cut off at the edge of what holds it, or runs out of its cell into the next. A name may end in
// dots where there is no room for it.
func (s *survey) whole(tab *browser.Tab, name string, width int) {
	s.Helper()
	if cut := tab.Eval(`[...document.querySelectorAll("body *:not(.hidden, .who-name, input, svg, svg *)")].filter(e => {
		const style = getComputedStyle(e), cell = ["TD", "TH"].includes(e.tagName)
		return (cell || style.overflowX == "hidden" && style.position != "absolute") && e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1
		}).map(e => e.outerHTML.slice(0, 120)).join("\n")`); cut != "" {
		s.Errorf("%s (%s) cuts something off at %d px: %v", name, s.language, width, cut)
	}
}

func (s *survey) weigh(tab *browser.Tab, name string) {
	s.Helper()
	w := tab.Weigh()
	if w.All > maxWeight {
		s.Errorf("%s weighs %d bytes: %s", name, w.All, strings.Join(w.Parts, ", "))
	}
	if w.Document > firstTrip {
		s.Errorf("%s takes more than one round trip: %d bytes", name, w.Document)
	}
	if len(w.Blocking) > 0 || len(w.Foreign) > 0 {
		s.Errorf("%s waits for %v, and asks elsewhere for %v", name, w.Blocking, w.Foreign)
	}
	if w.Shift > maxShift {
		s.Errorf("%s moves while it loads, by %s", name, strings.Join(w.Shifts, "\n"))
	}
	if testing.Verbose() {
		s.Logf("%-28s document %6d, all %6d bytes", name, w.Document, w.All)
	}
}

// visitor is somebody who reads the language, with a fresh browser that keeps no parts of pages, so that all are weighed.
func (s *survey) visitor(at *site.Site) *person {
	s.Helper()
	p := visitor(s.T, at)
	p.said = language.For(s.language)
	p.Speak(s.language)
	p.Command("Network.setCacheDisabled", map[string]any{"cacheDisabled": true}, nil)
	return p
}
