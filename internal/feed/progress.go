package feed

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// Answer is what a verifier has answered to a revocation.
type Answer string

// The answers.
const (
	Waiting      Answer = "waiting"      // it may still decide offline without knowing of it
	Acknowledged Answer = "acknowledged" // it has applied it
	Lapsed       Answer = "lapsed"       // it cannot decide offline any more
)

// Share is what one verifier contributes to a receipt.
type Share struct {
	Application string
	Instance    string
	Name        string
	Answer      Answer
	After       time.Duration // the commit; zero while it is Waiting
}

// Progress is how far a receipt has come.
type Progress struct {
	// Receipt counts what was answered so far. EnforcedAfter is zero until it is Enforced.
	Receipt
	// Shares are those of the verifiers that held a lease when the revocation committed, by name. Of more than were asked
	// for, those that are Waiting come first.
	Shares   []Share
	Begun    bool // the verifiers are known
	Enforced bool
	Err      error // why there will be no receipt, as Service.Enforced has it
}

// Filling is a receipt that fills. Safe for concurrent use.
type Filling struct {
	mu      sync.Mutex
	now     Progress
	at      map[holderKey]int // in now.Shares
	changed chan struct{}     // closed at the next change
}

// Fill begins to wait until the commit is enforced, as Enforced does and by the same rules, and answers at once: what is
// known at each moment can be watched meanwhile. It must be called right after the commit. The wait goes on until it is
// over, a lease at the most, or until ctx ends.
func (s *Service) Fill(ctx context.Context, c Commit) *Filling {
	f := &Filling{changed: make(chan struct{})}
	f.now.Position, f.now.CommittedAt = c.Position, c.At
	go func() {
		r, err := s.enforce(ctx, c, f)
		f.end(r, err)
	}()
	return f
}

// Progress answers how far it has come, with at most so many shares, and what is closed when it has come further.
func (f *Filling) Progress(most int) (Progress, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.now
	if len(p.Shares) <= most {
		p.Shares = slices.Clone(p.Shares)
		return p, f.changed
	}
	p.Shares = make([]Share, 0, most)
	for _, waiting := range []bool{true, false} {
		for _, s := range f.now.Shares {
			if len(p.Shares) < most && (s.Answer == Waiting) == waiting {
				p.Shares = append(p.Shares, s)
			}
		}
	}
	return p, f.changed
}

// Over reports whether nothing more will come.
func (p Progress) Over() bool { return p.Enforced || p.Err != nil }

// begin takes up whom the receipt waits for. A nil Filling is watched by nobody.
func (f *Filling) begin(t *tracker, waiting map[holderKey]time.Time) {
	if f == nil {
		return
	}
	names := t.names(waiting)
	f.change(func() {
		f.now.Shares = make([]Share, 0, len(names))
		for key, name := range names {
			f.now.Shares = append(f.now.Shares, Share{Application: key.application, Instance: key.instance, Name: name, Answer: Waiting})
		}
		slices.SortFunc(f.now.Shares, func(a, b Share) int {
			return strings.Compare(a.Name+"\x00"+a.Application+"\x00"+a.Instance, b.Name+"\x00"+b.Application+"\x00"+b.Instance)
		})
		f.at = make(map[holderKey]int, len(names))
		for i, s := range f.now.Shares {
			f.at[holderKey{s.Application, s.Instance}] = i
		}
		f.now.Verifiers, f.now.Begun = len(names), true
	})
}

// note takes up what was answered `after` the commit.
func (f *Filling) note(answers map[holderKey]Answer, after time.Duration) {
	if f == nil || len(answers) == 0 {
		return
	}
	f.change(func() {
		for key, answer := range answers {
			s := &f.now.Shares[f.at[key]]
			s.Answer, s.After = answer, max(0, after)
			if answer == Acknowledged {
				f.now.Acknowledged++
			} else {
				f.now.Lapsed++
			}
		}
	})
}

func (f *Filling) end(r Receipt, err error) {
	f.change(func() {
		if f.now.Err = err; err == nil {
			f.now.Receipt, f.now.Enforced = r, true
		}
	})
}

func (f *Filling) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	close(f.changed)
	f.changed = make(chan struct{})
}

// names answers what the holders call themselves.
func (t *tracker) names(of map[holderKey]time.Time) map[holderKey]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	names := make(map[holderKey]string, len(of))
	for key := range of {
		names[key] = ""
		if h := t.holders[key]; h != nil {
			names[key] = h.name
		}
	}
	return names
}
