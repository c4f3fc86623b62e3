package main

import (
	"math"
	"time"

	"tandem.example/tandem/internal/feed"
)

// Deployment is what is assumed of an installation: every figure in it is an input, none a finding.
type Deployment struct {
	Sessions    float64 // alive
	Verifiers   int
	Revocations float64 // events appended to the log, a second
	Active      float64 // the share of the sessions whose client is at work, and so renews its access token
	Requests    float64 // of an active session to the services, a second
	Live        float64 // the share of those whose route asks for Live
	Enforced    float64 // the share of the revocations that wait for their receipt
	SessionLife time.Duration

	Lease    time.Duration // L
	Wait     time.Duration // for which a long poll may be held
	Spacing  time.Duration // between two polls of a verifier at the least
	Next     time.Duration // next_ms of the replies
	Coalesce time.Duration // between two wake-ups of the held polls
	RTT      time.Duration // of a request between verifier, relay and origin
	MaxToken time.Duration // the longest life of an access token
	Refresh  time.Duration // from one access token of a session to its next

	Commit time.Duration // for which an appending transaction holds the head row
	Group  int           // events that share a transaction at the most
	Nodes  int           // of Tandem
	Cores  float64       // of a node
	Link   float64       // bytes a second out of a node
	Memory float64       // bytes of a node
	FanOut int           // verifiers or relays below a relay
	Depth  int           // relays between the origin and a verifier
	Shared bool          // replies with the same events are encoded once
}

// Target is the deployment of the question: a hundred million sessions, ten thousand verifiers, a thousand
// revocations a second, on what the code does today, on nodes of two cores as the lab's.
func Target() Deployment {
	return Deployment{
		Sessions: 1e8, Verifiers: 10_000, Revocations: 1000, Active: 0.1, Requests: 0.1, Live: 0.01, Enforced: 0.01,
		SessionLife: 30 * 24 * time.Hour,
		Lease:       10 * time.Second, Wait: 2 * time.Second, Spacing: 5 * time.Millisecond, Coalesce: 10 * time.Millisecond,
		RTT: time.Millisecond, MaxToken: 5 * time.Minute, Refresh: 5 * time.Minute,
		Commit: time.Millisecond, Group: 1, Nodes: 3, Cores: 2, Link: 1.25e9, Memory: 8e9, FanOut: 1,
	}
}

// Remedied is the target with every remedy of docs/scale.md that is a setting or a change of a few lines.
func Remedied() Deployment {
	d := Target()
	d.FanOut, d.Depth = 100, 1
	d.Next, d.Group, d.Shared = 100*time.Millisecond, 64, true
	return d
}

// Events is how many events the log retains: what was appended within the longest token's life and the skew.
func (d Deployment) Events() float64 {
	return d.Revocations * (d.MaxToken + feed.Skew).Seconds()
}

// Levels is how many followers there are at each level: the origin's own first, the verifiers last.
func (d Deployment) Levels() []int {
	levels := []int{d.Verifiers}
	for range d.Depth {
		below := levels[0]
		levels = append([]int{(below + d.FanOut - 1) / d.FanOut}, levels...)
	}
	return levels
}

// Poller is how a follower of this deployment polls.
func (d Deployment) Poller() Poller {
	return Poller{Rate: d.Revocations, Wait: d.Wait, Spacing: d.Spacing, Next: d.Next, Coalesce: d.Coalesce, RTT: d.RTT}
}

// Renewals is how many access tokens are minted a second.
func (d Deployment) Renewals() float64 { return d.Sessions * d.Active / d.Refresh.Seconds() }

// SignIns is how many sessions must begin a second for their number to stay the same (Little's law): what replaces the
// expired ones, and, if revocations end sessions and go on for days, one for each of these.
func (d Deployment) SignIns(sustained bool) float64 {
	n := d.Sessions / d.SessionLife.Seconds()
	if sustained {
		n = math.Max(n, d.Revocations)
	}
	return n
}
