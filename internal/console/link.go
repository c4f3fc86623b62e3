package console

import (
	"net/url"
	"strconv"
)

// link is a path with those parameters that have a value.
func link(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// many is how many rows a page of a list has for those who ask for many. Otherwise it has as many as arrive in the first
// round trip.
const many = 50

// paging leads through the pages of a list. Paths are empty for what there is not.
type paging struct {
	First, Next string
	Many        string // the same list with many rows a page
}

// rows answers how many a page has, `few` unless many are asked for, and the parameter that asks for them.
func (v *visit) rows(few int) (n int, asked string) {
	if asked = v.query("rows"); asked == strconv.Itoa(many) {
		return many, asked
	}
	return few, ""
}

// pages makes the links of a list at the path, whose filter is in pairs: to the page after the cursor, if that is not
// empty, and to the first unless this is it.
func (v *visit) pages(cursor, after string, first bool, path string, pairs ...string) (p paging) {
	_, asked := v.rows(0)
	to := func(more ...string) string { return link(path, append(append([]string{}, pairs...), more...)...) }
	if after != "" {
		p.Next = to("rows", asked, cursor, after)
	}
	if !first {
		p.First = to("rows", asked)
	}
	if asked == "" && (p.Next != "" || p.First != "") {
		p.Many = to("rows", strconv.Itoa(many))
	}
	return p
}
