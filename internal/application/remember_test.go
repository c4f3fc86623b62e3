package application_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/memory"
)

// counted counts the reads of a store, and can stop one after it has read.
type counted struct {
	application.Store
	reads int
	after func()
}

func (c *counted) Find(ctx context.Context, idOrName string) (application.Application, error) {
	c.reads++
	a, err := c.Store.Find(ctx, idOrName)
	if c.after != nil {
		c.after()
	}
	return a, err
}

var noon = time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)

func remembered(t *testing.T) (application.Store, *counted, application.Application) {
	t.Helper()
	c := &counted{Store: memory.Open(memory.Options{}).Applications()}
	s := application.Remember(c, 0, nil)
	a := application.Application{ID: application.NewID(noon), Name: "shop", Kind: application.User, Mode: application.ModeHybrid, CreatedAt: noon}
	if err := s.Create(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	return s, c, a
}

func TestRememberReadsOnce(t *testing.T) {
	s, c, a := remembered(t)
	for range 3 {
		for _, key := range []string{"shop", string(a.ID)} {
			if got, err := s.Find(t.Context(), key); err != nil || got.ID != a.ID {
				t.Fatalf("Find(%s) = %v, %v", key, got.ID, err)
			}
		}
	}
	if c.reads != 2 {
		t.Errorf("%d reads of the store, want one by name and one by id", c.reads)
	}
	for range 2 {
		if _, err := s.Find(t.Context(), "nobody"); !errors.Is(err, application.ErrNotFound) {
			t.Errorf("Find of what is not there: %v", err)
		}
	}
	if c.reads != 4 {
		t.Error("it remembers what is not there: whoever asks for enough names fills the memory")
	}
}

func TestRememberSeesEveryChange(t *testing.T) {
	s, _, a := remembered(t)
	find := func(key string) (application.Application, error) {
		t.Helper()
		return s.Find(t.Context(), key)
	}
	if _, err := find("shop"); err != nil {
		t.Fatal(err)
	}
	a.Name, a.AccessTokenTTL = "market", time.Minute
	a.SignIn.Methods, a.Brand.Title = []application.Method{application.Passkey}, "The market"
	if _, _, err := s.Amend(t.Context(), application.Amendment{Application: a, At: noon}); err != nil {
		t.Fatal(err)
	}
	if _, err := find("shop"); !errors.Is(err, application.ErrNotFound) {
		t.Errorf("by the old name: %v", err)
	}
	if got, err := find("market"); err != nil || got.AccessTokenTTL != time.Minute {
		t.Errorf("after the change: %v, %v", got.AccessTokenTTL, err)
	} else if got.Brand != a.Brand || !slices.Equal(got.SignIn.Methods, a.SignIn.Methods) {
		t.Errorf("after the change it shows as %+v, with the methods %v", got.Brand, got.SignIn.Methods)
	}
	if _, _, err := s.Amend(t.Context(), application.Amendment{Application: a, EndSessions: true, At: noon}); err != nil {
		t.Fatal(err)
	}
	if got, _ := find("market"); got.SessionsFrom == 0 {
		t.Error("the end of its sessions went unnoticed")
	}
	if _, err := s.Delete(t.Context(), application.Removal{ID: a.ID, At: noon}); err != nil {
		t.Fatal(err)
	}
	if _, err := find(string(a.ID)); !errors.Is(err, application.ErrNotFound) {
		t.Errorf("after it was deleted: %v", err)
	}
}

// A read that was under way when a change committed must not bring the old state back.
func TestRememberIsNotFilledByAnOldRead(t *testing.T) {
	s, c, a := remembered(t)
	changed := a
	changed.AccessTokenTTL = time.Minute
	c.after = func() { // the store was read, what it said is not kept yet
		c.after = nil
		if _, _, err := s.Amend(t.Context(), application.Amendment{Application: changed, At: noon}); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Find(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Find(t.Context(), "shop"); err != nil || got.AccessTokenTTL != time.Minute {
		t.Errorf("after the change: lifetime %s, %v; want %s", got.AccessTokenTTL, err, time.Minute)
	}
}
