package rig

import "testing"

// chromiums are the browser under the names that distributions give it.
var chromiums = []suite{
	{name: "Chromium", programs: []string{"chromium"}, places: []string{"/usr/bin", "/usr/lib/chromium"}, packages: []string{"chromium"}},
	{name: "Chromium", programs: []string{"chromium-browser"}, places: []string{"/usr/bin", "/usr/lib/chromium-browser"}},
	{name: "Google Chrome", programs: []string{"google-chrome"}, places: []string{"/usr/bin", "/opt/google/chrome"}},
}

// Chromium answers the path of a Chromium, which it installs if there is none. Starting it is up to the caller.
func Chromium(t testing.TB) string {
	t.Helper()
	return require(t, chromiums...)
}
