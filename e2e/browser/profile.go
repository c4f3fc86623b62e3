package browser

import "testing"

// Profile is the browser of one person: cookies, storage and caches of its own, shared by its tabs.
type Profile struct {
	browser *Browser
	t       testing.TB
	id      string
}

// Profile makes a fresh profile that ends with the test.
func (b *Browser) Profile(t testing.TB) *Profile {
	t.Helper()
	var made struct{ BrowserContextID string }
	if err := b.driver.call("Target.createBrowserContext", nil, &made); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.driver.call("Target.disposeBrowserContext", map[string]any{"browserContextId": made.BrowserContextID}, nil); err != nil {
			t.Error(err)
		}
	})
	return &Profile{browser: b, t: t, id: made.BrowserContextID}
}

// Cookie is a cookie as the browser stored it.
type Cookie struct {
	Name, Value, Domain, Path, SameSite string
	Expires                             float64 // seconds since 1970; -1 for one that ends with the browser
	HTTPOnly                            bool    `json:"httpOnly"`
	Secure, Session                     bool
}

// Cookies lists what the browser stored, for all sites.
func (p *Profile) Cookies() []Cookie {
	p.t.Helper()
	var stored struct{ Cookies []Cookie }
	if err := p.browser.driver.call("Storage.getCookies", map[string]any{"browserContextId": p.id}, &stored); err != nil {
		p.t.Fatal(err)
	}
	return stored.Cookies
}

// Cookie answers the cookie of the name; nil if there is none.
func (p *Profile) Cookie(name string) *Cookie {
	p.t.Helper()
	for _, c := range p.Cookies() {
		if c.Name == name {
			return &c
		}
	}
	return nil
}

// SetCookies stores cookies, as a thief does who carries them to a browser of their own.
func (p *Profile) SetCookies(cookies ...map[string]any) {
	p.t.Helper()
	if err := p.browser.driver.call("Storage.setCookies", map[string]any{"browserContextId": p.id, "cookies": cookies}, nil); err != nil {
		p.t.Fatal(err)
	}
}

// ClearCookies takes all cookies away.
func (p *Profile) ClearCookies() {
	p.t.Helper()
	if err := p.browser.driver.call("Storage.clearCookies", map[string]any{"browserContextId": p.id}, nil); err != nil {
		p.t.Fatal(err)
	}
}
