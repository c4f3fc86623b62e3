package web

import (
	"net/http"
	"strings"

	"github.com/mileusna/useragent"
)

const (
	maxUserAgent  = 512 // bytes that are looked at
	maxDeviceName = 100 // characters
)

// DeviceName answers a name for the device that a request comes from, such as "Firefox on Linux", for people to
// recognise it by. It is at most 100 printable ASCII characters and whatever the client wanted it to be.
func DeviceName(r *http.Request) string {
	text := r.UserAgent()
	if len(text) > maxUserAgent {
		text = text[:maxUserAgent]
	}
	text = printable(text)
	if text == "" {
		return ""
	}
	ua := useragent.Parse(text)
	name, on := ua.Name, ua.OS
	if ua.Device != "" && ua.Device != name {
		on = ua.Device
	}
	if name == "" {
		name, _, _ = strings.Cut(text, "/") // such as curl/8.5.0
	}
	if on != "" {
		name += " on " + on
	}
	return bounded(strings.TrimSpace(name))
}

// printable leaves out what could disturb a log, a message or a page.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '<' || c == '>' {
			return -1
		}
		return c
	}, s)
}

func bounded(s string) string {
	if len(s) > maxDeviceName {
		return s[:maxDeviceName]
	}
	return s
}
