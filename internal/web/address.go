package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Addresses finds out where a request comes from. Only the word of trusted proxies is taken for it.
type Addresses struct{ trusted []netip.Prefix }

// NewAddresses takes the networks of the trusted proxies, in CIDR form.
func NewAddresses(trusted []string) (Addresses, error) {
	var a Addresses
	for _, text := range trusted {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return a, fmt.Errorf("trusted proxies: %w", err)
		}
		a.trusted = append(a.trusted, p.Masked())
	}
	return a, nil
}

// maxHops bounds how far X-Forwarded-For is followed.
const maxHops = 32

// Of answers the client's address: the peer's, or, as long as that is a trusted proxy, the rightmost entry of
// X-Forwarded-For that is not one. What stands to the left of that was written by the client and says nothing. It is
// empty where there is none (a unix socket).
func (a Addresses) Of(r *http.Request) string {
	peer, ok := parseHop(r.RemoteAddr)
	if !ok {
		return ""
	}
	if len(a.trusted) == 0 || !a.trusts(peer) {
		return peer.String()
	}
	chain := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for range maxHops {
		if chain == "" {
			break
		}
		var last string
		if i := strings.LastIndexByte(chain, ','); i >= 0 {
			chain, last = chain[:i], chain[i+1:]
		} else {
			chain, last = "", chain
		}
		hop, ok := parseHop(strings.TrimSpace(last))
		if !ok {
			break
		}
		peer = hop
		if !a.trusts(peer) {
			break
		}
	}
	return peer.String()
}

func (a Addresses) trusts(addr netip.Addr) bool {
	for _, p := range a.trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// parseHop reads an address with or without a port and brackets. An IPv4 address mapped into IPv6 is the IPv4
// address; a zone means nothing elsewhere and is dropped.
func parseHop(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap().WithZone(""), true
}
