package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

const (
	// task is the name under which nodes take turns.
	task = "carry mail"
	// lookEvery is how often a node looks for what has become due: messages to be tried again, and those that another
	// node has put and could not carry. What is put here is looked for at once.
	lookEvery = time.Second
	// finishIn is how long messages under way may take when the server stops. To break one off may send it twice.
	finishIn = 5 * time.Second

	firstRetry, longestRetry = time.Second, 30 * time.Minute
)

// Run carries messages until ctx ends, and returns when none is under way any more.
func (o *Outbox) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		case <-timer.C:
		}
		err := o.look(ctx)
		switch {
		case err == nil:
			o.restless = false
		case ctx.Err() == nil && !o.restless: // told once, not each second
			o.restless = true
			o.Log.Error("mail waits: the queue cannot be read, and will be tried again", "error", err)
		}
		timer.Reset(lookEvery)
	}
}

// look carries what is due unless another node is at it. It asks first whether anything is, since to be alone costs
// more than to look.
func (o *Outbox) look(ctx context.Context) error {
	due, err := o.Queue.Due(ctx, o.Now(), 1)
	if err != nil || len(due) == 0 {
		return err
	}
	return o.Alone(ctx, task, o.carryDue)
}

// carryDue carries what is due, the longest due first, some at a time, until nothing is left that is.
func (o *Outbox) carryDue(ctx context.Context) error {
	under := map[string]bool{} // messages under way
	done := make(chan string)
	carrying, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	stopped, failed := ctx.Done(), error(nil)
	for {
		if failed == nil && ctx.Err() == nil {
			failed = o.start(ctx, carrying, under, done)
		}
		if len(under) == 0 {
			return failed
		}
		select {
		case id := <-done:
			delete(under, id)
		case <-o.wake:
		case <-tick.C:
		case <-stopped:
			stopped = nil
			defer time.AfterFunc(finishIn, cancel).Stop()
		}
	}
}

// start begins to carry as many of the due messages as may be under way at once.
func (o *Outbox) start(ctx, carrying context.Context, under map[string]bool, done chan<- string) error {
	free := o.Parallel - len(under)
	if free <= 0 {
		return nil
	}
	due, err := o.Queue.Due(ctx, o.Now(), o.Parallel+free) // those under way are still in the queue
	if err != nil {
		return err
	}
	for _, q := range due {
		if under[q.ID] || len(under) >= o.Parallel {
			continue
		}
		under[q.ID] = true
		go func() {
			o.settle(carrying, o.carry(carrying, q))
			done <- q.ID
		}()
	}
	return nil
}

// carry tries one message and answers what the queue is to be told.
func (o *Outbox) carry(ctx context.Context, q Queued) func(context.Context) error {
	remove := func(ctx context.Context) error { return o.Queue.Remove(ctx, q.ID) }
	m, err := o.open(q)
	if err != nil {
		o.givenUp.Add(1)
		o.Log.Error("message was given up: it cannot be read", "message", q.ID, "error", err)
		return remove
	}
	log := o.Log.With("message", q.ID, "kind", string(m.Kind), "domain", domain(m.To))
	if !o.Now().Before(q.Until) {
		o.givenUp.Add(1)
		log.Error("message was given up: it could not be sent in time", "tries", q.Tries)
		return remove
	}
	err = o.Carrier.Carry(ctx, q.ID, m)
	switch {
	case err == nil:
		o.sent.Add(1)
		log.Debug("message was sent", "tries", q.Tries+1)
		return remove
	case errors.Is(err, ErrRefused), errors.Is(err, ErrInvalid):
		o.failed.Add(1)
		o.givenUp.Add(1)
		log.Error("message was given up: the mail server refuses it", "error", err)
		return remove
	}
	o.failed.Add(1)
	now := o.Now()
	q.NextAt = now.Add(pause(q.Tries, m.Kind.life()))
	q.Tries++
	log.Warn("message was not sent and will be tried again", "tries", q.Tries, "next", q.NextAt.Sub(now).Round(time.Millisecond), "error", err)
	return func(ctx context.Context) error { return o.Queue.Again(ctx, q) }
}

// settle tells the queue, until it has heard: a message that was sent and could not be removed must not be tried again
// while this node runs.
func (o *Outbox) settle(ctx context.Context, tell func(context.Context) error) {
	for told := false; ; {
		err := tell(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if !told {
			told = true
			o.Log.Error("the mail queue cannot be written, and will be tried again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
}

func (o *Outbox) open(q Queued) (m Message, err error) {
	plain, err := o.Box.Open(q.Sealed, row(q.ID))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(plain, &m); err != nil {
		return m, errors.New("not a message") // the error of json may quote it
	}
	return m, m.Validate()
}

// pause is how long to wait after the try of that number, from 0: twice as long each time, at the most a twentieth of
// the message's life, and up to a fifth shorter, so that what failed together does not come back together.
func pause(tries int, life time.Duration) time.Duration {
	longest := min(longestRetry, life/20)
	p := longest
	if tries < 12 { // 2^12 s are more than the longest
		p = min(longest, firstRetry<<tries)
	}
	return p - rand.N(p/5)
}

// domain is what may be logged of an address.
func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

// String says what became of how many.
func (f Figures) String() string {
	return fmt.Sprintf("%d sent, %d failed tries, %d given up, %d waiting", f.Sent, f.Failed, f.GivenUp, f.Waiting)
}
