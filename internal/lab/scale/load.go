package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// Resource is something that can run out.
type Resource struct {
	Name           string
	Load, Capacity float64
	Unit           string
	Source         string // of the capacity
	Remedy         string
}

// Utilisation is the load over the capacity.
func (r Resource) Utilisation() float64 { return r.Load / r.Capacity }

// simulated is for how long a follower is played to learn its cadence.
const simulated = 20 * time.Second

// Origin is what the nodes do for the followers that ask them directly, summed over the nodes.
type Origin struct {
	Followers int
	Polls     Polls         // of one follower
	Requests  float64       // a second
	CPU       float64       // cores
	Out       float64       // bytes a second
	HeadReads float64       // a second
	EachOut   float64       // bytes a second to one follower
	Sync      time.Duration // processor time of one poll
}

// Origin plays a follower and multiplies.
func (d Deployment) Origin(c Costs) Origin {
	o := Origin{Followers: d.Levels()[0], Polls: d.Poller().Simulate(1, simulated)}
	o.Requests = float64(o.Followers) * o.Polls.Requests
	o.Sync = c.Sync(o.Polls.Events, d.Shared)
	o.CPU = o.Requests * o.Sync.Seconds()
	_, down := c.Wire(o.Polls.Events)
	o.EachOut = o.Polls.Requests * down
	o.Out = float64(o.Followers) * o.EachOut
	o.HeadReads = o.Requests * c.HeadReads
	return o
}

// Round is how long a poll of each follower takes once the origin has no core to spare: the followers then wait for
// each other. What grows with the events alone must fit, or there is no such round and leases lapse.
func (d Deployment) Round(c Costs, o Origin) time.Duration {
	cores := d.Cores * float64(d.Nodes)
	events := float64(o.Followers) * d.Revocations * (c.Sync(1, d.Shared) - c.Sync(0, d.Shared)).Seconds()
	if events >= cores {
		return math.MaxInt64
	}
	round := float64(o.Followers) * c.HTTP.Seconds() / (cores - events)
	return max(time.Duration(round*1e9), time.Duration(1e9/o.Polls.Requests))
}

// HolderRows is how many rows of lease holders are written and read a second. One node writes them so that they are not
// forgotten. Several also tell each other what was acknowledged to them: four times a lease, or whenever something was
// while a receipt waits anywhere, and all of them read it then.
func (d Deployment) HolderRows(o Origin) (written, read float64) {
	n := float64(o.Followers)
	if d.Nodes == 1 {
		return n / holdEvery.Seconds(), 0
	}
	often := 4 / d.Lease.Seconds()
	if d.Revocations*d.Enforced*d.Lease.Seconds() >= 1 {
		often = 1 / gather.Seconds()
	}
	acknowledged := min(d.Revocations, o.Polls.Requests)
	return n * max(1/d.Lease.Seconds(), min(often, acknowledged)), n * float64(d.Nodes) * max(4/d.Lease.Seconds(), min(often, acknowledged))
}

// HeadRow is the row that the revocations of this deployment go through.
func (d Deployment) HeadRow() HeadRow {
	return HeadRow{Rate: d.Revocations, Commit: d.Commit, Group: d.Group, Nodes: d.Nodes}
}

