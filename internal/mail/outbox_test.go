package mail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/secret"
)

// carried is a Carrier that notes what it is given and answers as told.
type carried struct {
	mu     sync.Mutex
	ids    []string
	to     []string
	at     []time.Time
	answer func(try int, m mail.Message) error
	most   int // under way at once
	now    int
	hold   chan struct{} // each message waits for it, if not nil
}

func (c *carried) Carry(ctx context.Context, id string, m mail.Message) error {
	c.mu.Lock()
	c.ids, c.to, c.at = append(c.ids, id), append(c.to, m.To), append(c.at, time.Now())
	try := len(c.ids)
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	if c.hold != nil {
		select {
		case <-c.hold:
		case <-ctx.Done():
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
	if c.answer == nil {
		return ctx.Err()
	}
	return c.answer(try, m)
}

func (c *carried) list() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.to)
}

// office is an outbox with all that it needs.
type office struct {
	*mail.Outbox
	queue mail.Queue
	box   *secret.Box
	log   *logged
}

// logged is a log that tests can read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newOffice(t *testing.T, c mail.Carrier, queue mail.Queue) office {
	t.Helper()
	box, err := secret.NewBox(make([]byte, secret.MasterKeySize))
	if err != nil {
		t.Fatal(err)
	}
	if queue == nil {
		queue = memory.Open(memory.Options{}).MailQueue()
	}
	o := office{queue: queue, box: box, log: &logged{}}
	o.Outbox = mail.NewOutbox(mail.OutboxConfig{
		Queue: queue, Box: box, Carrier: c, Now: time.Now, Log: slog.New(slog.NewTextHandler(o.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Alone: func(ctx context.Context, _ string, do func(context.Context) error) error { return do(ctx) },
	})
	return o
}

// run runs the outbox until the function that it answers is called, which returns when it has stopped.
func (o office) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() { defer close(stopped); o.Run(ctx) }()
	end := sync.OnceFunc(func() { cancel(); <-stopped })
	t.Cleanup(end)
	return end
}

func (o office) send(t *testing.T, to string) {
	t.Helper()
	h := happening
	h.To = to
	if err := o.Send(t.Context(), mail.Code(h, code, english)); err != nil {
		t.Fatal(err)
	}
}

func (o office) waiting(t *testing.T) int {
	t.Helper()
	f, err := o.Figures(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return f.Waiting
}

func TestOutboxCarriesAtOnceAndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &carried{}
		o := newOffice(t, c, nil)
		stop := o.run(t)
		synctest.Wait()
		began := time.Now()
		for i := range 9 {
			o.send(t, fmt.Sprintf("u%d@example.com", i))
		}
		synctest.Wait()
		if took := time.Since(began); len(c.list()) != 9 || took != 0 {
			t.Errorf("%d carried after %s", len(c.list()), took)
		}
		time.Sleep(time.Hour)
		stop()
		if got := c.list(); len(got) != 9 || o.waiting(t) != 0 {
			t.Errorf("carried %d times, %d wait", len(got), o.waiting(t))
		}
		if f, _ := o.Figures(t.Context()); f.Sent != 9 || f.Failed != 0 {
			t.Errorf("figures: %s", f)
		}
	})
}

func TestOutboxIsSealedAndBoundToItsRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &carried{}
		o := newOffice(t, c, nil)
		o.send(t, "a@example.com")
		time.Sleep(time.Second)
		o.send(t, "b@example.com")
		due, err := o.queue.Due(t.Context(), time.Now(), 10)
		if err != nil || len(due) != 2 {
			t.Fatal(err, len(due))
		}
		if bytes.Contains(due[0].Sealed, []byte("042137")) || bytes.Contains(due[0].Sealed, []byte("example.com")) {
			t.Error("the queue can be read")
		}
		swapped := due[0]
		swapped.Sealed = due[1].Sealed
		for _, q := range due {
			if err := o.queue.Remove(t.Context(), q.ID); err != nil {
				t.Fatal(err)
			}
		}
		if err := o.queue.Put(t.Context(), swapped); err != nil {
			t.Fatal(err)
		}
		stop := o.run(t)
		synctest.Wait()
		stop()
		if len(c.list()) != 0 || o.waiting(t) != 0 || !strings.Contains(o.log.String(), "cannot be read") {
			t.Errorf("a message of another row: carried %v, %d wait", c.list(), o.waiting(t))
		}
	})
}

func TestOutboxTriesAgainLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &carried{answer: func(int, mail.Message) error { return errors.New("down") }}
		o := newOffice(t, c, nil)
		stop := o.run(t)
		began := time.Now()
		o.send(t, "a@example.com")
		if err := o.Send(t.Context(), mail.NewDevice(happening, english)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		var tries []time.Duration
		for i, to := range c.to {
			if to == "a@example.com" {
				tries = append(tries, c.at[i].Sub(began))
			}
		}
		if len(tries) < 15 || len(tries) > 60 || tries[1] > 2*time.Second || tries[5]-tries[4] < 10*time.Second || tries[len(tries)-1] < 9*time.Minute {
			t.Errorf("a code was tried after %s", tries)
		}
		if o.waiting(t) != 1 || !strings.Contains(o.log.String(), "could not be sent in time") {
			t.Errorf("%d wait after a code's time", o.waiting(t))
		}
		before := len(c.list())
		time.Sleep(2 * 24 * time.Hour)
		if tried := len(c.list()) - before; tried < 48*2 || tried > 48*3 {
			t.Errorf("a notice was tried %d times in two days", tried)
		}
		c.mu.Lock()
		c.answer = nil
		c.mu.Unlock()
		time.Sleep(31 * time.Minute)
		stop()
		if f, _ := o.Figures(t.Context()); f.Sent != 1 || f.GivenUp != 1 || f.Waiting != 0 {
			t.Errorf("figures: %s", f)
		}
		if len(slices.Compact(slices.Sorted(slices.Values(c.ids)))) != 2 {
			t.Error("tries of one message have different ids")
		}
	})
}

func TestOutboxKeepsOrderAndBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &carried{hold: make(chan struct{})}
		o := newOffice(t, c, nil)
		var want []string
		for i := range 20 {
			to := fmt.Sprintf("u%02d@example.com", i)
			want = append(want, to)
			o.send(t, to)
			time.Sleep(time.Millisecond)
		}
		stop := o.run(t)
		for range 20 {
			synctest.Wait()
			c.hold <- struct{}{}
		}
		synctest.Wait()
		stop()
		if c.most != 4 {
			t.Errorf("%d under way at once", c.most)
		}
		got := c.list()
		// Those begun together begin in any order; no other overtakes.
		for i, to := range got {
			if at := slices.Index(want, to); at-i > 3 || i-at > 3 {
				t.Errorf("carried in the order %v", got)
				break
			}
		}
		if len(got) != 20 {
			t.Errorf("carried %d", len(got))
		}
	})
}

// unruly is a queue that fails while told to.
type unruly struct {
	mail.Queue
	mu  sync.Mutex
	err error
}

func (u *unruly) fail(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
}

func (u *unruly) Remove(ctx context.Context, id string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return u.err
	}
	return u.Queue.Remove(ctx, id)
}

func TestOutboxDoesNotRepeatWhatItCannotForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &unruly{Queue: memory.Open(memory.Options{}).MailQueue()}
		u.fail(errors.New("store is down"))
		c := &carried{}
		o := newOffice(t, c, u)
		stop := o.run(t)
		o.send(t, "a@example.com")
		time.Sleep(time.Minute)
		u.fail(nil)
		time.Sleep(time.Minute)
		stop()
		if len(c.list()) != 1 || o.waiting(t) != 0 {
			t.Errorf("carried %d times, %d wait", len(c.list()), o.waiting(t))
		}
	})
}

func TestOutboxLetsFinishWhatIsUnderWay(t *testing.T) {
	for _, patient := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := &carried{hold: make(chan struct{})}
			o := newOffice(t, c, nil)
			stop := o.run(t)
			o.send(t, "a@example.com")
			synctest.Wait()
			began := time.Now()
			if patient {
				time.AfterFunc(3*time.Second, func() { close(c.hold) })
			}
			stop()
			took, left := time.Since(began), o.waiting(t)
			if patient && (took != 3*time.Second || left != 0) || !patient && (took != 5*time.Second || left != 1) {
				t.Errorf("stopped after %s with %d waiting", took, left)
			}
		})
	}
}

func TestOutboxOfAnotherNodeTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := memory.Open(memory.Options{}).MailQueue()
		var turn sync.Mutex
		first, second := &carried{hold: make(chan struct{})}, &carried{}
		var stops []func()
		for _, c := range []*carried{first, second} {
			o := newOffice(t, c, queue)
			o.Alone = func(ctx context.Context, _ string, do func(context.Context) error) error {
				if !turn.TryLock() {
					return nil
				}
				defer turn.Unlock()
				return do(ctx)
			}
			stops = append(stops, o.run(t))
			if c == first {
				o.send(t, "a@example.com")
				synctest.Wait()
			}
		}
		time.Sleep(time.Minute) // the second sees that the message is due, and that the first is at it
		if len(first.list()) != 1 || len(second.list()) != 0 {
			t.Fatalf("carried by %v and %v", first.list(), second.list())
		}
		stops[0]() // breaks it off after its time
		time.Sleep(time.Minute)
		if len(second.list()) != 1 {
			t.Errorf("the second carried %v", second.list())
		}
		stops[1]()
	})
}
