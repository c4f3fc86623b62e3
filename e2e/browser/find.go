package browser

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Scope is a part of a page: what is looked for is looked for there.
type Scope struct {
	tab  *Tab
	root string // an expression
}

// Within answers the part that a CSS selector chooses: its first match.
func (s Scope) Within(selector string) Scope {
	return Scope{s.tab, fmt.Sprintf("%s.querySelector(%q)", s.root, selector)}
}

// WithinItem answers the first element of the selector whose text holds `text`: a row, a card.
func (s Scope) WithinItem(selector, text string) Scope {
	return Scope{s.tab, fmt.Sprintf("[...%s.querySelectorAll(%q)].find(e => e.textContent.includes(%q))", s.root, selector, text)}
}

var (
	fields    = []string{"textbox", "searchbox", "combobox", "spinbutton"}
	clickable = []string{"button", "link", "checkbox", "radio", "switch", "tab", "menuitem", "DisclosureTriangle", "option"}
)

// Node is something that assistive technology would tell of.
type Node struct {
	Role, Name string
	backend    int
}

// Nodes lists what assistive technology finds, in the order of the page.
func (s Scope) Nodes() ([]Node, error) {
	var root struct {
		Result struct{ ObjectID, Subtype string }
	}
	if err := s.tab.page.call("Runtime.evaluate", map[string]any{"expression": s.root}, &root); err != nil {
		return nil, err
	}
	if root.Result.ObjectID == "" {
		return nil, errors.New("there is no " + s.root)
	}
	var tree struct {
		Nodes []struct {
			Ignored          bool
			Role, Name       struct{ Value any }
			BackendDOMNodeID int
		}
	}
	if err := s.tab.page.call("Accessibility.queryAXTree", map[string]any{"objectId": root.Result.ObjectID}, &tree); err != nil {
		return nil, err
	}
	var found []Node
	for _, n := range tree.Nodes {
		if n.Ignored || n.BackendDOMNodeID == 0 {
			continue
		}
		role, _ := n.Role.Value.(string)
		name, _ := n.Name.Value.(string)
		found = append(found, Node{role, strings.Join(strings.Fields(name), " "), n.BackendDOMNodeID})
	}
	return found, nil
}

// find waits for the one node of the roles that has the name, or failing that, the one whose name holds it.
func (s Scope) find(name string, roles []string) Node {
	t := s.tab
	t.t.Helper()
	var found Node
	var why string
	t.Await(fmt.Sprintf("%q is there to be found among %v", name, roles), func() bool {
		nodes, err := s.Nodes()
		if err != nil {
			why = err.Error()
			return false
		}
		found, why = choose(nodes, name, roles)
		return why == "" || strings.HasPrefix(why, "ambiguous")
	})
	if why != "" {
		t.t.Fatalf("at %s, %q: %s", t.URL(), name, why)
	}
	return found
}

func choose(nodes []Node, name string, roles []string) (Node, string) {
	var exact, holding []Node
	var names []string
	for _, n := range nodes {
		if !slices.Contains(roles, n.Role) {
			continue
		}
		names = append(names, n.Role+" "+n.Name)
		if n.Name == name {
			exact = append(exact, n)
		} else if strings.Contains(n.Name, name) {
			holding = append(holding, n)
		}
	}
	if len(exact) == 0 {
		exact = holding
	}
	switch len(exact) {
	case 0:
		return Node{}, fmt.Sprintf("there is only %q", names)
	case 1:
		return exact[0], ""
	}
	return Node{}, fmt.Sprintf("ambiguous: there is %v", exact)
}

// Has reports whether something clickable or a field of that name is there now.
func (s Scope) Has(name string) bool {
	s.tab.t.Helper()
	nodes, err := s.Nodes()
	if err != nil {
		return false
	}
	_, why := choose(nodes, name, append(slices.Clone(fields), clickable...))
	return why == "" || strings.HasPrefix(why, "ambiguous")
}

// Fill puts text into the field of that label, in place of what was there, as a keyboard does.
func (s Scope) Fill(label, text string) {
	t := s.tab
	t.t.Helper()
	n := s.find(label, fields)
	t.Command("DOM.focus", map[string]any{"backendNodeId": n.backend}, nil)
	t.callOn(n, "function() { this.select ? this.select() : 0 }")
	if text == "" {
		t.callOn(n, "function() { this.value = ''; this.dispatchEvent(new Event('input', {bubbles: true})) }")
		return
	}
	t.Command("Input.insertText", map[string]any{"text": text}, nil)
}

