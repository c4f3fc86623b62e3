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
	{"what a holder acknowledged grows within an epoch", holderAcknowledges},
	{"several holders are written together", holdersTogether},
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
	h.Renewals = 1
	s.equal(s.holders(s.now), []feed.Holder{h})
	h.Name, h.SeenAt = "feed-one", s.tick()
	s.ok(s.Leases().Hold(s.ctx, h))
	h.Renewals = 2
	s.equal(s.holders(time.Time{}), []feed.Holder{h})
}

func holderBelongs(s *scene) {
	a := feed.Holder{Application: "app_1", Instance: "same", Name: "a", SeenAt: s.now}
	b := feed.Holder{Application: "app_2", Instance: "same", Name: "b", SeenAt: s.now}
	s.ok(s.Leases().Hold(s.ctx, b))
	s.ok(s.Leases().Hold(s.ctx, a))
	a.Renewals, b.Renewals = 1, 1
	s.equal(s.holders(s.now), []feed.Holder{a, b})
}

func holdersForgotten(s *scene) {
	var all []feed.Holder
	start := s.now
	for i, name := range []string{"a", "b", "c"} {
		h := feed.Holder{Application: "app", Instance: name, Name: name, SeenAt: start.Add(time.Duration(i) * time.Second)}
		s.ok(s.Leases().Hold(s.ctx, h))
		h.Renewals = 1
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
	h.Renewals = 2
	s.equal(s.holders(s.now), []feed.Holder{h})
}

// A node that has heard of an acknowledgement late must not undo what another has written; a new epoch begins anew.
func holderAcknowledges(s *scene) {
	h := feed.Holder{Application: "app", Instance: "i", Name: "n", SeenAt: s.now, Epoch: "one", Acknowledged: 7}
	for i, c := range []struct {
		epoch       string
		tells, want uint64
	}{{"one", 7, 7}, {"one", 5, 7}, {"one", 9, 9}, {"two", 1, 1}, {"two", 0, 1}} {
		h.Epoch, h.Acknowledged = c.epoch, c.tells
		s.ok(s.Leases().Hold(s.ctx, h))
		want := h
		want.Acknowledged, want.Renewals = c.want, uint64(i+1)
		s.equal(s.holders(s.now), []feed.Holder{want})
	}
}

func holdersTogether(s *scene) {
	var all []feed.Holder
	for _, name := range []string{"a", "b", "c"} {
		all = append(all, feed.Holder{Application: "app", Instance: name, Name: name, SeenAt: s.now, Epoch: "e", Acknowledged: 3})
	}
	s.ok(s.Leases().Hold(s.ctx))
	s.ok(s.Leases().Hold(s.ctx, all[1]))
	s.ok(s.Leases().Hold(s.ctx, all...))
	for i := range all {
		all[i].Renewals = 1
	}
	all[1].Renewals = 2
	s.equal(s.holders(s.now), all)
}
