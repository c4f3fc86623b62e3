package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tandem.example/tandem/internal/mail"
)

// MailQueue answers the port to messages that wait.
func (s *Store) MailQueue() mail.Queue { return mailQueue{s} }

type mailQueue struct{ s *Store }

func (p mailQueue) Put(ctx context.Context, q mail.Queued) error {
	return p.s.do(ctx, "mail.Put", func() error {
		if _, ok := p.s.mails[q.ID]; ok {
			return fmt.Errorf("message %s exists already", q.ID)
		}
		p.s.mails[q.ID] = cloneQueued(q)
		return nil
	})
}

func (p mailQueue) Due(ctx context.Context, now time.Time, limit int) (due []mail.Queued, err error) {
	err = p.s.do(ctx, "mail.Due", func() error {
		for _, q := range p.s.mails {
			if !now.Before(q.NextAt) {
				due = append(due, cloneQueued(q))
			}
		}
		slices.SortFunc(due, func(a, b mail.Queued) int {
			return cmp.Or(a.NextAt.Compare(b.NextAt), cmp.Compare(a.ID, b.ID))
		})
		due = first(due, limit)
		return nil
	})
	return due, err
}

func (p mailQueue) Again(ctx context.Context, q mail.Queued) error {
	return p.s.do(ctx, "mail.Again", func() error {
		if stored, ok := p.s.mails[q.ID]; ok {
			stored.Tries, stored.NextAt = q.Tries, q.NextAt
			p.s.mails[q.ID] = stored
		}
		return nil
	})
}

func (p mailQueue) Remove(ctx context.Context, id string) error {
	return p.s.do(ctx, "mail.Remove", func() error {
		delete(p.s.mails, id)
		return nil
	})
}

func (p mailQueue) Waiting(ctx context.Context) (n int, oldest time.Time, err error) {
	err = p.s.do(ctx, "mail.Waiting", func() error {
		first := ""
		for id := range p.s.mails {
			if first == "" || id < first {
				first = id
			}
		}
		n, oldest = len(p.s.mails), mail.PutAt(first)
		return nil
	})
	return n, oldest, err
}

func cloneQueued(q mail.Queued) mail.Queued {
	q.Sealed = slices.Clone(q.Sealed)
	return q
}
