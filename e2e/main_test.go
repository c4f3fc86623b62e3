package e2e

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"tandem.example/tandem/e2e/browser"
	"tandem.example/tandem/e2e/site"
)

// shared is the browser of all tests that need nothing special of it.
var shared struct {
	sync.Mutex
	browser *browser.Browser
}

// chromium answers the browser that tests share; each takes profiles of its own.
func chromium(t testing.TB) *browser.Browser {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.browser == nil {
		shared.browser = browser.Open(t, browser.Config{Certificates: []string{site.KeyHash()}})
	}
	return shared.browser
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.browser != nil {
		if err := shared.browser.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	if err := site.RemoveProgram(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}
