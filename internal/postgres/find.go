package postgres

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/session"
)

// finder lets one read answer many live checks. Whoever asks while as many reads are under way as may be waits, with
// all others who do, for the next one, which begins when one of those ends: nobody is answered from a read that began
// before they asked, and nobody who asks alone waits for anybody.
type finder struct {
	read func(ctx context.Context, ids [][16]byte) (map[[16]byte]session.View, error)

	mu      sync.Mutex
	reading int
	waiting []*lookup
}

// Two reads at a time keep the server busy while the answers of one are handed out; a batch is bounded so that its
// answer is.
const (
	maxReads = 2
	maxBatch = 256
)

type lookup struct {
	id    [16]byte
	done  chan struct{}
	view  session.View
	found bool
	err   error
}

// find answers the session, and whether there is one.
func (f *finder) find(ctx context.Context, id [16]byte, alone func(context.Context) (session.View, bool, error)) (session.View, bool, error) {
	f.mu.Lock()
	if f.reading < maxReads && len(f.waiting) == 0 {
		f.reading++
		f.mu.Unlock()
		defer f.next()
		return alone(ctx)
	}
	l := &lookup{id: id, done: make(chan struct{})}
	f.waiting = append(f.waiting, l)
	f.mu.Unlock()
	select {
	case <-l.done:
		return l.view, l.found, l.err
	case <-ctx.Done():
		return session.View{}, false, context.Cause(ctx)
	}
}

// next ends a read. If others wait, another takes its place.
func (f *finder) next() {
	if batch := f.take(); batch != nil {
		go f.work(batch)
	}
}

// take answers who is to be read for next; nobody waits if it is nil, and the read is over.
func (f *finder) take() (batch []*lookup) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := min(len(f.waiting), maxBatch)
	if n == 0 {
		f.reading--
		return nil
	}
	batch = f.waiting[:n:n]
	f.waiting = f.waiting[n:]
	if len(f.waiting) == 0 {
		f.waiting = nil
	}
	return batch
}

// work reads for one batch after another until nobody waits. No caller's context is used, since none may cancel the
// read of the others; the read is bounded by the store's.
func (f *finder) work(batch []*lookup) {
	for ; batch != nil; batch = f.take() {
		ids := make([][16]byte, len(batch))
		for i, l := range batch {
			ids[i] = l.id
		}
		views, err := f.read(context.Background(), ids)
		shared := make(map[[16]byte]bool, len(batch))
		for _, l := range batch {
			l.view, l.found = views[l.id]
			l.err = err
			if shared[l.id] {
				l.view = copied(l.view)
			}
			shared[l.id] = true
			close(l.done)
		}
	}
}

// copied shares nothing that a caller could change.
func copied(v session.View) session.View {
	v.Session.AMR = append([]string(nil), v.Session.AMR...)
	v.Session.Refresh.Sealed = append([]byte(nil), v.Session.Refresh.Sealed...)
	v.User.Roles = append([]string(nil), v.User.Roles...)
	return v
}

const (
	selectViewByID = selectView + ` WHERE s.id = $1`
	selectViews    = selectView + ` WHERE s.id = ANY($1)`
)

// readViews reads sessions in one statement, hence one snapshot.
func (s *Store) readViews(ctx context.Context, ids [][16]byte) (views map[[16]byte]session.View, err error) {
	err = s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		views = make(map[[16]byte]session.View, len(ids))
		rows, err := c.Query(ctx, selectViews, binaryRows, ids)
		return eachView(rows, err, func(v session.View) {
			k, _ := key(v.Session.ID)
			views[k] = v
		})
	})
	return views, err
}

// readView reads one session; found is false if there is none.
func (s *Store) readView(ctx context.Context, id [16]byte) (view session.View, found bool, err error) {
	err = s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		found = false
		rows, err := c.Query(ctx, selectViewByID, binaryRows, id)
		return eachView(rows, err, func(v session.View) { view, found = v, true })
	})
	return view, found, err
}

// eachView reads rows of viewColumns and closes them.
func eachView(rows pgx.Rows, err error, take func(session.View)) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scanView(rows.RawValues())
		if err != nil {
			return err
		}
		take(v)
	}
	return rows.Err()
}

// Find takes part of a round trip: those who ask at the same time share it.
func (p sessions) Find(ctx context.Context, id session.ID) (session.View, error) {
	k, ok := key(id)
	if !ok {
		return session.View{}, session.ErrNotFound
	}
	view, found, err := p.s.find.find(ctx, k, func(ctx context.Context) (session.View, bool, error) {
		return p.s.readView(ctx, k)
	})
	if err != nil {
		return session.View{}, fmt.Errorf("find session: %w", err)
	}
	if !found {
		return session.View{}, session.ErrNotFound
	}
	return view, nil
}
