package revocation_test

import (
	"errors"
	"strings"
	"testing"

	"tandem.example/tandem/verify/revocation"
)

func TestDrafts(t *testing.T) {
	for _, c := range []struct {
		draft revocation.Event
		kind  revocation.Kind
		id    string
	}{
		{revocation.SessionEvent("ses_1"), "session", revocation.Hash("ses_1").String()},
		{revocation.SubjectEvent("usr_1"), "subject", revocation.Hash("usr_1").String()},
		{revocation.AuthzEvent("usr_1"), "authz", revocation.Hash("usr_1").String()},
		{revocation.ApplicationEvent("app_1"), "application", revocation.Hash("app_1").String()},
		{revocation.KeyEvent("key_1"), "key", "key_1"},
		{revocation.AllEvent(), "all", ""},
	} {
		if want := (revocation.Event{Kind: c.kind, ID: c.id}); c.draft != want {
			t.Errorf("draft %+v, want %+v", c.draft, want)
		}
		if err := c.draft.Validate(); err != nil {
			t.Errorf("draft of %s: %v", c.kind, err)
		}
	}
}

func TestEventValidateRefuses(t *testing.T) {
	id := revocation.Hash("x").String()
	for name, e := range map[string]revocation.Event{
		"no kind":             {ID: id},
		"unknown kind":        {Kind: "device", ID: id},
		"kind in upper case":  {Kind: "Session", ID: id},
		"no id":               {Kind: "session"},
		"id too short":        {Kind: "subject", ID: id[1:]},
		"id too long":         {Kind: "subject", ID: id + "A"},
		"id padded":           {Kind: "authz", ID: id + "=="},
		"id in plain base64":  {Kind: "session", ID: "++++++++++++++++++++++"},
		"id not canonical":    {Kind: "session", ID: strings.Repeat("A", 21) + "B"},
		"id with a line end":  {Kind: "session", ID: id[:21] + "\n"},
		"id of nothing":       {Kind: "session", ID: strings.Repeat("A", 22)},
		"all with an id":      {Kind: "all", ID: id},
		"key without id":      {Kind: "key"},
		"key id too long":     {Kind: "key", ID: strings.Repeat("k", 129)},
		"key id not ASCII":    {Kind: "key", ID: "schlüssel"},
		"key id with newline": {Kind: "key", ID: "a\nb"},
		"position too high":   {Kind: "all", Seq: revocation.MaxPosition + 1},
		"negative retention":  {Kind: "session", ID: id, RetainMS: -1},
	} {
		if err := e.Validate(); !errors.Is(err, revocation.ErrEvent) {
			t.Errorf("%s: error %v, want ErrEvent", name, err)
		}
	}
}

func TestParseIDAndChainReadOnlyTheirOwnSpelling(t *testing.T) {
	id, chain := revocation.Hash("x"), revocation.Genesis("x")
	if got, err := revocation.ParseID(id.String()); err != nil || got != id {
		t.Errorf("ParseID(%s) = %s, %v", id, got, err)
	}
	if got, err := revocation.ParseChain(chain.String()); err != nil || got != chain {
		t.Errorf("ParseChain(%s) = %s, %v", chain, got, err)
	}
	for _, s := range []string{"", chain.String()[:42], chain.String() + "A", strings.Repeat("A", 42) + "B", strings.Repeat("A", 42) + "\n", strings.Repeat("+", 43)} {
		if _, err := revocation.ParseChain(s); err == nil {
			t.Errorf("ParseChain(%q) succeeded", s)
		}
	}
}

func TestShort(t *testing.T) {
	for epoch, want := range map[string]string{"": "", "abc": "abc", "abcdefgh": "abcdefgh", "abcdefghi": "abcdefgh"} {
		if got := revocation.Short(epoch); got != want {
			t.Errorf("Short(%q) = %q, want %q", epoch, got, want)
		}
	}
}
