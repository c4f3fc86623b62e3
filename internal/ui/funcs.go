package ui

import (
	"fmt"
	"html/template"
	"time"

	"tandem.example/tandem/internal/language"
)

// funcs are what templates have beside the functions of html/template:
//
//	say ID [NAME VALUE]...   the text of the catalogue
//	path "/account"          a path of this server, as a browser needs it
//	asset "passkey.js"       the URL of a published file
//	icon "key"               a drawing beside a word; it is hidden from screen readers
//	time T                   a point in time, as <time>
//	ago T                    the same, as the time that has passed
//	seconds D                a duration, rounded up to words
//	lang                     the language's name
//	args NAME VALUE...       a map, for a template within a template
func (k *Kit) funcs(speaker language.Speaker) template.FuncMap {
	return template.FuncMap{
		"say":     func(id string, with ...any) string { return speaker.Say(id, with...) },
		"lang":    speaker.Tag,
		"path":    k.Path,
		"asset":   k.Asset,
		"icon":    icon,
		"time":    func(t time.Time) template.HTML { return stamp(speaker, t) },
		"ago":     func(t time.Time) template.HTML { return ago(speaker, t, time.Now()) },
		"seconds": func(d time.Duration) string { return Duration(speaker, d) },
		"args":    args,
	}
}

func args(pairs ...any) (map[string]any, error) {
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("args: name %d is no string", i/2)
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// stamp writes a point in time. It is in UTC and says so; page.js puts it into the reader's own zone.
func stamp(speaker language.Speaker, t time.Time) template.HTML {
	if t.IsZero() {
		return template.HTML(template.HTMLEscapeString(speaker.Say("ui.never"))) //nolint:gosec // escaped
	}
	t = t.UTC()
	return element(t, "local", moment(speaker, t), "")
}

// moment is a point in time in words: 20 Nov 2026, 15:04 UTC.
func moment(speaker language.Speaker, t time.Time) string {
	month := speaker.Say(fmt.Sprintf("ui.month_%d", int(t.Month())))
	return speaker.Say("ui.moment", "Day", t.Day(), "Month", month, "Year", t.Year(), "Clock", t.Format("15:04"))
}

func element(t time.Time, class, text, title string) template.HTML {
	if title != "" {
		title = ` title="` + template.HTMLEscapeString(title) + `"`
	}
	return template.HTML(`<time class="` + class + `" datetime="` + t.Format(time.RFC3339) + `"` + title + `>` + template.HTMLEscapeString(text) + `</time>`) //nolint:gosec // escaped
}

// ago writes how long ago something was: at most to the minute, and as a date after a week.
func ago(speaker language.Speaker, t, now time.Time) template.HTML {
	const day = 24 * time.Hour
	passed := now.Sub(t)
	if t.IsZero() || passed >= 7*day {
		return stamp(speaker, t)
	}
	t = t.UTC()
	id, n := "ui.ago_now", 0
	switch {
	case passed >= day:
		id, n = "ui.ago_days", int(passed/day)
	case passed >= time.Hour:
		id, n = "ui.ago_hours", int(passed/time.Hour)
	case passed >= time.Minute:
		id, n = "ui.ago_minutes", int(passed/time.Minute)
	}
	return element(t, "ago", speaker.Say(id, "Count", n), moment(speaker, t))
}

// Duration says how long something takes, rounded up, in the largest unit that fits.
func Duration(speaker language.Speaker, d time.Duration) string {
	up := func(unit time.Duration) int { return int((d + unit - 1) / unit) }
	switch {
	case d <= 90*time.Second:
		return speaker.Say("ui.seconds", "Count", max(1, up(time.Second)))
	case d <= 90*time.Minute:
		return speaker.Say("ui.minutes", "Count", up(time.Minute))
	case d <= 48*time.Hour:
		return speaker.Say("ui.hours", "Count", up(time.Hour))
	}
	return speaker.Say("ui.days", "Count", up(24*time.Hour))
}
