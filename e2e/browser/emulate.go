package browser

// Size sets the size of what is shown, in CSS pixels: 320 and 390 wide are phones.
func (t *Tab) Size(width, height int) {
	t.t.Helper()
	t.Command("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
}

// Dark has the person prefer dark pages, or light ones.
func (t *Tab) Dark(dark bool) {
	t.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	t.Command("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{
		{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}}}, nil)
}

// Speak has the browser say what its person reads (Accept-Language).
func (t *Tab) Speak(languages string) {
	t.t.Helper()
	t.Command("Emulation.setUserAgentOverride", map[string]any{"userAgent": t.Profile.browser.agent, "acceptLanguage": languages}, nil)
}

// Agent has the browser name itself otherwise (User-Agent), in English.
func (t *Tab) Agent(name string) {
	t.t.Helper()
	t.Command("Emulation.setUserAgentOverride", map[string]any{"userAgent": name, "acceptLanguage": "en-US,en;q=0.9"}, nil)
}

// WithoutScript turns the scripts of pages off, from the next page on.
func (t *Tab) WithoutScript() {
	t.t.Helper()
	t.Command("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
}