// Resources lists everything that can run out, the fullest first.
func (d Deployment) Resources(c Costs) []Resource {
	o := d.Origin(c)
	cores, nodes := d.Cores*float64(d.Nodes), float64(d.Nodes)
	perCores := cores / citedCores
	row := d.HeadRow()
	snapshot := d.Events() * c.EventBytes
	written, read := d.HolderRows(o)
	own := fmt.Sprintf("%d nodes of %.0f cores", d.Nodes, d.Cores)
	list := []Resource{
		{"head row: appends", d.Revocations, row.Capacity(), "events/s",
			fmt.Sprintf("commit %s, %d a transaction", d.Commit, d.Group), "share transactions; one event for a mass action; an issuer for each tenant"},
		{"origin: processor for polls", o.CPU, cores, "cores", own, "relays; next_ms under load; encode events once for all"},
		{"origin: bytes out", o.Out, d.Link * nodes, "B/s", fmt.Sprintf("%s/s a node (input)", bytesText(d.Link)), "relays; compress replies"},
		{"origin: reads of the head", o.HeadReads, pgPointRead.Value, "reads/s", pgPointRead.Source + ", if each goes to the store", "one read of the head for each wake-up, shared"},
		{"origin: processor for receipts", d.Revocations * d.Enforced * c.Receipt(o.Followers).Seconds(), nodes, "cores", "one mutex a node",
			"settle at most every 10 ms; relays answer for their zone"},
		{"origin: holder rows written", written, pgRefresh.Value, "rows/s", pgRefresh.Source + ", one row a commit", "gather for longer than 10 ms; relays; fewer receipts"},
		{"origin: holder rows read", read, pgBatchRead.Value, "rows/s", pgBatchRead.Source, "the same"},
		{"origin: known holders", float64(o.Followers), maxHolders, "verifiers", "feed/tracker.go", "relays"},
		{"snapshot: events", d.Events(), min(c.SnapshotLimit, revocation.DefaultLimit), "events", "revocation.MaxEvents", "shorter tokens; merge events; one event for a mass action"},
		{"snapshot: bytes", snapshot, revocation.MaxReplyBytes, "B", "revocation.MaxReplyBytes", "the same; compress"},
		{"origin: seconds, all start at once", float64(o.Followers) * snapshot / (d.Link * nodes), d.Lease.Seconds(), "s", "L", "relays; encode once, compress; start in waves"},
		{"origin: memory, all start at once", float64(o.Followers) * snapshot, d.Memory * nodes, "B", bytesText(d.Memory) + " a node (input)", "admit some newcomers at a time; relays"},
		{"verifier: processor", d.verifierCPU(c, o), 1, "cores", "one core", "next_ms under load"},
		{"store: refreshes", d.Renewals(), pgRefresh.Value, "writes/s", pgRefresh.Source, "session tokens (no write); longer access tokens; split the sessions"},
		{"mint: processor", d.Renewals() * c.Mint.Seconds(), cores, "cores", own, "nodes; longer access tokens"},
		{"live checks", d.Sessions * d.Active * d.Requests * d.Live, livePG.Value * perCores, "checks/s", livePG.Source, "Within in place of Live; nodes; read replicas do not serve Live"},
		{"sign-ins: processor", d.SignIns(false), passwordRate.Value * perCores, "sign-ins/s", passwordRate.Source, "nodes; passkeys cost no Argon2id"},
		{"sign-ins, if each revocation ended a session", d.SignIns(true), passwordRate.Value * perCores, "sign-ins/s", passwordRate.Source,
			"admission; nodes for the day of the incident"},
	}
	slices.SortStableFunc(list, func(a, b Resource) int { return cmp.Compare(b.Utilisation(), a.Utilisation()) })
	return list
}

func (d Deployment) verifierCPU(c Costs, o Origin) float64 {
	return o.Polls.Requests*c.CheckSign.Seconds() + d.Revocations*c.ApplyOne.Seconds()
}

// Kept is what lies on disk.
type Kept struct {
	What        string
	Rows, Bytes float64
}

// Disk is what the tables come to once revocations and sign-ins have gone on at this rate for as long as their rows
// are kept; days bounds for how long they have.
func (d Deployment) Disk(c Costs, days float64) []Kept {
	within := func(keep time.Duration) float64 { return min(keep.Seconds(), days*24*3600) }
	ended, trail := d.Revocations*within(keepEnded), d.Revocations*within(keepTrail)
	signIns := d.SignIns(true) * within(keepTrail)
	return []Kept{
		{"sessions alive", d.Sessions, d.Sessions * c.SessionRow},
		{"sessions ended, kept 30 days", ended, ended * c.SessionRow},
		{"audit trail of revocations, kept 400 days", trail, trail * c.AuditRow},
		{"audit trail of sign-ins, kept 400 days", signIns, signIns * c.SignInTrail},
		{"events, kept a token's life and 60 s", d.Events(), d.Events() * c.EventRow},
	}
}
