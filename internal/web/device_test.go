package web_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"tandem.example/tandem/internal/web"
)

func TestDeviceName(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"": "",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":                         "Chrome on Windows",
		"curl/8.5.0":                  "curl",
		"<script>alert(1)</script>/1": "scriptalert",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("User-Agent", agent)
		if got := web.DeviceName(r); got != want {
			t.Errorf("%q: %q, want %q", agent, got, want)
		}
	}
}

func TestDeviceNameIsBoundedAndPrintable(t *testing.T) {
	t.Parallel()
	for _, agent := range []string{
		strings.Repeat("a", 100_000), "name\r\nSet-Cookie: x=y", "\u202eevil\u2028 (Linux)", "a\x00b\x1b[31m", "Mozilla/5.0 (Linux; Android 14; " + strings.Repeat("Ü<>", 300) + ")",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["User-Agent"] = []string{agent}
		got := web.DeviceName(r)
		if len(got) > 100 {
			t.Errorf("%.20q: %d characters", agent, len(got))
		}
		for _, c := range got {
			if c < ' ' || c > '~' || c == '<' || c == '>' {
				t.Errorf("%.20q: holds %q", agent, c)
			}
		}
	}
}
