package browser

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// Tab is one tab. Its embedded Scope is the whole page. Not for use by several goroutines at once.
type Tab struct {
	Scope
	Profile *Profile

	t      testing.TB
	page   *pageDriver
	record *record
	axed   struct {
		loader string // of the document
		world  int    // in which axe-core lies ready
	}
}

// Tab opens a tab, as wide as a desktop's, in English and light. It ends with the test, and fails it for what a page
// must never do.
func (p *Profile) Tab(t testing.TB) *Tab {
	t.Helper()
	tab := &Tab{Profile: p, t: t, record: &record{loads: map[string]bool{}}}
	tab.Scope = Scope{tab: tab, root: "document"}
	page, err := p.browser.driver.open(p.id, tab.record.see)
	if err != nil {
		t.Fatal(err)
	}
	tab.page = page
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the tab was at %s and showed:\n%s", tab.URL(), tab.shown())
		}
		for _, fault := range tab.Faults() {
			t.Errorf("%s: %s", tab.URL(), fault)
		}
		if err := page.close(); err != nil {
			t.Errorf("close a tab: %v", err)
		}
	})
	tab.Command("Audits.enable", nil, nil)
	tab.Speak("en-US,en;q=0.9")
	tab.Size(1280, 800)
	return tab
}

// Command sends a command of the DevTools protocol and decodes its result into res, unless that is nil.
func (t *Tab) Command(method string, params map[string]any, res any) {
	t.t.Helper()
	if err := t.page.call(method, params, res); err != nil {
		t.t.Fatalf("at %s: %v", t.URL(), err)
	}
}

// Await waits until it is so.
func (t *Tab) Await(what string, so func() bool) {
	t.t.Helper()
	for deadline := time.Now().Add(Patience); !so(); time.Sleep(glance) {
		if time.Now().After(deadline) {
			t.t.Fatalf("waited %v in vain: %s", Patience, what)
		}
	}
}

// Visit goes to a URL and waits until the page has loaded with all its parts.
func (t *Tab) Visit(url string) {
	t.t.Helper()
	t.leaving(func() {
		var gone struct{ ErrorText string }
		t.Command("Page.navigate", map[string]any{"url": url}, &gone)
		if gone.ErrorText != "" {
			t.t.Fatalf("visit %s: %s", url, gone.ErrorText)
		}
	}, "the page of "+url)
}

// Reload asks for the same page again.
func (t *Tab) Reload() {
	t.t.Helper()
	t.leaving(func() { t.Command("Page.reload", nil, nil) }, "the page anew")
}

// Back is the back button.
func (t *Tab) Back() {
	t.t.Helper()
	var history struct {
		CurrentIndex int
		Entries      []struct{ ID int }
	}
	t.Command("Page.getNavigationHistory", nil, &history)
	if history.CurrentIndex == 0 {
		t.t.Fatal("there is nothing to go back to")
	}
	before := t.documents()
	t.Command("Page.navigateToHistoryEntry", map[string]any{"entryId": history.Entries[history.CurrentIndex-1].ID}, nil)
	t.Await("the page before", func() bool { return t.documents() > before })
	t.Await("the page before is whole", func() bool { return t.Eval("document.readyState") == "complete" })
}

// leaving waits until what it does has led to another document, and that document has loaded.
func (t *Tab) leaving(do func(), what string) {
	t.t.Helper()
	before := t.documents()
	do()
	t.Await(what, func() bool {
		t.record.mu.Lock()
		defer t.record.mu.Unlock()
		return t.record.documents > before && t.record.loads[t.record.loader]
	})
}

func (t *Tab) documents() int {
	t.record.mu.Lock()
	defer t.record.mu.Unlock()
	return t.record.documents
}

// URL is where the tab is.
func (t *Tab) URL() string {
	t.record.mu.Lock()
	defer t.record.mu.Unlock()
	return t.record.url
}

