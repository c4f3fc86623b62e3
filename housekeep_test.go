package tandem

import (
	"context"
	"testing"
)

// busy is a store whose tasks are all being done by another node.
type busy struct{ store }

func (busy) Alone(context.Context, string, func(context.Context) error) error { return nil }

// Another node, which may have been told of shorter lifetimes, does not settle them for this one.
func TestEachNodeSaysHowLongItsTokensLive(t *testing.T) {
	s := furnish(t, nil).server
	for _, c := range s.chores() {
		done := false
		c.do = func(context.Context) error {
			done = true
			return nil
		}
		if err := c.run(t.Context(), busy{s.store}); err != nil {
			t.Fatal(err)
		}
		if want := c.name == "settle token lifetimes"; done != want {
			t.Errorf("%s: done %v, want %v", c.name, done, want)
		}
	}
}
