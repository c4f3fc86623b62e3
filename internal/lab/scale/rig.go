package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
)

// rig is the feed as it ships, on the memory store, with a real feed key.
type rig struct {
	store   *memory.Store
	log     *countedLog
	ring    *signing.Ring
	service *feed.Service
	drafts  int
}

func newRig(ctx context.Context, d Deployment) (*rig, error) {
	box, err := secret.NewBox(secret.Random(32))
	if err != nil {
		return nil, err
	}
	r := &rig{store: memory.Open(memory.Options{})}
	r.log = &countedLog{Log: r.store.Log()}
	r.ring, err = signing.Open(ctx, signing.Config{Store: r.store.Keys(), Box: box, Algorithm: jws.ES256, Schedule: signing.DefaultSchedule,
		MaxToken: func() time.Duration { return d.MaxToken }, Now: time.Now})
	if err != nil {
		return nil, err
	}
	if _, err := r.log.KeepFor(ctx, d.MaxToken, time.Now()); err != nil {
		return nil, err
	}
	r.service, err = feed.Open(ctx, feed.Config{Log: r.log, Leases: r.store.Leases(), Lease: d.Lease, Sign: r.ring.SignReply, Now: time.Now})
	return r, err
}

func (r *rig) close() error {
	r.service.Close()
	return r.store.Close()
}

// revoke appends n events, of as many sessions, in one commit.
func (r *rig) revoke(ctx context.Context, n int) (feed.Commit, error) {
	events := make([]revocation.Event, n)
	for i := range events {
		r.drafts++
		events[i] = revocation.SessionEvent(fmt.Sprint("session ", r.drafts))
	}
	return r.log.Append(ctx, feed.Append{Events: events, At: time.Now()})
}

// countedLog counts how often the head is read, and takes its time if told to, as a store elsewhere does.
type countedLog struct {
	feed.Log
	heads atomic.Int64
	slow  atomic.Int64 // nanoseconds
}

func (l *countedLog) Head(ctx context.Context) (feed.Head, error) {
	l.heads.Add(1)
	if slow := l.slow.Load(); slow > 0 {
		time.Sleep(time.Duration(slow))
	}
	return l.Log.Head(ctx)
}

// follower polls as a verifier does, and believes what it is told. What a verifier computes is measured elsewhere.
type follower struct {
	req revocation.Request
	// Of the polls so far:
	requests, events int
	up, down         int // bytes of the bodies, signatures included
}

func newFollower() *follower {
	return &follower{req: revocation.Request{Verifier: "payments-api", Instance: rand.Text()}}
}

func (f *follower) poll(ctx context.Context, s *feed.Service, wait time.Duration) error {
	f.req.Nonce, f.req.WaitMS = rand.Text(), wait.Milliseconds()
	signed, err := s.Sync(ctx, feed.Caller{Application: "app_scale"}, f.req)
	if err != nil {
		return err
	}
	var head struct {
		Epoch, Chain string
		To           uint64
	}
	if err := json.Unmarshal(signed.Body, &head); err != nil {
		return fmt.Errorf("decode reply: %w", err)
	}
	question, err := json.Marshal(f.req)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	f.requests++
	f.events += int(head.To - f.req.Position)
	f.up += len(question)
	f.down += len(signed.Body) + len(signed.Signature)
	f.req.Epoch, f.req.Chain, f.req.Position = head.Epoch, head.Chain, head.To
	return nil
}
