package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/id"
	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/token"
)

// measure takes all costs, in some seconds.
func measure(ctx context.Context, d Deployment) (Costs, error) {
	r, err := newRig(ctx, d)
	if err != nil {
		return Costs{}, err
	}
	defer r.close() //nolint:errcheck // a store in memory
	c, err := r.sizes(ctx)
	if err != nil {
		return c, fmt.Errorf("sizes: %w", err)
	}
	for _, step := range []struct {
		what string
		do   func(context.Context, *Costs) error
	}{{"replies", r.replies}, {"tokens", r.tokens}, {"verifier", verifierSide}, {"receipts", receipts}, {"http", overHTTP}, {"store", onDisk}} {
		if err := step.do(ctx, &c); err != nil {
			return c, fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return c, nil
}

// sampleEvents is how many events a reply has from which the cost of one is taken.
const sampleEvents = 10_000

// sizes measures bytes: real replies of the real service.
func (r *rig) sizes(ctx context.Context) (c Costs, err error) {
	c.SnapshotLimit = revocation.MaxEvents
	f := newFollower()
	if _, err := r.revoke(ctx, 1); err != nil {
		return c, err
	}
	if err := r.headReads(ctx, &c); err != nil { // while a newcomer's snapshot is small
		return c, err
	}
	if err := f.poll(ctx, r.service, 0); err != nil {
		return c, err
	}
	*f = follower{req: f.req}
	if err := f.poll(ctx, r.service, 0); err != nil { // nothing new
		return c, err
	}
	c.RequestBytes, c.ReplyBytes = float64(f.up), float64(f.down)
	if _, err := r.revoke(ctx, sampleEvents); err != nil {
		return c, err
	}
	*f = follower{req: f.req}
	if err := f.poll(ctx, r.service, 0); err != nil {
		return c, err
	}
	c.EventBytes = (float64(f.down) - c.ReplyBytes) / sampleEvents
	return c, nil
}

// headReads counts the reads of the head for a poll that is held until an event comes, while a hundred others are too
// and the store takes a millisecond: whatever is read once for several counts as that.
func (r *rig) headReads(ctx context.Context, c *Costs) error {
	const others = 100
	all := make([]*follower, others)
	for i := range all {
		all[i] = newFollower()
		if err := all[i].poll(ctx, r.service, 0); err != nil {
			return err
		}
	}
	r.log.heads.Store(0)
	r.log.slow.Store(int64(time.Millisecond))
	defer r.log.slow.Store(0)
	done := make(chan error, others)
	for _, f := range all {
		go func() { done <- f.poll(ctx, r.service, 10*time.Second) }()
	}
	time.Sleep(200 * time.Millisecond) // until all are held
	if _, err := r.revoke(ctx, 1); err != nil {
		return err
	}
	var err error
	for range all {
		err = errors.Join(err, <-done)
	}
	c.HeadReads = float64(r.log.heads.Load()) / others
	return err
}

// snapshot is how many bytes a newcomer is sent.
func (r *rig) snapshot(ctx context.Context) (int, error) {
	f := newFollower()
	err := f.poll(ctx, r.service, 0)
	return f.down, err
}

// replies measures what the service spends on a reply, empty and full.
func (r *rig) replies(ctx context.Context, c *Costs) (err error) {
	head, err := r.log.Head(ctx)
	if err != nil {
		return err
	}
	page, err := r.log.Read(ctx, feed.Ask{Epoch: head.Epoch})
	if err != nil {
		return err
	}
	behind := page.Events[len(page.Events)-1-sampleEvents/10]
	ask := func(position uint64, chain string) func() error {
		req := revocation.Request{Verifier: "payments-api", Instance: "one", Epoch: head.Epoch, Position: position, Chain: chain, Nonce: "0123456789abcdef"}
		return func() error {
			_, err := r.service.Sync(ctx, feed.Caller{Application: "app_scale"}, req)
			return err
		}
	}
	if c.Service, err = cpu(1000, ask(head.Position, head.Chain.String())); err != nil {
		return err
	}
	full, err := cpu(200, ask(behind.Event.Seq, behind.Chain.String()))
	if err != nil {
		return err
	}
	c.Event = (full - c.Service) / (sampleEvents / 10)
	signed, err := r.service.Sync(ctx, feed.Caller{Application: "app_scale"}, revocation.Request{Verifier: "v", Instance: "one", Nonce: "0123456789abcdef"})
	if err != nil {
		return err
	}
	c.GzipEvent = float64(compressed(signed.Body)) / float64(len(page.Events))
	sign := func(body []byte) func() error {
		return func() error { _, err := r.ring.SignReply(bytes.Clone(body)); return err }
	}
	small, err := cpu(200, sign(signed.Body[:int(c.ReplyBytes)]))
	if err != nil {
		return err
	}
	large, err := cpu(200, sign(signed.Body[:int(c.ReplyBytes+c.EventBytes*sampleEvents/10)])) // a thousand events more
	c.Copy = (large - small) / (sampleEvents / 10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, serr := r.snapshot(ctx); err == nil {
		err = serr
	}
	runtime.ReadMemStats(&after)
	c.SnapshotHeap = float64(after.TotalAlloc-before.TotalAlloc) / float64(len(page.Events))
	return err
}

func compressed(body []byte) int {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(body) // into memory
	_ = w.Close()
	return out.Len()
}

// tokens measures the minting of a usual access token.
func (r *rig) tokens(_ context.Context, c *Costs) (err error) {
	now := time.Now()
	claims := token.Claims{
		Issuer: "https://auth.example.com", Subject: id.Prefixed("usr_", now), Audience: []string{"https://auth.example.com"}, ClientID: id.Prefixed("app_", now),
		IssuedAt: now.Unix(), ExpiresAt: now.Add(5 * time.Minute).Unix(), ID: id.New(now), SessionID: id.Prefixed("ses_", now),
		Revision: token.Revision{Epoch: "01arz3nd", Seq: 12345}, AuthTime: now.Unix(), ACR: "1", AMR: []string{"pwd"}, Roles: []string{"customer", "support"},
	}
	c.Mint, err = cpu(2000, func() error { _, err := r.ring.Mint(claims, ""); return err })
	return err
}

// setEntries is how full the measured Set is: what the log of the target retains.
var setEntries = int(Target().Events())

// verifierSide measures a Set, the application of events to it, and the check of a signature.
func verifierSide(_ context.Context, c *Costs) error {
	const epoch = "scale000000000000000000000"
	set := revocation.NewSet(0)
	f := revocation.NewFollower("scale", "1", set)
	chain, position := revocation.Genesis(epoch), uint64(0)
	reply := func(n int, snapshot bool) revocation.Reply {
		rep := revocation.Reply{Epoch: epoch, From: position, Nonce: "nonce", Snapshot: snapshot, LeaseMS: 10_000, MaxTokenMS: 300_000}
		for range n {
			position++
			e := revocation.SessionEvent(fmt.Sprint("revoked ", position))
			e.Seq, e.RetainMS = position, 360_000
			chain = chain.Next(e)
			rep.Events = append(rep.Events, e)
		}
		rep.To, rep.Chain = position, chain.String()
		return rep
	}
	if _, err := f.Apply(f.Request("nonce", 0), reply(setEntries, true), 0); err != nil {
		return err
	}
	c.SetBytes = float64(set.Stats().Bytes) / float64(setEntries)
	var err error
	batches := make([]revocation.Reply, rounds)
	for i := range batches {
		batches[i] = reply(sampleEvents, false)
	}
	next := 0
	all, err := cpu(1, func() error {
		_, err := f.Apply(f.Request("nonce", 0), batches[next], 0)
		next++
		return err
	})
	if err != nil {
		return err
	}
	c.ApplyOne = all / sampleEvents
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	body := make([]byte, int(c.ReplyBytes))
	signature := ed25519.Sign(private, body)
	c.CheckSign, err = cpu(1000, func() error {
		if !ed25519.Verify(public, body, signature) {
			return fmt.Errorf("a good signature is refused")
		}
		return nil
	})
	return err
}

const rounds = 9

// cpu is the processor time of one call: the least of some rounds of n, since whatever disturbs only adds.
func cpu(n int, f func() error) (time.Duration, error) {
	var all []time.Duration
	for range rounds {
		before := cpuTime()
		for range n {
			if err := f(); err != nil {
				return 0, err
			}
		}
		all = append(all, (cpuTime()-before)/time.Duration(n))
	}
	return slices.Min(all), nil
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // it takes two valid arguments
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
