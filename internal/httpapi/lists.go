package httpapi

import (
	"encoding/base64"
	"slices"
	"strings"

	"tandem.example/tandem/internal/web"
)

// Page is a part of a list.
type Page[T any] struct {
	Items []T     `json:"items" nullable:"false"`
	Next  *string `json:"next" doc:"The cursor of the next page; null at the end."`
}

type pageOutput[T any] struct{ Body Page[T] }

// Paging says which part of a list is asked for.
type Paging struct {
	Cursor string `query:"cursor" maxLength:"400" doc:"next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

var cursors = base64.RawURLEncoding.Strict()

// after answers the key of the last item of the page before; empty for the first page.
func (p Paging) after() (string, error) {
	key, err := cursors.DecodeString(p.Cursor)
	if err != nil {
		return "", web.Invalid("cursor", "must be the next of a page")
	}
	return string(key), nil
}

// page shows the items of one page. One more than the limit was read if there is a next page.
func page[S, T any](stored []S, p Paging, key func(S) string, show func(S) T) *pageOutput[T] {
	out := &pageOutput[T]{Body: Page[T]{Items: make([]T, 0, min(len(stored), p.Limit))}}
	for i, s := range stored {
		if i == p.Limit {
			next := cursors.EncodeToString([]byte(key(stored[i-1])))
			out.Body.Next = &next
			break
		}
		out.Body.Items = append(out.Body.Items, show(s))
	}
	return out
}

// beyond answers what is left of a short list that is sorted by key, after the page before.
func beyond[S any](all []S, after string, key func(S) string) []S {
	for i, s := range all {
		if key(s) > after {
			return all[i:]
		}
	}
	return nil
}

// sortBy sorts a short list by key.
func sortBy[S any](all []S, key func(S) string) {
	slices.SortFunc(all, func(a, b S) int { return strings.Compare(key(a), key(b)) })
}
