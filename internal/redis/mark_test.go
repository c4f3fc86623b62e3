package redis

import (
	"math"
	"testing"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

var noon = time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)

func TestMarksAreReadAsTheyWereWritten(t *testing.T) {
	for _, m := range []mark{
		{},
		{seen: session.Place{Epoch: "epoch", Ordinal: math.MaxUint64}, chain: "chain", from: 7, since: noon, next: "next"},
	} {
		back := parseMark(m.String())
		if m.raw = m.String(); back != m {
			t.Errorf("%+v was read as %+v", m, back)
		}
	}
	ground := session.Ground{Head: feed.Head{Epoch: "epoch"}}
	for _, raw := range []string{"", "epoch", "epoch x c 0 0 ", "epoch 1 c x 0 ", "epoch 1 c 0 x ", "epoch 1 c 0 0 n more"} {
		if m := parseMark(raw); m.raw != raw || m.trusted(ground) {
			t.Errorf("%q was taken for a mark", raw)
		}
	}
}

// carry loses a bucket's sessions exactly if nobody can tell which of them were ended.
func TestCarry(t *testing.T) {
	head := feed.Head{Epoch: "now", Position: 50, Chain: revocation.Genesis("now")}
	ground := session.Ground{Head: head, Base: 1000, Floor: 1020}
	at := func(epoch string, ordinal uint64) session.Place { return session.Place{Epoch: epoch, Ordinal: ordinal} }
	for name, c := range map[string]struct {
		mark mark
		from uint64
		next string
	}{
		"none yet":         {mark{}, 1050, ""},
		"at the head":      {mark{seen: at("now", 1050)}, 0, ""},
		"at the floor":     {mark{seen: at("now", 1020)}, 0, ""},
		"below the floor":  {mark{seen: at("now", 1019)}, 1050, ""},
		"of another epoch": {mark{seen: at("then", 1030)}, 1050, ""},
		"of another epoch, and this was expected": {mark{seen: at("then", 990), next: "now"}, 0, ""},
		"of another epoch, another was expected":  {mark{seen: at("then", 990), next: "later"}, 1050, "later"},
		"another is expected":                     {mark{seen: at("now", 1030), next: "later"}, 0, "later"},
		"lost before":                             {mark{seen: at("now", 1030), from: 1001, since: noon}, 1001, ""},
	} {
		got := c.mark.carry(ground, head, noon.Add(time.Hour))
		if got.seen != at("now", 1050) || got.from != c.from || got.next != c.next || !got.trusted(ground) {
			t.Errorf("%s: carried to %+v", name, got)
		}
		if lost := got.from != c.mark.from; lost != got.since.Equal(noon.Add(time.Hour)) {
			t.Errorf("%s: lost %v, since %s", name, lost, got.since)
		}
	}
}

func TestMerge(t *testing.T) {
	for name, c := range map[string]struct {
		lists [][]string
		want  string
		last  string
		more  bool
	}{
		"nothing":                         {[][]string{{}, {}}, "", "", false},
		"short lists are whole":           {[][]string{{"f", "b"}, {"e"}}, "feb", "", false},
		"a full one may go on":            {[][]string{{"f", "d", "b"}, {"e", "a"}}, "fedb", "b", true},
		"up to where all full ones reach": {[][]string{{"f", "d", "b"}, {"i", "h", "g"}}, "ihg", "g", true},
	} {
		merged, last, more := merge(c.lists, 3)
		got := ""
		for _, m := range merged {
			got += m
		}
		if got != c.want || last != c.last || more != c.more {
			t.Errorf("%s: %q, %q, %v", name, got, last, more)
		}
	}
}
