package redis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/outage"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// mark says up to where a bucket has seen the ends of its sessions.
type mark struct {
	// seen: every session event up to here has been done in the bucket. chain is that of the log there.
	seen  session.Place
	chain string
	// from is the ordinal below which its sessions are dead, because what became of them could not be known; since
	// then.
	from  uint64
	since time.Time
	// next is an epoch that is to begin without ending sessions.
	next string

	raw string // as it was read; empty if there is none
}

func (m mark) String() string {
	return strings.Join([]string{m.seen.Epoch, strconv.FormatUint(m.seen.Ordinal, 10), m.chain,
		strconv.FormatUint(m.from, 10), strconv.FormatInt(millis(m.since), 10), m.next}, " ")
}

// parseMark reads a mark. One that cannot be read counts as missing.
func parseMark(raw string) mark {
	parts := strings.Split(raw, " ")
	if len(parts) != 6 {
		return mark{raw: raw}
	}
	m := mark{seen: session.Place{Epoch: parts[0]}, chain: parts[2], next: parts[5], raw: raw}
	var errs [3]error
	var since int64
	m.seen.Ordinal, errs[0] = strconv.ParseUint(parts[1], 10, 64)
	m.from, errs[1] = strconv.ParseUint(parts[3], 10, 64)
	since, errs[2] = strconv.ParseInt(parts[4], 10, 64)
	if errors.Join(errs[:]...) != nil {
		return mark{raw: raw}
	}
	if since != 0 {
		m.since = time.UnixMilli(since).UTC()
	}
	return m
}

// parsedMarks remembers the mark that was read last of each bucket, since it is read with every row and seldom changes.
type parsedMarks [buckets]atomic.Pointer[mark]

func (p *parsedMarks) mark(bucket int, raw string) mark {
	if last := p[bucket].Load(); last != nil && last.raw == raw {
		return *last
	}
	m := parseMark(raw)
	p[bucket].Store(&m)
	return m
}

// trusted decides whether the ends of the bucket's sessions are known: those up to the mark have been done, those above
// the floor are in the log.
func (m mark) trusted(g session.Ground) bool {
	return m.seen.Epoch == g.Head.Epoch && m.seen.Ordinal >= g.Floor
}

// carry decides what becomes of the mark now that the log stands at the page's head and its events after the mark have
// been done.
func (m mark) carry(g session.Ground, head feed.Head, now time.Time) mark {
	next := mark{seen: session.Place{Epoch: head.Epoch, Ordinal: g.Base + head.Position}, chain: head.Chain.String(),
		from: m.from, since: m.since, next: m.next, raw: m.raw}
	announced := m.next != "" && m.next == head.Epoch
	if announced {
		next.next = ""
	}
	if !announced && !m.trusted(g) {
		next.from, next.since = next.seen.Ordinal, now
	}
	return next
}

func allBuckets() []int {
	all := make([]int, buckets)
	for i := range all {
		all[i] = i
	}
	return all
}

func (s *Store) marks(ctx context.Context, of []int) ([]mark, error) {
	results := s.link.readAll(ctx, len(of), func(b rueidis.Builder, i int) rueidis.Completed {
		return b.Get().Key(s.keys.mark(of[i])).Build()
	})
	marks := make([]mark, len(of))
	for i, r := range results {
		raw, err := r.ToString()
		if err := failed(ctx, err); err != nil {
			return nil, fmt.Errorf("read marks: %w", err)
		}
		marks[i] = parseMark(raw)
	}
	return marks, nil
}

// replace writes the marks that are still as they were read. Of those that are not, somebody else has taken care.
func (s *Store) replace(ctx context.Context, of []int, marks []mark) error {
	calls := make([]call, 0, len(of))
	for i, b := range of {
		if text := marks[i].String(); text != marks[i].raw {
			calls = append(calls, call{keys: []string{s.keys.mark(b)}, args: []string{marks[i].raw, text}})
		}
	}
	if len(calls) == 0 {
		return nil
	}
	for _, r := range s.link.execAll(ctx, markScript, calls) {
		if err := failed(ctx, r.Error()); err != nil {
			return fmt.Errorf("write marks: %w", err)
		}
	}
	return nil
}

// settle brings buckets up to the log: it ends what the log says has ended since their marks, and moves the marks. A
// bucket whose mark does not reach up to what the log still holds loses its sessions.
func (s *Store) settle(ctx context.Context, of []int) error {
	marks, err := s.marks(ctx, of)
	if err != nil {
		return err
	}
	groups := map[feed.Ask][]int{} // indexes into of
	ground, err := s.ledger.Standing(ctx, nil)
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	for i, m := range marks {
		ask := feed.Ask{}
		if m.trusted(ground) {
			ask = feed.Ask{Epoch: m.seen.Epoch, Position: max(m.seen.Ordinal, ground.Base) - ground.Base, Chain: m.chain}
		}
		groups[ask] = append(groups[ask], i)
	}
	for _, ask := range slices.SortedFunc(maps.Keys(groups), func(a, b feed.Ask) int { return strings.Compare(a.Chain, b.Chain) }) {
		if err := s.settleGroup(ctx, ask, groups[ask], of, marks); err != nil {
			return err
		}
	}
	return nil
}

// errMoved is an outage as short as the moment in which a new epoch begins.
var errMoved = &outage.Error{Store: "Redis", Err: errors.New("a new epoch of the revocation log is beginning")}

func (s *Store) settleGroup(ctx context.Context, ask feed.Ask, group, of []int, marks []mark) error {
	page, err := s.base.Log.Read(ctx, ask)
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	// After the page: if a mark reaches up to this floor, the page holds whatever came after the mark.
	ground, err := s.ledger.Standing(ctx, nil)
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	if ground.Head.Epoch != page.Head.Epoch {
		return errMoved
	}
	wanted := map[int]bool{}
	for _, i := range group {
		wanted[of[i]] = true
	}
	if err := s.heal(ctx, page, func(id revocation.ID) bool { return wanted[bucketOf(id)] }); err != nil {
		return err
	}
	now := s.now()
	buckets, carried := make([]int, len(group)), make([]mark, len(group))
	lost := 0
	for n, i := range group {
		buckets[n], carried[n] = of[i], marks[i]
		if rolledBack := marks[i].seen.Epoch == page.Head.Epoch && marks[i].seen.Ordinal > ground.Base+page.Head.Position; rolledBack {
			continue // the log has lost its tail and a new epoch will begin: nothing is forgotten until then
		}
		carried[n] = marks[i].carry(ground, page.Head, now)
		if carried[n].from != marks[i].from && marks[i].raw != "" {
			lost++
		}
	}
	if lost > 0 {
		s.log.Warn("redis does not know what became of its sessions: they are ended", "buckets", lost, "of", len(group))
	}
	return s.replace(ctx, buckets, carried)
}
