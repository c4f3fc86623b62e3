package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/verify"
	"tandem.example/tandem/verify/revocation"
)

type watchCmd struct {
	Issuer   string        `placeholder:"URL" help:"The server to follow; the configured issuer if left out."`
	Relay    string        `placeholder:"URL" env:"TANDEM_RELAY" help:"Follow the log at this relay of the server."`
	ClientID string        `placeholder:"ID" env:"TANDEM_CLIENT_ID" help:"Application of kind resource; its secret comes from $TANDEM_CLIENT_SECRET. A server in development needs neither."`
	Count    int           `placeholder:"N" help:"End after so many events."`
	For      time.Duration `placeholder:"DURATION" help:"End after so long."`
}

func (watchCmd) Help() string {
	return `This is a verifier like any other: it holds a lease, is on the list of verifiers, and counts in receipts. The delay of an
event is the time from its commit to its arrival here, as exactly as the two clocks could be compared. Users, sessions and
applications appear as hashes: the log does not name them.

Examples:
  tandem watch
  tandem watch --issuer https://auth.example.com --client-id app_... --count 1`
}

// unread is how many replies may wait for the terminal before the sync does.
const unread = 1024

// news is a reply of the feed with the time at which its events were known here.
type news struct {
	verify.Sync
	maxToken time.Duration
}

// seen is an event as it is printed.
type seen struct {
	At       time.Time       `json:"at"`
	Position uint64          `json:"position"`
	Kind     revocation.Kind `json:"kind"`
	ID       string          `json:"id"`
	DelayMS  *float64        `json:"delay_ms"` // null if it cannot be told
}

func (c watchCmd) Run(a *app) error {
	issuer := c.Issuer
	if issuer == "" {
		cfg, err := a.configuration(nil, false)
		if err != nil {
			return err
		}
		issuer = cfg.Issuer
	}
	clientSecret, err := a.secretVariable("TANDEM_CLIENT_SECRET")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(a.ctx)
	defer stop()
	if c.For > 0 {
		ctx, stop = context.WithTimeout(ctx, c.For)
		defer stop()
	}
	transport := &overheard{transport: http.DefaultTransport.(*http.Transport).Clone()}
	defer transport.transport.CloseIdleConnections()
	inbox := make(chan news, unread)
	v, err := verify.New(a.ctx, verify.Config{
		Issuer: issuer, Relay: c.Relay, Audience: "tandem watch", Name: "tandem watch", ClientID: c.ClientID, ClientSecret: clientSecret,
		HTTPClient: &http.Client{Transport: transport}, Logger: a.logger(config.Log{Level: "error"}),
		OnSync: transport.deliver(ctx, inbox),
	})
	if err != nil {
		return watchError(issuer, err)
	}
	defer v.Close()
	defer stop() // first, since Close waits for the sync, which may wait for the inbox
	return a.follow(ctx, v, inbox, c.Count)
}

func watchError(issuer string, err error) error {
	var bad *verify.ConfigError
	if errors.As(err, &bad) && bad.Field == "ClientID" {
		return fmt.Errorf("follow %s: it wants an application of kind resource: make one with `tandem app create watch --kind resource`, "+
			"then give --client-id and $TANDEM_CLIENT_SECRET", issuer)
	}
	if errors.As(err, &bad) {
		return fmt.Errorf("%w: %s %s", errUsage, strings.ToLower(bad.Field), bad.Rule)
	}
	return fmt.Errorf("follow %s: %w", issuer, err)
}

// follow prints what comes until ctx ends or enough has come. Being ended by a bound is success; never having reached
// the server is not.
func (a *app) follow(ctx context.Context, v *verify.Verifier, inbox <-chan news, limit int) error {
	n, reached := 0, false
	if !v.Status().Ready {
		fmt.Fprintln(a.stderr, "(not reached yet: trying on)")
	}
	for {
		select {
		case <-ctx.Done():
			if status := v.Status(); !reached && status.LastError != nil {
				return fmt.Errorf("follow the revocation log: %w", status.LastError)
			}
			return nil
		case got := <-inbox:
			reached = true
			if got.Snapshot {
				fmt.Fprintf(a.stderr, "(epoch %s, position %d: %s in force)\n", got.Epoch, got.Position, count(len(got.Events), "revocation", "revocations"))
				continue
			}
			for _, e := range got.Events {
				if err := a.tell(a.observe(got, e, v.Status())); err != nil {
					return err
				}
				if n++; limit > 0 && n >= limit {
					return nil
				}
			}
		}
	}
}

// observe says when an event arrived and how long after its commit.
func (a *app) observe(got news, e revocation.Event, s verify.Status) seen {
	o := seen{At: got.Received, Position: e.Seq, Kind: e.Kind, ID: e.ID}
	onTheWay := got.Received.Add(s.ClockOffset).Sub(got.ServerTime)
	if delay := tandem.Age(e, got.maxToken) + max(onTheWay, 0); delay >= 0 && delay < time.Hour && got.maxToken > 0 {
		ms := float64(delay.Microseconds()) / 1000
		o.DelayMS = &ms
	}
	return o
}

func (a *app) tell(o seen) error {
	if a.JSON {
		return json.NewEncoder(a.stdout).Encode(o) // a line each, for programs that read along
	}
	delay := "unknown delay"
	if o.DelayMS != nil {
		delay = fmt.Sprintf("%.0f ms after its commit", *o.DelayMS)
	}
	_, err := fmt.Fprintf(a.stdout, "%s  position %-6d %-11s %-22s  %s\n", o.At.UTC().Format("15:04:05.000Z"), o.Position, o.Kind, printable(dash(o.ID)), delay)
	return err
}

// overheard notes the lifetime of tokens that a reply of the feed reports, which verify.Sync does not hand on. The
// reply's signature has been checked by the time it is used.
type overheard struct {
	transport *http.Transport
	maxToken  atomic.Int64 // in milliseconds
}

// RoundTrip implements http.RoundTripper.
func (o *overheard) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := o.transport.RoundTrip(r)
	if err != nil || res.Header.Get("Tandem-Signature") == "" {
		return res, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, revocation.MaxReplyBytes+1))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	if reply, err := revocation.DecodeReply(body); err == nil {
		o.maxToken.Store(reply.MaxTokenMS)
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// deliver hands each sync that says something to the inbox.
func (o *overheard) deliver(ctx context.Context, inbox chan<- news) func(verify.Sync) {
	return func(s verify.Sync) {
		if len(s.Events) == 0 && !s.Snapshot {
			return
		}
		got := news{s, time.Duration(o.maxToken.Load()) * time.Millisecond}
		select {
		case inbox <- got:
		case <-ctx.Done():
		}
	}
}
