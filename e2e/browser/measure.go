package browser

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

// The rules of axe-core that are checked: WCAG 2.0 to 2.2, levels A and AA.
var accessible = []string{"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"}

// colored are the rules of those that look at colours.
var colored = []string{"color-contrast", "link-in-text-block"}

// Axe has axe-core look at the page and answers what violates WCAG 2.2 AA. The script runs in a world of its own, so the
// page's policy needs no exception for it.
func (t *Tab) Axe() []string {
	t.t.Helper()
	return t.axe(map[string]any{"type": "tag", "values": accessible})
}

// AxeColors is Axe for a page that has but changed its colours.
func (t *Tab) AxeColors() []string {
	t.t.Helper()
	return t.axe(map[string]any{"type": "rule", "values": colored})
}

func (t *Tab) axe(only map[string]any) []string {
	t.t.Helper()
	world := t.axeWorld()
	rules, _ := json.Marshal(only) // words
	raw, err := t.evaluate(fmt.Sprintf(`axe.run(document, {runOnly: %s, resultTypes: ["violations"]}).then(r => JSON.stringify(
		{violations: r.violations, passes: r.passes.length}))`, rules), world)
	if err != nil {
		t.t.Fatalf("run axe: %v", err)
	}
	var result struct {
		Passes     int
		Violations []struct {
			ID, Help string
			Nodes    []struct{ HTML, FailureSummary string }
		}
	}
	if err := json.Unmarshal([]byte(unquote(raw)), &result); err != nil {
		t.t.Fatalf("read what axe found: %v", err)
	}
	if result.Passes == 0 {
		t.t.Fatalf("axe found nothing to look at on %s", t.URL())
	}
	var found []string
	for _, v := range result.Violations {
		for _, n := range v.Nodes {
			found = append(found, fmt.Sprintf("%s: %s\n\t%s\n\t%s", v.ID, v.Help, n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", "\n\t")))
		}
	}
	return found
}

// axeWorld answers the world of the document that is shown in which axe-core has been loaded.
func (t *Tab) axeWorld() int {
	t.t.Helper()
	t.record.mu.Lock()
	loader := t.record.loader
	t.record.mu.Unlock()
	if t.axed.loader == loader {
		return t.axed.world
	}
	source, err := axe()
	if err != nil {
		t.t.Fatal(err)
	}
	var tree struct {
		FrameTree struct{ Frame struct{ ID string } }
	}
	t.Command("Page.getFrameTree", nil, &tree)
	var world struct{ ExecutionContextID int }
	t.Command("Page.createIsolatedWorld", map[string]any{"frameId": tree.FrameTree.Frame.ID, "worldName": "axe"}, &world)
	if _, err := t.evaluate(source+";0", world.ExecutionContextID); err != nil {
		t.t.Fatalf("load axe: %v", err)
	}
	t.axed.loader, t.axed.world = loader, world.ExecutionContextID
	return world.ExecutionContextID
}

// Weight is what a page costs.
type Weight struct {
	Document int // bytes on the wire, header included
	All      int // with all parts that came from a server
	Parts    []string
	Blocking []string // parts without which nothing is painted
	Foreign  []string // parts from another origin
	Shift    float64  // cumulative layout shift
	Shifts   []string // what moved while it loaded, and by how much
}

// Weigh weighs the page. Visit it in a fresh profile, or parts in the cache weigh nothing.
func (t *Tab) Weigh() Weight {
	t.t.Helper()
	t.Await("all parts have come", func() bool {
		return !slices.ContainsFunc(t.Parts(), func(q Request) bool {
			return q.Encoded == 0 && q.Failed == "" && q.Status/100 != 3 && origin(q.URL) != "" && (q.Kind == "Document" || q.Kind == "Stylesheet" || q.Kind == "Script" || q.Kind == "Image")
		})
	})
	var w Weight
	document := t.Document()
	w.Document = document.Encoded
	for _, q := range t.Parts() {
		if q.Status/100 == 3 {
			continue // it led here
		}
		w.All += q.Encoded
		w.Parts = append(w.Parts, fmt.Sprintf("%s %s %d", q.Kind, q.URL, q.Encoded))
		if q.Blocks && q.Kind != "Document" {
			w.Blocking = append(w.Blocking, q.URL)
		}
		if o := origin(q.URL); o != "" && o != origin(document.URL) {
			w.Foreign = append(w.Foreign, q.URL)
		}
	}
	shifts, _ := t.Eval(`new Promise(done => { const found = []
		const note = entries => { for (const e of entries) if (!e.hadRecentInput) found.push(e.value + ": " + e.sources.map(s => s.node?.outerHTML ?? s.node?.textContent).join(" ")) }
		const o = new PerformanceObserver(l => note(l.getEntries()))
		o.observe({type: "layout-shift", buffered: true})
		requestAnimationFrame(() => requestAnimationFrame(() => { note(o.takeRecords()); done(found) })) })`).([]any)
	for _, one := range shifts {
		text := fmt.Sprint(one)
		var by float64
		_, _ = fmt.Sscanf(text, "%g:", &by) // it begins with a number
		w.Shift, w.Shifts = w.Shift+by, append(w.Shifts, text)
	}
	return w
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "data" || u.Scheme == "blob" {
		return "" // part of the document itself
	}
	return u.Scheme + "://" + u.Host
}

// AxePath is where axe-core lies, from the directory of a test of e2e.
const AxePath = "testdata/axe/axe.min.js"

func axe() (string, error) {
	source, err := os.ReadFile(AxePath)
	return string(source), err
}

func unquote(raw json.RawMessage) string {
	var text string
	_ = json.Unmarshal(raw, &text) // it is a string
	return text
}
