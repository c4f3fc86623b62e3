package credential

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"tandem.example/tandem/internal/secret"
)

// DefaultMinLength is the shortest password allowed unless configured
// otherwise, in characters.
const DefaultMinLength = 12

// Rule names what a refused password broke. Users are told in words: see
// PolicyError.
type Rule string

// The rules for passwords. There are none about kinds of characters: they make
// people choose worse (NIST SP 800-63B §3.1.1.2).
const (
	RuleMinLength Rule = "min_length" // too few characters
	RuleMaxLength Rule = "max_length" // more than MaxPassword bytes
	RuleText      Rule = "text"       // not UTF-8
	RuleCommon    Rule = "common"     // among the first that attackers try
	RulePersonal  Rule = "personal"   // made of the user's e-mail address or name
)

// PolicyError says which rule a password broke, and never quotes it.
type PolicyError struct {
	Rule      Rule
	MinLength int // in force, in characters
}

// Error says it in words that can be shown to the user.
func (e *PolicyError) Error() string {
	switch e.Rule {
	case RuleMinLength:
		return fmt.Sprintf("password must have at least %d characters", e.MinLength)
	case RuleMaxLength:
		return fmt.Sprintf("password must have at most %d bytes", MaxPassword)
	case RuleText:
		return "password must be text in UTF-8"
	case RulePersonal:
		return "password must not be made of your e-mail address or name"
	default:
		return "password is too common or too regular: it is among the first that attackers try"
	}
}

// Policy decides which passwords may be chosen. It applies when one is chosen,
// never at sign-in. The zero Policy asks for DefaultMinLength characters.
type Policy struct {
	MinLength int // in characters; zero means DefaultMinLength
}

// Validate refuses a policy that asks for fewer than 8 characters (NIST
// SP 800-63B §3.1.1.2) or for more than anyone would type.
func (p Policy) Validate() error {
	if p.MinLength != 0 && (p.MinLength < 8 || p.MinLength > 128) {
		return fmt.Errorf("password minimum length %d: must be from 8 to 128 characters", p.MinLength)
	}
	return nil
}

// Check returns nil if password may be chosen by the user about whom the
// personal texts are (e-mail address, name; empty ones are ignored), else a
// *PolicyError.
func (p Policy) Check(password secret.Text, personal ...string) error {
	text := password.Reveal()
	least := p.MinLength
	if least == 0 {
		least = DefaultMinLength
	}
	refuse := func(r Rule) error { return &PolicyError{Rule: r, MinLength: least} }
	switch {
	case len(text) > MaxPassword:
		return refuse(RuleMaxLength)
	case !utf8.ValidString(text):
		return refuse(RuleText)
	case utf8.RuneCountInString(text) < least:
		return refuse(RuleMinLength)
	case isPersonal(text, personal):
		return refuse(RulePersonal)
	case isCommon(text):
		return refuse(RuleCommon)
	}
	return nil
}

// isPersonal reports whether what is left of the password without the user's
// own words is too little to be a secret: fewer than six characters.
func isPersonal(text string, personal []string) bool {
	const enough = 6
	rest := strings.ToLower(text)
	found := false
	for _, word := range personalWords(personal) {
		without := strings.ReplaceAll(rest, word, "")
		found = found || len(without) < len(rest)
		rest = without
	}
	return found && utf8.RuneCountInString(rest) < enough
}

// personalWords splits addresses and names into words of at least three
// characters, the whole ones before their parts.
func personalWords(personal []string) []string {
	var whole, parts []string
	for _, p := range personal {
		p = strings.ToLower(strings.TrimSpace(p))
		if utf8.RuneCountInString(p) < 3 {
			continue
		}
		whole = append(whole, p)
		for _, part := range strings.FieldsFunc(p, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if utf8.RuneCountInString(part) >= 3 {
				parts = append(parts, part)
			}
		}
	}
	return append(whole, parts...)
}
