package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// administer finds the administration API, has the verb use it, and lets go of it.
func (a *app) administer(use func(*client) error) error { return a.administered(false, use) }

// establish is administer for verbs that may be the first ever: they make the store if it is not there.
func (a *app) establish(use func(*client) error) error { return a.administered(true, use) }

func (a *app) administered(mayMake bool, use func(*client) error) error {
	c, err := a.admin(mayMake)
	if err != nil {
		return err
	}
	return errors.Join(use(c), c.close())
}

// order is what may be said of an act that ends or alters access.
type order struct {
	Wait   bool   `help:"Wait until every verifier enforces it, and print the receipt."`
	Reason string `placeholder:"TEXT" help:"Why, for the audit trail."`
}

// query is the order as the API takes it.
func (o order) query() url.Values {
	q := url.Values{}
	if o.Wait {
		q.Set("wait", "enforced")
	}
	if o.Reason != "" {
		q.Set("reason", o.Reason)
	}
	return q
}

// because is an order that has nothing to wait for.
type because struct {
	Reason string `placeholder:"TEXT" help:"Why, for the audit trail."`
}

func (b because) query() url.Values { return order{Reason: b.Reason}.query() }

// at joins the segments of a path, whatever they hold, and a query.
func at(q url.Values, segments ...string) string {
	var path strings.Builder
	path.WriteString("/v1/admin")
	for _, s := range segments {
		path.WriteString("/" + url.PathEscape(s))
	}
	if len(q) > 0 {
		path.WriteString("?" + q.Encode())
	}
	return path.String()
}

// receipt proves that a revocation is enforced.
type receipt struct {
	Position        uint64    `json:"position"`
	CommittedAt     time.Time `json:"committed_at"`
	Verifiers       int       `json:"verifiers"`
	Acknowledged    int       `json:"acknowledged"`
	Lapsed          int       `json:"lapsed"`
	EnforcedAfterMS int64     `json:"enforced_after_ms"`
}

func (r *receipt) String() string {
	if r.Verifiers == 0 {
		return fmt.Sprintf("enforced: no verifier held a lease at position %d", r.Position)
	}
	return fmt.Sprintf("enforced on %d of %d verifiers after %d ms (%d acknowledged, %d lapsed) at position %d",
		r.Acknowledged+r.Lapsed, r.Verifiers, r.EnforcedAfterMS, r.Acknowledged, r.Lapsed, r.Position)
}

// done reports an act: a line for people and the receipt if there is one, or what the API answered as JSON.
func (a *app) done(answer json.RawMessage, format string, args ...any) error {
	if a.JSON {
		if len(answer) == 0 {
			answer = json.RawMessage(`{}`)
		}
		return a.printJSON(answer)
	}
	fmt.Fprintln(a.stdout, printable(fmt.Sprintf(format, args...)))
	var said struct{ Receipt *receipt }
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, &said); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
	}
	if said.Receipt != nil {
		fmt.Fprintln(a.stdout, said.Receipt)
	}
	return nil
}

// maxPage is the most that the API lists at once.
const maxPage = 200

// list reads a list page by page, up to limit items; 0 for all.
func (c *client) list(q url.Values, limit int, segments ...string) ([]json.RawMessage, error) {
	if q == nil {
		q = url.Values{}
	}
	all := []json.RawMessage{}
	for {
		size := maxPage
		if limit > 0 {
			size = min(size, limit-len(all))
		}
		q.Set("limit", strconv.Itoa(size))
		var page struct {
			Items []json.RawMessage
			Next  *string
		}
		if err := c.do(http.MethodGet, at(q, segments...), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == nil || limit > 0 && len(all) >= limit {
			return all, nil
		}
		q.Set("cursor", *page.Next)
	}
}

// read decodes the items of a list.
func read[T any](items []json.RawMessage) ([]T, error) {
	out := make([]T, len(items))
	for i, item := range items {
		if err := json.Unmarshal(item, &out[i]); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
	}
	return out, nil
}

// table says how a list is shown to people.
type table[T any] struct {
	empty  string
	header []string
	row    func(T) []string
}

// show prints a list, as JSON or for people.
func (t table[T]) show(a *app, items []json.RawMessage) error {
	if a.JSON {
		return a.printJSON(items)
	}
	decoded, err := read[T](items)
	if err != nil {
		return err
	}
	rows := make([][]string, len(decoded))
	for i, d := range decoded {
		rows[i] = t.row(d)
	}
	return a.printTable(t.empty, t.header, rows)
}

// when shows a time.
func when(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// listed joins names, or says that there are none.
func listed(names []string) string {
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ", ")
}

// count words a number of things.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
