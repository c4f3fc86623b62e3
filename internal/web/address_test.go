package web_test

import (
	"net/http/httptest"
	"testing"

	"tandem.example/tandem/internal/web"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	addresses, err := web.NewAddresses([]string{"10.0.0.0/8", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"direct", "192.0.2.1:99", nil, "192.0.2.1"},
		{"a stranger's word counts nothing", "192.0.2.1:99", []string{"198.51.100.7"}, "192.0.2.1"},
		{"proxy without a word", "10.1.2.3:99", nil, "10.1.2.3"},
		{"one proxy", "10.1.2.3:99", []string{"198.51.100.7"}, "198.51.100.7"},
		{"spoofed to the left", "10.1.2.3:99", []string{"1.1.1.1, 198.51.100.7"}, "198.51.100.7"},
		{"spoofed as a proxy to the left", "10.1.2.3:99", []string{"10.9.9.9, 198.51.100.7"}, "198.51.100.7"},
		{"two proxies", "10.1.2.3:99", []string{"1.1.1.1, 198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
		{"several headers are one list", "10.1.2.3:99", []string{"1.1.1.1", "198.51.100.7"}, "198.51.100.7"},
		{"only proxies", "10.1.2.3:99", []string{"10.0.0.9, 10.0.0.2"}, "10.0.0.9"},
		{"garbage ends the walk", "10.1.2.3:99", []string{"198.51.100.7, junk"}, "10.1.2.3"},
		{"with ports and brackets", "[fd00::1]:99", []string{"[2001:db8::1]:443"}, "2001:db8::1"},
		{"mapped is IPv4", "[::ffff:10.1.2.3]:99", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"a zone is dropped", "[fe80::1%eth0]:99", nil, "fe80::1"},
		{"unix socket", "@", []string{"198.51.100.7"}, ""},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		r.Header["X-Forwarded-For"] = c.forwarded
		if got := addresses.Of(r); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if _, err := web.NewAddresses([]string{"10.0.0.1"}); err == nil {
		t.Error("an address was taken for a network")
	}
}

func TestOtherHeadersSayNothingOfTheAddress(t *testing.T) {
	t.Parallel()
	addresses, err := web.NewAddresses([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"X-Real-Ip", "Forwarded", "X_forwarded_for", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "10.1.2.3:99"
		r.Header[name] = []string{"198.51.100.7"}
		if got := addresses.Of(r); got != "10.1.2.3" {
			t.Errorf("%s was believed: %q", name, got)
		}
	}
}
