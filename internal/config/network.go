package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

func (c Config) checkListeners(ps *problems) {
	for _, l := range []struct{ key, address string }{{"listen", c.Listen}, {"admin_listen", c.AdminListen}} {
		host, port, ok := splitAddress(l.address)
		if !ok {
			ps.add(l.key, "must be host:port with a port from 0 to 65535", "write an address such as 127.0.0.1:8484")
		} else if c.Dev && !isLocal(host) {
			ps.add(l.key, "lets other machines reach a server that runs with --dev, which is open", "listen on 127.0.0.1, or run without --dev")
		} else if l.key == "admin_listen" && l.address == c.Listen && port != 0 {
			ps.add(l.key, "must differ from listen, which it shares an address with", "write an address such as 127.0.0.1:8485", "listen")
		}
	}
}

func (c Config) checkProxies(ps *problems) {
	for i, text := range c.TrustedProxies {
		prefix, err := netip.ParsePrefix(text)
		entry := fmt.Sprintf("entry %d", i+1)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil {
			one := netip.PrefixFrom(addr, addr.BitLen())
			ps.add("trusted_proxies", entry+" is an address, not a network", "write "+one.String()+" for this one address")
		} else if err != nil {
			ps.add("trusted_proxies", entry+" is not a network", "write a network such as 10.0.0.0/8")
		} else if prefix.Bits() == 0 {
			ps.add("trusted_proxies", entry+" is the whole internet, so that anyone could choose the address they seem to come from", "name the proxies' own network")
		} else if prefix.Masked() != prefix {
			ps.add("trusted_proxies", entry+" has bits beyond its prefix", "write "+prefix.Masked().String())
		}
	}
}

// isLocal reports whether a host is this machine: localhost or a loopback
// address.
func isLocal(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

// splitAddress splits host:port and checks that the port is a number.
func splitAddress(address string) (host string, port uint64, ok bool) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, false
	}
	port, err = strconv.ParseUint(text, 10, 16)
	return host, port, err == nil
}
