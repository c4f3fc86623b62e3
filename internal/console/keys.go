package console

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tandem.example/tandem/internal/signing"
)

// keyRow is a signing key, without its private half.
type keyRow struct {
	KID, Use, Algorithm, State string
	Created                    moment
	Since                      moment // in this state
}

// states in the order of a key's life, from what counts most.
var states = []signing.State{signing.Current, signing.Next, signing.Retired, signing.Revoked}

func (c *Console) keyRows() []keyRow {
	stored := c.Operator.Keys()
	slices.SortFunc(stored, func(a, b signing.Stored) int {
		return cmp.Or(strings.Compare(string(b.Use), string(a.Use)), cmp.Compare(slices.Index(states, a.State), slices.Index(states, b.State)), b.CreatedAt.Compare(a.CreatedAt))
	})
	rows := make([]keyRow, len(stored))
	for i, k := range stored {
		rows[i] = keyRow{KID: k.KID, Use: string(k.Use), Algorithm: string(k.Algorithm), State: string(k.State),
			Created: moment{k.CreatedAt}, Since: moment{sinceOf(k)}}
	}
	return rows
}

// sinceOf is since when a key is in its state.
func sinceOf(k signing.Stored) time.Time {
	switch k.State {
	case signing.Current:
		return k.CurrentAt
	case signing.Retired:
		return k.RetiredAt
	case signing.Revoked:
		return k.RevokedAt
	}
	return k.CreatedAt
}

func (c *Console) keys(v *visit) error {
	if _, err := c.Operator.Ring.Learn(v.r.Context()); err != nil { // another node may have changed them
		return err
	}
	return c.show(v, screen{title: v.say.Say("console.menu_keys"), template: "keys", menu: "keys", data: c.keyRows()})
}

// signing names the keys that sign access tokens now, so that whoever replaces them replaces the ones they saw.
func (c *Console) signing() string {
	var kids []string
	for _, k := range c.keyRows() {
		if k.State == string(signing.Current) && k.Use == string(signing.ForTokens) {
			kids = append(kids, k.KID)
		}
	}
	slices.Sort(kids)
	return strings.Join(kids, " ")
}
