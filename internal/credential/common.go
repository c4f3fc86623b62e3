package credential

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
)

// commonText is the list of common passwords; its head says where it is from.
//
//go:embed common.txt
var commonText string

// commonWords is the list as a set, made when a password is first chosen.
var commonWords = sync.OnceValue(func() map[string]struct{} {
	words := make(map[string]struct{}, 6000)
	for line := range strings.Lines(commonText) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for _, word := range strings.Fields(line) {
			words[word] = struct{}{}
		}
	}
	return words
})

const (
	// fewTurns is how many turns (see turns) a password or what decorates a
	// common word must exceed: what has fewer is found by walking the
	// keyboard, or by trying ten thousand endings.
	fewTurns = 4
	// maxCommon is the longest text, in characters, that is looked at piece
	// by piece. It bounds the work; longer ones are common only if they
	// repeat or have few turns.
	maxCommon = 48
)

// isCommon reports whether text is among the first passwords that attackers
// try: a common word or two of them, in any case, with digits for letters, and
// with a few cheap characters around them; or something so regular that it
// needs no list.
func isCommon(text string) bool {
	lower := []rune(strings.ToLower(text))
	if turns(lower) <= fewTurns {
		return true
	}
	if unit := period(lower); len(unit) < len(lower) {
		// Said twice is not worth more than said once.
		lower = unit
		if len(unit) <= fewTurns || turns(unit) <= fewTurns {
			return true
		}
	}
	if len(lower) > maxCommon {
		return false
	}
	return hasCommonCore(lower) || hasCommonCore([]rune(strings.ReplaceAll(string(lower), " ", "")))
}

// hasCommonCore takes cheap decoration off both ends in every way there is, and
// looks whether common words remain.
func hasCommonCore(text []rune) bool {
	for start := 0; start == 0 || (start < len(text) && !unicode.IsLetter(text[start-1])); start++ {
		for end := len(text); end == len(text) || (end > start && !unicode.IsLetter(text[end])); end-- {
			if cheap(text[:start], text[end:]) && isWords(text[start:end]) {
				return true
			}
		}
	}
	return false
}

// cheap reports whether what decorates a word adds few turns. A year counts as
// two: it is one guess of a hundred.
func cheap(before, after []rune) bool {
	cost := 0
	for _, part := range [][]rune{before, after} {
		s := string(part)
		for _, century := range []string{"19", "20"} {
			if i := strings.Index(s, century); i >= 0 && len(s) >= i+4 && isDigits(s[i:i+4]) {
				s = s[:i] + s[i+4:]
				cost += 2
				break
			}
		}
		cost += turns([]rune(s))
	}
	return cost <= fewTurns
}

func isDigits(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// isWords reports whether text is one common word or two in a row, as it is or
// with the usual digits and signs read as letters.
func isWords(text []rune) bool {
	words := commonWords()
	for _, spelling := range spellings(text) {
		if _, ok := words[string(spelling)]; ok {
			return true
		}
		for i := 4; i <= len(spelling)-4; i++ {
			if _, ok := words[string(spelling[:i])]; !ok {
				continue
			}
			rest := strings.TrimLeft(string(spelling[i:]), " -_.")
			if _, ok := words[rest]; ok {
				return true
			}
		}
	}
	return false
}

// spellings returns text, and text with digits and signs read as the letters
// they stand for; "1" stands for two.
func spellings(text []rune) [][]rune {
	all := [][]rune{text}
	for _, one := range []rune{'i', 'l'} {
		read := make([]rune, len(text))
		changed := false
		for i, r := range text {
			read[i] = r
			if letter, ok := leet[r]; ok {
				read[i], changed = letter, true
			} else if r == '1' || r == '!' || r == '|' {
				read[i], changed = one, true
			}
		}
		if changed {
			all = append(all, read)
		}
	}
	return all
}

var leet = map[rune]rune{'0': 'o', '3': 'e', '4': 'a', '@': 'a', '5': 's', '$': 's', '7': 't', '+': 't', '8': 'b', '9': 'g'}

// period returns the shortest text of which text is a repetition; the last time
// need not be complete.
func period(text []rune) []rune {
	// half: something must be said twice to be a repetition.
	for n := 1; n <= len(text)/2; n++ {
		same := true
		for i := n; i < len(text) && same; i++ {
			same = text[i] == text[i-n]
		}
		if same {
			return text[:n]
		}
	}
	return text
}

// keyboard rows, on which a finger walks from key to key.
var keyRows = []string{"`1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn", "!@#$%^&*()"}

// turns counts what there is to remember of text: a run of three or more
// characters that repeat, ascend, descend or lie side by side on a keyboard
// counts as one, any other character as one each.
func turns(text []rune) int {
	count := 0
	for i := 0; i < len(text); count++ {
		i += runLength(text[i:])
	}
	return count
}

// runLength returns the length of the longest run at the start of text, or 1 if
// it is shorter than three.
func runLength(text []rune) int {
	longest := 1
	for _, next := range []func(a, b rune) bool{
		func(a, b rune) bool { return a == b },
		func(a, b rune) bool { return b == a+1 || (a == '9' && b == '0') },
		func(a, b rune) bool { return b == a-1 || (a == '0' && b == '9') },
		func(a, b rune) bool { return beside(a, b) },
		func(a, b rune) bool { return beside(b, a) },
	} {
		n := 1
		for n < len(text) && next(text[n-1], text[n]) {
			n++
		}
		if n >= 3 {
			longest = max(longest, n)
		}
	}
	return longest
}

// beside reports whether b is the key to the right of a.
func beside(a, b rune) bool {
	for _, row := range keyRows {
		if i := strings.IndexRune(row, a); i >= 0 && i+1 < len(row) && rune(row[i+1]) == b {
			return true
		}
	}
	return false
}
