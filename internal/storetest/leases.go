package storetest

import (
	"cmp"
	"slices"
	"time"

	"tandem.example/tandem/internal/feed"
)

var leaseTests = []test{
	{"a holder is written and refreshed", holderIsRefreshed},
	{"holders belong to their application", holderBelongs},
	{"holders are listed by when they were seen, and forgotten", holdersForgotten},
	{"a late request does not make a holder older", holderNotOlder},
}

func (s *scene) holders(since time.Time) []feed.Holder {
	s.t.Helper()
	found, err := s.Leases().Holders(s.ctx, since)
	s.ok(err)
	slices.SortFunc(found, func(a, b feed.Holder) int {
		return cmp.Or(cmp.Compare(a.Application, b.Application), cmp.Compare(a.Instance, b.Instance))
	})
	return found
}

func holderIsRefreshed(s *scene) {
	h := feed.Holder{Application: "app_1", Instance: "i1", Name: "feed-1", SeenAt: s.now}
	s.ok(s.Leases().Hold(s.ctx, h))
	s.equal(s.holders(s.now), []feed.Holder{h})
	h.Name, h.SeenAt = "feed-one", s.tick()
	s.ok(s.Leases().Hold(s.ctx, h))
	s.equal(s.holders(time.Time{}), []feed.Holder{h})
}

func holderBelongs(s *scene) {
	a := feed.Holder{Application: "app_1", Instance: "same", Name: "a", SeenAt: s.now}
	b := feed.Holder{Application: "app_2", Instance: "same", Name: "b", SeenAt: s.now}
	s.ok(s.Leases().Hold(s.ctx, b))
	s.ok(s.Leases().Hold(s.ctx, a))
	s.equal(s.holders(s.now), []feed.Holder{a, b})
}

func holdersForgotten(s *scene) {
	var all []feed.Holder
	start := s.now
	for i, name := range []string{"a", "b", "c"} {
		h := feed.Holder{Application: "app", Instance: name, Name: name, SeenAt: start.Add(time.Duration(i) * time.Second)}
		s.ok(s.Leases().Hold(s.ctx, h))
		all = append(all, h)
	}
	s.equal(s.holders(start.Add(time.Second)), all[1:])
	s.ok(s.Leases().Forget(s.ctx, start.Add(2*time.Second)))
	s.equal(s.holders(time.Time{}), all[2:])
	s.ok(s.Leases().Forget(s.ctx, start))
	s.equal(s.holders(time.Time{}), all[2:])
}

// A receipt waits for every holder seen within the last lease: one that looks older than it is would be left out.
func holderNotOlder(s *scene) {
	h := feed.Holder{Application: "app", Instance: "i", Name: "n", SeenAt: s.now}
	s.ok(s.Leases().Hold(s.ctx, h))
	late := h
	late.SeenAt = s.now.Add(-time.Second)
	s.ok(s.Leases().Hold(s.ctx, late))
	s.equal(s.holders(s.now), []feed.Holder{h})
}
