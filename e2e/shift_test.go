package e2e

import (
	"fmt"
	"testing"

	"tandem.example/tandem/internal/language"
)

// Script puts points in time into the reader's zone after the page was painted. Whenever it does, everything stays where
// it was: a page is laid out the same with and without it, wide and narrow, in both languages, on the other side of the
// world.
func TestTimesMoveNothing(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"en", "de"} {
		p := visitor(t, home(t))
		p.said = language.For(lang)
		p.Speak(lang)
		p.signIn(ada, password)
		p.addPasskey("Laptop")
		p.Command("Emulation.setTimezoneOverride", map[string]any{"timezoneId": "Pacific/Kiritimati"}, nil)
		for _, path := range []string{"/account/history", "/account/security", "/account/devices"} {
			for _, width := range []int{320, 360, 400, 1280} {
				p.Size(width, 800)
				looked := func(off bool) (layout, text string) {
					p.Command("Emulation.setScriptExecutionDisabled", map[string]any{"value": off}, nil)
					p.goTo(path)
					p.Eval(`document.querySelectorAll("time.ago").forEach(e => { e.textContent = "now" })`) // a minute may pass meanwhile
					return fmt.Sprint(p.Eval(`[...document.querySelectorAll("main li, main li *")].filter(e => e.tagName != "SPAN" && !e.closest("svg, .acts"))
						.map(e => { const b = e.getBoundingClientRect(); return [e.tagName, b.x, b.y, b.width, b.height] }).join("\n")`)),
						fmt.Sprint(p.Eval(`document.querySelector("time.local").innerText`))
				}
				before, utc := looked(true)
				after, local := looked(false)
				if before != after {
					t.Errorf("%s in %s at %d px is laid out otherwise with script:\n%s\nand without:\n%s", path, lang, width, after, before)
				}
				if utc == local || utc[len(utc)-3:] != "UTC" {
					t.Errorf("%s in %s: %q became %q", path, lang, utc, local)
				}
			}
		}
	}
}