// AwaitURL waits until the tab shows the URL, and has loaded it, whatever pages lead there.
func (t *Tab) AwaitURL(url string) {
	t.t.Helper()
	t.Await("to be at "+url+"; the tab is elsewhere", func() bool {
		t.record.mu.Lock()
		defer t.record.mu.Unlock()
		return t.record.url == url && t.record.loads[t.record.loader]
	})
}

// Eval evaluates an expression in the page, waits for it if it is a promise, and answers its value as JSON has it.
func (t *Tab) Eval(expression string) any {
	t.t.Helper()
	raw, err := t.evaluate(expression, 0)
	if err != nil {
		t.t.Fatalf("at %s: %v", t.URL(), err)
	}
	if len(raw) == 0 {
		return nil
	}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		t.t.Fatal(err)
	}
	return value
}

// evaluate evaluates in the page's own world, or in the one given.
func (t *Tab) evaluate(expression string, world int) (json.RawMessage, error) {
	params := map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true}
	if world != 0 {
		params["contextId"] = world
	}
	var res struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if err := t.page.call("Runtime.evaluate", params, &res); err != nil {
		return nil, err
	}
	if e := res.ExceptionDetails; e != nil {
		return nil, fmt.Errorf("evaluate: %s %s", e.Text, e.Exception.Description)
	}
	return res.Result.Value, nil
}

// shown is the text of the page, or why there is none.
func (t *Tab) shown() string {
	raw, err := t.evaluate("document.body ? document.body.innerText : ''", 0)
	if err != nil {
		return err.Error()
	}
	var text string
	_ = json.Unmarshal(raw, &text) // it is a string
	return text
}

// Screenshot answers the whole page as PNG.
func (t *Tab) Screenshot() []byte {
	t.t.Helper()
	var metrics struct {
		CSSContentSize struct{ Width, Height float64 }
	}
	t.Command("Page.getLayoutMetrics", nil, &metrics)
	var shot struct{ Data string }
	t.Command("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true, "clip": map[string]any{
		"x": 0, "y": 0, "width": metrics.CSSContentSize.Width, "height": metrics.CSSContentSize.Height, "scale": 1}}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		t.t.Fatal(err)
	}
	return png
}

// Frame is a frame within the page.
type Frame struct {
	URL     string
	Refused bool // it shows an error of the browser in place of what it should
}

// Frames lists the frames within the page.
func (t *Tab) Frames() (found []Frame) {
	t.t.Helper()
	var tree struct {
		FrameTree struct {
			Frame       struct{ URL, UnreachableURL string }
			ChildFrames []struct {
				Frame struct{ URL, UnreachableURL string }
			}
		}
	}
	t.Command("Page.getFrameTree", nil, &tree)
	for _, child := range tree.FrameTree.ChildFrames {
		found = append(found, shownIn(child.Frame.URL, child.Frame.UnreachableURL))
	}
	// Those of other sites are in processes of their own, and not in this tree.
	var all struct {
		TargetInfos []struct{ TargetID, URL, BrowserContextID string }
	}
	if err := t.Profile.browser.driver.call("Target.getTargets", map[string]any{"filter": []map[string]any{{"type": "iframe"}}}, &all); err != nil {
		t.t.Fatal(err)
	}
	for _, one := range all.TargetInfos {
		if one.BrowserContextID != t.Profile.id {
			continue
		}
		frame, err := t.Profile.browser.driver.peek(one.TargetID)
		if err != nil {
			t.t.Fatal(err)
		}
		tree.FrameTree.Frame.URL, tree.FrameTree.Frame.UnreachableURL = "", ""
		if err := frame.call("Page.getFrameTree", nil, &tree); err != nil {
			t.t.Fatal(err)
		}
		if err := frame.close(); err != nil {
			t.t.Fatal(err)
		}
		found = append(found, shownIn(tree.FrameTree.Frame.URL, tree.FrameTree.Frame.UnreachableURL))
	}
	return found
}

func shownIn(url, unreachable string) Frame {
	return Frame{url, unreachable != "" || url == "chrome-error://chromewebdata/"}
}
