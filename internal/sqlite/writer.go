package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/feed"
)

// writer owns the one connection that writes. Its goroutine takes all writes that wait, runs them in one transaction,
// each under a savepoint, and commits them together: while one commit waits for the disk the next batch gathers, so
// the cost of reaching the disk is shared by however many callers there are.
type writer struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt // used by the writer's goroutine alone
	mirror     *mirror              // nil if switched off
	maxBatch   int
	// applications by id, which every sign-in asks for and nearly nothing changes; used by the goroutine alone.
	applications map[application.ID]applicationRow

	queue    chan *job
	stopping chan struct{}
	stopped  chan struct{}
	stopOnce sync.Once

	head atomic.Pointer[feed.Head] // as published

	mu    sync.Mutex
	hints []func() // of OnCommit

	batches, writes atomic.Uint64
}

// job is one write that waits. It may be run twice, of which the first time is undone. Whoever changes the state first decides: the writer, that it runs, or the caller, that
// it has given up.
type job struct {
	run   func(*tx) error
	done  chan error // buffered
	state atomic.Uint32
}

const (
	jobWaits uint32 = iota
	jobRuns
	jobGivenUp
)

// queueSize bounds the writes that wait; a caller beyond it waits to wait.
const queueSize = 4096

// startWriter makes the epoch of a new store, publishes the head and starts the goroutine, which stop ends.
func startWriter(ctx context.Context, db *sql.DB, m *mirror, c Config) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	w := &writer{
		conn: conn, statements: map[string]*sql.Stmt{}, mirror: m, maxBatch: c.MaxBatch,
		applications: map[application.ID]applicationRow{},
		queue:        make(chan *job, queueSize), stopping: make(chan struct{}), stopped: make(chan struct{}),
	}
	if err := w.begin(c); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go w.loop()
	return w, nil
}

func (w *writer) begin(c Config) error {
	h, err := w.readHead()
	if errors.Is(err, sql.ErrNoRows) {
		h = newHead(feed.RandomEpoch())
		_, err = w.exec(insertHead, h.values()...)
	}
	if err != nil {
		return err
	}
	w.publish(&h)
	return nil
}

// do runs one write and answers when it is durable. A caller whose context ends before the write has been taken up
// gets the context's error and nothing is written; after that it gets the outcome, which is near.
func (w *writer) do(ctx context.Context, run func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{run: run, done: make(chan error, 1)}
	select {
	case <-w.stopping:
		return ErrClosed
	case w.queue <- j:
	case <-ctx.Done():
		return ctx.Err()
	}
	var gaveUp error
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		gaveUp = ctx.Err()
	case <-w.stopped:
		gaveUp = ErrClosed
	}
	if j.state.CompareAndSwap(jobWaits, jobGivenUp) {
		return gaveUp
	}
	return <-j.done
}

func (w *writer) loop() {
	defer close(w.stopped)
	var batch []*job
	for {
		select {
		case j := <-w.queue:
			batch = w.gather(append(batch[:0], j), len(batch) > 1)
			w.commit(batch)
		case <-w.stopping:
			// What waits was accepted, so it is written.
			for batch = w.gather(batch[:0], false); len(batch) > 0; batch = w.gather(batch[:0], false) {
				w.commit(batch)
			}
			return
		}
	}
}

// gather takes what waits, without waiting. If the last batch had company it lets other goroutines run once: those
// that were just answered are about to write again, and a batch begun without them would make them wait for two
// commits. A caller who is alone is not kept waiting.
func (w *writer) gather(batch []*job, company bool) []*job {
	for yielded := !company; len(batch) < w.maxBatch; {
		select {
		case j := <-w.queue:
			batch = append(batch, j)
		default:
			if yielded {
				return batch
			}
			yielded = true
			runtime.Gosched()
		}
	}
	return batch
}

// stop commits what waits and ends the goroutine.
func (w *writer) stop() (err error) {
	w.stopOnce.Do(func() { close(w.stopping) })
	<-w.stopped
	for _, s := range w.statements {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, w.conn.Close())
}

