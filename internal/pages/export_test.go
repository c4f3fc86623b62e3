package pages

import (
	"strings"

	"tandem.example/tandem/internal/language"
)

// Patterns are the routes of the pages, "METHOD /path".
func Patterns() []string {
	var out []string
	for _, r := range (&Pages{}).routes() {
		out = append(out, r.pattern)
	}
	return out
}

// Notices are the names of all notices.
func Notices() []string {
	var out []string
	for name := range notices {
		out = append(out, name)
	}
	return out
}

// Unsaid are ids below `prefix` that the catalogue lacks in a language.
func Unsaid(ids ...string) []string {
	var out []string
	for _, tag := range language.Tags() {
		for _, id := range ids {
			if text := language.For(tag).Say(id, "Count", 2, "Email", "x", "Name", "x", "Wait", "x"); text == id || strings.Contains(text, "no value") {
				out = append(out, tag+": "+id)
			}
		}
	}
	return out
}
