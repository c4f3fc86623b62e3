package ui

import (
	"fmt"
	"html/template"
)

// icons are drawings of 24 by 24, in strokes of the text's colour.
var icons = map[string]string{
	"alert":   `<path d="M12 3.5 21.5 20h-19z"/><path d="M12 10v4.5M12 17.2v.1"/>`,
	"arrow":   `<path d="M5 12h14M13 6l6 6-6 6"/>`,
	"back":    `<path d="M19 12H5M11 6l-6 6 6 6"/>`,
	"apps":    `<rect x="4" y="4" width="6.5" height="6.5" rx="1.5"/><rect x="13.5" y="4" width="6.5" height="6.5" rx="1.5"/><rect x="4" y="13.5" width="6.5" height="6.5" rx="1.5"/><rect x="13.5" y="13.5" width="6.5" height="6.5" rx="1.5"/>`,
	"chart":   `<path d="M4 20h16M7 16v-4M12 16V6M17 16v-7"/>`,
	"check":   `<path d="m5 12.5 4.5 4.5L19 7.5"/>`,
	"clock":   `<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5V12l3 2"/>`,
	"close":   `<path d="m6 6 12 12M18 6 6 18"/>`,
	"code":    `<rect x="3" y="6" width="18" height="12" rx="2.5"/><path d="M7.5 12v.1M12 12v.1M16.5 12v.1"/>`,
	"copy":    `<rect x="9" y="9" width="11" height="11" rx="2"/><path d="M15 5.5A1.5 1.5 0 0 0 13.5 4h-8A1.5 1.5 0 0 0 4 5.5v8A1.5 1.5 0 0 0 5.5 15"/>`,
	"desktop": `<rect x="3" y="4.5" width="18" height="12" rx="2"/><path d="M9 20h6M12 16.5V20"/>`,
	"info":    `<circle cx="12" cy="12" r="8.5"/><path d="M12 11v5M12 8v.1"/>`,
	"key":     `<circle cx="8" cy="15" r="4.5"/><path d="m11.3 11.7 8.2-8.2M16 7l3 3M13.5 9.5l1.5 1.5"/>`,
	"link":    `<path d="M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1"/>`,
	"lock":    `<rect x="5" y="10.5" width="14" height="9.5" rx="2"/><path d="M8 10.5V8a4 4 0 0 1 8 0v2.5"/>`,
	"mail":    `<rect x="3" y="5.5" width="18" height="13" rx="2"/><path d="m4 7.5 8 6 8-6"/>`,
	"out":     `<path d="M14 4.5h3.5a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2H14M4.5 12H15M11 8l4 4-4 4"/>`,
	"passkey": `<circle cx="9" cy="8" r="3.5"/><path d="M3 19.5c0-3.3 2.7-5.5 6-5.5 1 0 2 .2 2.8.6"/><circle cx="17.5" cy="12.5" r="2.5"/><path d="M17.5 15v6M17.5 18.5h2"/>`,
	"phone":   `<rect x="7" y="3" width="10" height="18" rx="2.5"/><path d="M11 18h2"/>`,
	"plus":    `<path d="M12 5v14M5 12h14"/>`,
	"print":   `<path d="M7 9V4h10v5M7 17H4.5v-6A2 2 0 0 1 6.5 9h11a2 2 0 0 1 2 2v6H17"/><rect x="7" y="14" width="10" height="6"/>`,
	"search":  `<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4.5 4.5"/>`,
	"shield":  `<path d="M12 3.5 19.5 6v5.5c0 4.5-3 7.7-7.5 9-4.5-1.3-7.5-4.5-7.5-9V6z"/><path d="m8.8 12 2.3 2.3 4.2-4.4"/>`,
	"trash":   `<path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.8 12.5h9.4L17.5 7M10.5 11v5M13.5 11v5"/>`,
	"user":    `<circle cx="12" cy="8" r="4"/><path d="M4.5 20.5c.5-4 3.5-6 7.5-6s7 2 7.5 6"/>`,
	"users":   `<circle cx="9" cy="8.5" r="3.5"/><path d="M2.5 19.5c.4-3.5 3-5.3 6.5-5.3s6.1 1.8 6.5 5.3M16 5.3a3.5 3.5 0 0 1 0 6.4M18 14.6c2 .7 3.3 2.3 3.5 4.9"/>`,
}

func icon(name string) (template.HTML, error) {
	drawing, ok := icons[name]
	if !ok {
		return "", fmt.Errorf("there is no icon %q", name)
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">` + drawing + `</svg>`), nil //nolint:gosec // ours
}
