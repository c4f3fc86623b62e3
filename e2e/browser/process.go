package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
)

// Patience is how long anything may take that is waited for. It bounds a test that would hang; nothing depends on how
// long things really take.
const Patience = 30 * time.Second

// glance is the time between two looks at what is waited for.
const glance = 10 * time.Millisecond

// Config is how a browser is started.
type Config struct {
	// Certificates are SHA-256 hashes, in base64, of public keys (SubjectPublicKeyInfo) whose certificates are taken for
	// valid, whoever signed them: those of the test's own servers.
	Certificates []string
	// Features are turned on by name (--enable-features).
	Features []string
}

// Browser is one process of Chromium. Safe for use by several tests at once.
type Browser struct {
	driver *driver
	dir    string
	agent  string // as it names itself, but not headless

	mu     sync.Mutex
	closed bool
}

// Start starts a browser that ends with the test. Tests that need nothing special share one (Open, Close).
func Start(t testing.TB, c Config) *Browser {
	t.Helper()
	b := Open(t, c)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// Open starts a browser that may outlive the test: it is up to the caller to close it. With -short, the test is skipped.
func Open(t testing.TB, c Config) *Browser {
	t.Helper()
	program := rig.Chromium(t)
	dir, err := os.MkdirTemp("", "tandem-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	b := &Browser{dir: dir}
	if b.driver, err = launch(program, dir, flags(c)); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	var version struct{ UserAgent string }
	if err := b.driver.call("Browser.getVersion", nil, &version); err != nil {
		t.Fatal(err)
	}
	b.agent = strings.Replace(version.UserAgent, "HeadlessChrome", "Chrome", 1)
	return b
}

// Close ends the browser and says what it left behind.
func (b *Browser) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	err := b.driver.close()
	if err != nil {
		err = fmt.Errorf("end the browser: %w", err)
	}
	var left []string
	for deadline := time.Now().Add(Patience); ; time.Sleep(glance) {
		if left = living(b.dir); len(left) == 0 || time.Now().After(deadline) {
			break
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("processes of the browser are left: %v", left)
	}
	if rerr := os.RemoveAll(b.dir); err == nil {
		err = rerr
	}
	return err
}

// living are the processes of the browser whose profile lies in the directory.
func living(dir string) (found []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline") // only a bad pattern is an error
	for _, file := range all {
		if line, err := os.ReadFile(file); err == nil && strings.Contains(string(line), dir) {
			found = append(found, filepath.Dir(file))
		}
	}
	return found
}

// Names below example.test stand for this machine, so that a test has sites and subdomains; all others are unknown.
const resolver = "MAP example.test 127.0.0.1, MAP *.example.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"

func flags(c Config) map[string]any {
	f := map[string]any{
		"headless": true, "no-sandbox": true, "disable-gpu": true, "no-first-run": true, "no-default-browser-check": true,
		"disable-background-networking": true, "disable-component-update": true, "disable-sync": true, "disable-default-apps": true,
		"disable-domain-reliability": true, "disable-breakpad": true, "disable-client-side-phishing-detection": true,
		"disable-extensions": true, "metrics-recording-only": true, "no-pings": true, "password-store": "basic",
		"disable-dev-shm-usage": true, "disable-background-timer-throttling": true, "disable-renderer-backgrounding": true,
		"disable-backgrounding-occluded-windows": true, "disable-hang-monitor": true, "disable-ipc-flooding-protection": true,
		"hide-scrollbars": true, "mute-audio": true, "force-color-profile": "srgb", "font-render-hinting": "none", "lang": "en-US",
		"disable-features":    "Translate,OptimizationHints,MediaRouter,AutofillServerCommunication,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable",
		"host-resolver-rules": resolver,
	}
	if len(c.Certificates) > 0 {
		f["ignore-certificate-errors-spki-list"] = strings.Join(c.Certificates, ",")
	}
	if len(c.Features) > 0 {
		f["enable-features"] = strings.Join(c.Features, ",")
	}
	return f
}
