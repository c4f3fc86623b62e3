package config

import "strings"

// nearest returns the candidate that name was most likely meant to be, or ""
// if none is near enough to be worth saying.
func nearest(name string, candidates []string) string {
	const longest = 64 // nobody mistypes more than that, and the cost is quadratic
	if len(name) > longest {
		return ""
	}
	best, bestDistance := "", 1+max(1, len(name)/3)
	for _, candidate := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the Levenshtein distance of two short strings, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