// commit runs the batch in one transaction and answers its callers. The order of the steps is the contract: durable,
// mirrored, published, answered.
func (w *writer) commit(batch []*job) {
	running := batch[:0]
	for _, j := range batch {
		if j.state.CompareAndSwap(jobWaits, jobRuns) {
			running = append(running, j)
		}
	}
	if len(running) == 0 {
		return
	}
	answers := make([]error, len(running))
	before := w.head.Load()
	if t, err := w.transact(running, answers); err != nil {
		for i := range answers {
			if answers[i] == nil {
				answers[i] = err
			}
		}
	} else {
		w.applied(&t.changes)
		w.publish(&t.head)
	}
	w.batches.Add(1)
	w.writes.Add(uint64(len(running)))
	for i, j := range running {
		j.done <- answers[i]
	}
	if after := w.head.Load(); after.Position != before.Position || after.Epoch != before.Epoch {
		w.hint()
	}
}

// transact runs the writes and commits. An error means that nothing of the batch was written, or that it is not known.
func (w *writer) transact(batch []*job, answers []error) (*tx, error) {
	for careful := false; ; careful = true {
		if _, err := w.exec("BEGIN IMMEDIATE"); err != nil {
			return nil, fmt.Errorf("begin a transaction: %w", err)
		}
		t := &tx{w: w, careful: careful}
		if err := t.runAll(batch, answers); err != nil || t.spoiled {
			w.exec("ROLLBACK") //nolint:errcheck // it fails if SQLite has rolled back by itself, which is as good
			if err != nil {
				return nil, err
			}
			continue
		}
		if _, err := w.exec("COMMIT"); err != nil {
			w.doubt()
			return nil, fmt.Errorf("commit: %w", err)
		}
		return t, nil
	}
}

// doubt is for a commit that failed and may have reached the disk all the same: what is in memory could be behind the
// database, so the mirror is emptied and the head is read anew.
func (w *writer) doubt() {
	w.exec("ROLLBACK") //nolint:errcheck // there may be nothing to roll back
	w.applied(&changes{all: true})
	if h, err := w.readHead(); err == nil {
		w.publish(&h)
	}
}

// applied brings what is kept in memory up to date with a commit.
func (w *writer) applied(c *changes) {
	if w.mirror != nil {
		w.mirror.apply(c)
	}
	if c.all || c.applications {
		clear(w.applications)
	}
}

func (w *writer) publish(h *head) {
	public := h.public()
	w.head.Store(&public)
}

func (w *writer) readHead() (head, error) {
	statement, err := w.statement(selectHead)
	if err != nil {
		return head{}, err
	}
	return scanHead(statement.QueryRowContext(context.Background()))
}

// exec runs a statement on the connection. No context: a write that has begun is finished.
func (w *writer) exec(query string, args ...any) (sql.Result, error) {
	statement, err := w.statement(query)
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(context.Background(), args...)
}

func (w *writer) statement(query string) (*sql.Stmt, error) {
	if found := w.statements[query]; found != nil {
		return found, nil
	}
	prepared, err := w.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	w.statements[query] = prepared
	return prepared, nil
}

func (w *writer) onCommit(hint func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hints = append(w.hints[:len(w.hints):len(w.hints)], hint)
}

func (w *writer) hint() {
	w.mu.Lock()
	hints := w.hints
	w.mu.Unlock()
	for _, hint := range hints {
		hint()
	}
}

// Stats are figures for metrics.
type Stats struct {
	Batches uint64 // commits
	Writes  uint64 // writes in them, also those that answered an error
	Waiting int    // writes in the queue now
	Mirror  MirrorStats
}

// Stats answers the figures since the store was opened.
func (s *Store) Stats() Stats {
	stats := Stats{Batches: s.write.batches.Load(), Writes: s.write.writes.Load(), Waiting: len(s.write.queue)}
	if s.mirror != nil {
		stats.Mirror = s.mirror.stats()
	}
	return stats
}
