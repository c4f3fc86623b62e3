package strictjson

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// String reads a string.
func (r *Reader) String() (string, error) {
	if r.Peek() != '"' {
		return "", ErrString
	}
	start := r.pos + 1
	for i := start; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '"':
			r.pos = i + 1
			return r.text[start:i], nil
		case c == '\\':
			return r.escaped(start, i)
		case c < ' ':
			return "", ErrSyntax
		}
	}
	return "", ErrSyntax
}

// escaped finishes a string that begins at start and has its first escape at i.
func (r *Reader) escaped(start, i int) (string, error) {
	var out strings.Builder
	out.WriteString(r.text[start:i])
	for i < len(r.text) {
		c := r.text[i]
		switch {
		case c == '"':
			r.pos = i + 1
			return out.String(), nil
		case c < ' ':
			return "", ErrSyntax
		case c != '\\':
			out.WriteByte(c)
			i++
		default:
			char, n, err := escape(r.text[i:])
			if err != nil {
				return "", err
			}
			out.WriteRune(char)
			i += n
		}
	}
	return "", ErrSyntax
}

// escape undoes the escape at the beginning of s and returns how long it was.
// Half a surrogate pair is no character (RFC 7493 §2.1).
func escape(s string) (rune, int, error) {
	if len(s) < 2 {
		return 0, 0, ErrSyntax
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2, nil
	case 'b':
		return '\b', 2, nil
	case 'f':
		return '\f', 2, nil
	case 'n':
		return '\n', 2, nil
	case 'r':
		return '\r', 2, nil
	case 't':
		return '\t', 2, nil
	}
	unit, ok := codeUnit(s)
	if !ok {
		return 0, 0, ErrSyntax
	}
	if !utf16.IsSurrogate(unit) {
		return unit, 6, nil
	}
	low, ok := codeUnit(s[6:])
	if !ok {
		return 0, 0, ErrUTF8
	}
	char := utf16.DecodeRune(unit, low)
	if char == utf8.RuneError {
		return 0, 0, ErrUTF8
	}
	return char, 12, nil
}

// codeUnit reads \uXXXX.
func codeUnit(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var unit rune
	for _, c := range []byte(s[2:6]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		unit = unit<<4 | rune(c)
	}
	return unit, true
}

// Integer reads an integer from 0 to MaxInteger, written without sign,
// fraction, exponent or leading zero: one number has one spelling.
func (r *Reader) Integer() (int64, error) {
	if c := r.Peek(); c != '-' && !digit(c) {
		return 0, ErrInteger
	}
	start := r.pos
	if err := r.number(); err != nil {
		return 0, err
	}
	var n int64
	for _, c := range []byte(r.text[start:r.pos]) {
		if !digit(c) {
			return 0, ErrInteger
		}
		if n = n*10 + int64(c-'0'); n > MaxInteger {
			return 0, ErrInteger
		}
	}
	return n, nil
}

// Skip checks the next value, whatever its kind, and passes over it.
func (r *Reader) Skip() error {
	switch c := r.Peek(); {
	case c == '{':
		return r.Object(func(string) error { return nil })
	case c == '[':
		return r.Array(func() error { return nil })
	case c == '"':
		_, err := r.String()
		return err
	case c == 't':
		return r.literal("true")
	case c == 'f':
		return r.literal("false")
	case c == 'n':
		return r.literal("null")
	default:
		return r.number()
	}
}

func (r *Reader) literal(word string) error {
	if !strings.HasPrefix(r.text[r.pos:], word) {
		return ErrSyntax
	}
	r.pos += len(word)
	return nil
}

// number passes a number as RFC 8259 §6 spells it.
func (r *Reader) number() error {
	if r.at('-') {
		r.pos++
	}
	if r.at('0') {
		r.pos++
	} else if !r.digits() {
		return ErrSyntax
	}
	if r.at('.') {
		r.pos++
		if !r.digits() {
			return ErrSyntax
		}
	}
	if r.at('e') || r.at('E') {
		r.pos++
		if r.at('+') || r.at('-') {
			r.pos++
		}
		if !r.digits() {
			return ErrSyntax
		}
	}
	return nil
}

// digits passes one digit or more.
func (r *Reader) digits() bool {
	start := r.pos
	for r.pos < len(r.text) && digit(r.text[r.pos]) {
		r.pos++
	}
	return r.pos > start
}

func (r *Reader) at(c byte) bool { return r.pos < len(r.text) && r.text[r.pos] == c }

func digit(c byte) bool { return '0' <= c && c <= '9' }