// Click clicks what has that name with the mouse: nothing may lie over it.
func (s Scope) Click(name string) {
	s.tab.t.Helper()
	s.tab.clickOn(s.find(name, clickable))
}

// Follow clicks what has that name, and waits for the page that it leads to.
func (s Scope) Follow(name string) {
	s.tab.t.Helper()
	n := s.find(name, clickable)
	s.tab.leaving(func() { s.tab.clickOn(n) }, fmt.Sprintf("a page after %q", name))
}

// Choose chooses an option of the list of that label by its value.
func (s Scope) Choose(label, value string) {
	s.tab.t.Helper()
	n := s.find(label, []string{"combobox", "listbox"})
	s.tab.callOn(n, fmt.Sprintf("function() { this.value = %q; for (const e of ['input', 'change']) this.dispatchEvent(new Event(e, {bubbles: true})) }", value))
}

// Text is what can be read.
func (s Scope) Text() string {
	s.tab.t.Helper()
	root := s.root
	if root == "document" {
		root = "document.body"
	}
	text, _ := s.tab.Eval(fmt.Sprintf("(e => e ? e.innerText : '')(%s)", root)).(string)
	return text
}

// AwaitText waits until the text can be read.
func (s Scope) AwaitText(text string) {
	s.tab.t.Helper()
	s.tab.Await(fmt.Sprintf("%q can be read", text), func() bool { return strings.Contains(s.quickText(), text) })
}

// quickText is the text, or nothing while the page changes.
func (s Scope) quickText() string {
	root := s.root
	if root == "document" {
		root = "document.body"
	}
	raw, err := s.tab.evaluate(fmt.Sprintf("(e => e ? e.innerText : '')(%s)", root), 0)
	if err != nil {
		return ""
	}
	return unquote(raw)
}

// clickOn clicks the middle of a node.
func (t *Tab) clickOn(n Node) {
	t.t.Helper()
	t.Command("DOM.scrollIntoViewIfNeeded", map[string]any{"backendNodeId": n.backend}, nil)
	var box struct{ Quads [][]float64 }
	t.Command("DOM.getContentQuads", map[string]any{"backendNodeId": n.backend}, &box)
	if len(box.Quads) == 0 {
		t.t.Fatalf("%s %q cannot be seen", n.Role, n.Name)
	}
	q := box.Quads[0]
	x, y := (q[0]+q[2]+q[4]+q[6])/4, (q[1]+q[3]+q[5]+q[7])/4
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		t.Command("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}, nil)
	}
}

func (t *Tab) callOn(n Node, function string) {
	t.t.Helper()
	var object struct{ Object struct{ ObjectID string } }
	t.Command("DOM.resolveNode", map[string]any{"backendNodeId": n.backend}, &object)
	t.Command("Runtime.callFunctionOn", map[string]any{"objectId": object.Object.ObjectID, "functionDeclaration": function, "userGesture": true}, nil)
}

// Press presses a key: Tab, Enter, Escape, ArrowDown, or a letter.
func (t *Tab) Press(key string) {
	t.t.Helper()
	params := map[string]any{"key": key, "code": key}
	switch key {
	case "Tab":
		params["windowsVirtualKeyCode"] = 9
	case "Enter":
		params["windowsVirtualKeyCode"], params["text"] = 13, "\r"
	case "Escape":
		params["windowsVirtualKeyCode"] = 27
	case "ArrowDown":
		params["windowsVirtualKeyCode"] = 40
	}
	params["type"] = "keyDown"
	t.Command("Input.dispatchKeyEvent", params, nil)
	params["type"] = "keyUp"
	delete(params, "text")
	t.Command("Input.dispatchKeyEvent", params, nil)
}

// Type types text into what has the focus.
func (t *Tab) Type(text string) {
	t.t.Helper()
	// A page that has just loaded gives its first field the focus a moment later.
	t.Await("a field that has the focus", func() bool { return t.Eval(`document.activeElement?.tagName === "INPUT"`) == true })
	t.Command("Input.insertText", map[string]any{"text": text}, nil)
}

// Enter presses Enter and waits for the page that it leads to.
func (t *Tab) Enter() {
	t.t.Helper()
	t.leaving(func() { t.Press("Enter") }, "a page after Enter")
}
