package config

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"tandem.example/tandem/internal/secret"
)

// value reads and writes one field of a Config as text. There is one
// implementation per type of key; keys.go says which key has which.
type value interface {
	kind() kind
	set(text string) error // the error is a rule, without the text
	text() string          // what set reads back; redacted for a secret
	clear()                // back to the zero value, which stands for the default
}

// kind is a type of key, as documentation and error messages name it.
type kind struct {
	name    string // "a duration"
	tag     string // of a YAML scalar that may hold it
	example string
}

type textValue struct{ p *string }

func (v textValue) kind() kind {
	return kind{"a text", "!!str", `text, in "quotes" if it looks like a number`}
}
func (v textValue) text() string { return *v.p }

func (v textValue) clear() { *v.p = "" }

func (v textValue) set(text string) error {
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			return errors.New("must not hold control characters")
		}
	}
	*v.p = text
	return nil
}

type numberValue struct{ p *int }

func (v numberValue) kind() kind   { return kind{"a whole number", "!!int", "a number such as 12"} }
func (v numberValue) text() string { return strconv.Itoa(*v.p) }

func (v numberValue) clear() { *v.p = 0 }

func (v numberValue) set(text string) error {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return errors.New("must be a whole number")
	}
	*v.p = int(n)
	return nil
}

type durationValue struct{ p *time.Duration }

func (v durationValue) kind() kind {
	return kind{"a duration", "!!str", "a number with its unit, such as 10s, 15m, 12h or 14d"}
}
func (v durationValue) text() string { return formatDuration(*v.p) }

func (v durationValue) clear() { *v.p = 0 }

func (v durationValue) set(text string) error {
	d, err := parseDuration(text)
	if err != nil {
		return errors.New("must be a duration")
	}
	if d == 0 {
		// Zero would silently stand for the default.
		return errors.New("must be more than zero")
	}
	*v.p = d
	return nil
}

// pauseValue is a duration that is zero by default, and may be.
type pauseValue struct{ p *time.Duration }

func (v pauseValue) kind() kind { return durationValue(v).kind() }

func (v pauseValue) text() string { return formatDuration(*v.p) }

func (v pauseValue) clear() { *v.p = 0 }

func (v pauseValue) set(text string) (err error) {
	if *v.p, err = parseDuration(text); err != nil {
		return errors.New("must be a duration")
	}
	return nil
}

// graceValue is a duration that may be zero: see NoGrace.
type graceValue struct{ p *time.Duration }

func (v graceValue) kind() kind { return durationValue(v).kind() }

func (v graceValue) text() string {
	if *v.p == NoGrace {
		return formatDuration(0)
	}
	return formatDuration(*v.p)
}

func (v graceValue) clear() { *v.p = 0 }

func (v graceValue) set(text string) error {
	d, err := parseDuration(text)
	switch {
	case err != nil:
		return errors.New("must be a duration")
	case d < 0:
		return errors.New("must not be negative")
	case d == 0:
		d = NoGrace
	}
	*v.p = d
	return nil
}

// switchValue is a key that is on or off. A field that is the opposite of its
// key is inverted, so that its zero value is the safe one.
type switchValue struct {
	p        *bool
	inverted bool
}

func (v switchValue) kind() kind   { return kind{"true or false", "!!bool", "true or false"} }
func (v switchValue) text() string { return strconv.FormatBool(*v.p != v.inverted) }

func (v switchValue) clear() { *v.p = false }

func (v switchValue) set(text string) error {
	switch text {
	case "true":
		*v.p = !v.inverted
	case "false":
		*v.p = v.inverted
	default:
		return errors.New("must be true or false")
	}
	return nil
}

type listValue struct{ p *[]string }

func (v listValue) kind() kind {
	return kind{"a list of texts", "!!seq", `a list such as ["first", "second"]`}
}
func (v listValue) text() string { return strings.Join(*v.p, ",") }

func (v listValue) clear() { *v.p = nil }

func (v listValue) set(text string) error { return v.setAll(strings.Split(text, ",")) }

func (v listValue) setAll(items []string) error {
	list := make([]string, len(items))
	for i, item := range items {
		if err := (textValue{&list[i]}).set(strings.TrimSpace(item)); err != nil {
			return err
		}
		if list[i] == "" {
			return errors.New("must not hold an empty entry")
		}
	}
	*v.p = list
	return nil
}

type secretValue struct{ p *secret.Text }

func (v secretValue) kind() kind { return textValue{}.kind() }

func (v secretValue) text() string {
	if v.p.Empty() {
		return ""
	}
	return v.p.String()
}

func (v secretValue) clear() { *v.p = secret.Text{} }

func (v secretValue) set(text string) error {
	*v.p = secret.NewText(text)
	return nil
}
