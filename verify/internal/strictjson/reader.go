// Package strictjson reads one small JSON document the only way it can be
// meant.
//
// It owns the grammar: RFC 8259 without leniency, valid UTF-8 without lone
// surrogates, no member named twice in one object at any depth (compared after
// escapes are undone), bounded depth and bounded members, nothing after the
// document. It does not own meaning: which members are wanted, and of which
// type, is said by verify/token (claims) and verify/jws (headers and key
// sets), its only callers. encoding/json is not used there because it takes
// the last of two equal names, matches names without regard to case, mends
// broken UTF-8 and reflects.
//
// Nothing here does I/O. Errors never quote the document.
package strictjson

import "unicode/utf8"

// Limits of every document.
const (
	// MaxDepth is how deep arrays and objects may nest, the outermost included.
	MaxDepth = 8
	// MaxMembers bounds the members of an object together with those of the
	// objects around it, so that looking for a repeated name stays cheap.
	MaxMembers = 64
	// MaxInteger is the largest integer that every JSON implementation reads
	// exactly (RFC 7493 §2.2).
	MaxInteger = 1<<53 - 1
)

// Error says which rule a document breaks, in words that hold nothing of the
// document.
type Error string

// Error returns the rule.
func (e Error) Error() string { return string(e) }

// The rules.
const (
	ErrUTF8      = Error("must be valid UTF-8")
	ErrSyntax    = Error("must be well-formed JSON")
	ErrTrailing  = Error("must be one JSON value with nothing after it")
	ErrDuplicate = Error("must not name a member twice")
	ErrDepth     = Error("must not nest deeper than 8 levels")
	ErrMembers   = Error("must not have more than 64 members")
	ErrObject    = Error("must be an object")
	ErrArray     = Error("must be an array")
	ErrString    = Error("must be a string")
	ErrInteger   = Error("must be an integer from 0 to 2^53-1")
)

// Reader walks a document from its beginning to its end. It is used by one
// goroutine, in the order in which values stand in the document. The strings
// it returns share the document's memory unless they held escapes.
type Reader struct {
	text  string
	pos   int
	depth int
	// names holds the members of all open objects, innermost last; an object
	// looks only at its own. A fixed array keeps the reader off the heap.
	names [MaxMembers]string
	count int
}

// Read reads text, which must be one object, and calls member for each of its
// members in order; see Object.
func Read(r *Reader, text string, member func(name string) error) error {
	r.text, r.pos, r.depth, r.count = text, 0, 0, 0
	if !utf8.ValidString(text) {
		return ErrUTF8
	}
	if err := r.Object(member); err != nil {
		return err
	}
	r.space()
	if r.pos != len(r.text) {
		return ErrTrailing
	}
	return nil
}

// Object reads an object. For each member it calls member with the name, and
// member reads the value with one call of another method, or reads nothing:
// then the value is checked and passed over. Any error ends the reading.
func (r *Reader) Object(member func(name string) error) error {
	if r.Peek() != '{' {
		return ErrObject
	}
	base := r.count
	if err := r.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := r.more('}', first)
		if err != nil {
			return err
		}
		if !more {
			r.count = base
			return nil
		}
		name, err := r.name(base)
		if err != nil {
			return err
		}
		before := r.pos
		if err := member(name); err != nil {
			return err
		}
		if r.pos == before {
			if err := r.Skip(); err != nil {
				return err
			}
		}
	}
}

// Array reads an array and calls element before each element, which element
// reads with one call of another method, or leaves to be passed over.
func (r *Reader) Array(element func() error) error {
	if r.Peek() != '[' {
		return ErrArray
	}
	if err := r.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := r.more(']', first)
		if err != nil || !more {
			return err
		}
		before := r.pos
		if err := element(); err != nil {
			return err
		}
		if r.pos == before {
			if err := r.Skip(); err != nil {
				return err
			}
		}
	}
}

// Peek returns the first byte of the next value, 0 at the end of the document.
func (r *Reader) Peek() byte {
	r.space()
	if r.pos == len(r.text) {
		return 0
	}
	return r.text[r.pos]
}

// enter passes the opening bracket, which the caller has seen.
func (r *Reader) enter() error {
	if r.depth == MaxDepth {
		return ErrDepth
	}
	r.depth++
	r.pos++
	return nil
}

// more passes what stands between two values and says whether another follows;
// if not, it passes the closing bracket.
func (r *Reader) more(closing byte, first bool) (bool, error) {
	switch c := r.Peek(); {
	case c == closing:
		r.pos++
		r.depth--
		return false, nil
	case first:
		return true, nil
	case c == ',':
		r.pos++
		r.space()
		return true, nil
	default:
		return false, ErrSyntax
	}
}

// name reads a member's name and the colon, leaving the reader at the value.
// Names of the same object start at base.
func (r *Reader) name(base int) (string, error) {
	if r.Peek() != '"' {
		return "", ErrSyntax
	}
	name, err := r.String()
	if err != nil {
		return "", err
	}
	for _, other := range r.names[base:r.count] {
		if other == name {
			return "", ErrDuplicate
		}
	}
	if r.count == MaxMembers {
		return "", ErrMembers
	}
	r.names[r.count] = name
	r.count++
	if r.Peek() != ':' {
		return "", ErrSyntax
	}
	r.pos++
	r.space()
	return name, nil
}

func (r *Reader) space() {
	for r.pos < len(r.text) {
		switch r.text[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}
