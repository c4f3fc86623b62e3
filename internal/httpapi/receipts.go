package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/web"
)

// Receipt proves that a change is enforced on every verifier that held a lease.
type Receipt struct {
	Position        uint64    `json:"position"`
	CommittedAt     time.Time `json:"committed_at"`
	Verifiers       int       `json:"verifiers" doc:"Instances that held a lease when the change was committed."`
	Acknowledged    int       `json:"acknowledged" doc:"How many of them have applied the change."`
	Lapsed          int       `json:"lapsed" doc:"How many can no longer decide by themselves."`
	EnforcedAfterMS int64     `json:"enforced_after_ms"`
}

// Order is what each act of an administrator may say about itself.
type Order struct {
	Wait string `query:"wait" enum:"enforced" doc:"enforced: answer when the change holds on every verifier, with a receipt."`
	Why  string `query:"reason" maxLength:"500" doc:"Why, in your words, for the audit trail."`
}

func (o Order) reason() string { return o.Why }

// Because is an Order that has nothing to wait for.
type Because struct {
	Why string `query:"reason" maxLength:"500" doc:"Why, in your words, for the audit trail."`
}

func (b Because) reason() string { return b.Why }

// Receipted is the answer to an act that was waited for.
type Receipted struct {
	Receipt *Receipt `json:"receipt"`
}

// doneOutput answers 204, or 200 with a receipt.
type doneOutput struct {
	Status int
	Body   *Receipted
}

// done answers an act that ended access.
func (a *API) done(ctx context.Context, o Order, c feed.Commit) (*doneOutput, error) {
	r, err := a.receipt(ctx, o.Wait, c)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return &doneOutput{Status: http.StatusNoContent}, nil
	}
	return &doneOutput{Status: http.StatusOK, Body: &Receipted{Receipt: r}}, nil
}

// upToNow is the commit to wait for after an act that appends nothing to the log, or does not say where: whoever has
// applied the log up to its head of now knows all that was decided before.
func (a *API) upToNow(ctx context.Context, wait string) (feed.Commit, error) {
	if wait == "" {
		return feed.Commit{}, nil
	}
	head, err := a.Operator.Log.Head(ctx)
	if err != nil {
		return feed.Commit{}, unwaited("the change was committed, but its enforcement could not be waited for", err)
	}
	return feed.Commit{Position: head.Position, At: a.Operator.Now()}, nil
}

// receipt waits for enforcement if that is asked for; else it answers nil. A failure to wait does not undo the
// commit, and the problem says so.
func (a *API) receipt(ctx context.Context, wait string, c feed.Commit) (*Receipt, error) {
	if wait == "" {
		return nil, nil
	}
	r, err := a.Operator.Enforced(ctx, c)
	if err != nil {
		return nil, unwaited(fmt.Sprintf("the change was committed at position %d, but its enforcement could not be waited for", c.Position), err)
	}
	return &Receipt{
		Position: r.Position, CommittedAt: stamp(r.CommittedAt), Verifiers: r.Verifiers,
		Acknowledged: r.Acknowledged, Lapsed: r.Lapsed, EnforcedAfterMS: r.EnforcedAfter.Milliseconds(),
	}, nil
}

func unwaited(detail string, err error) error {
	p := later(http.StatusServiceUnavailable, web.CodeUnavailable, detail, retrySoon)
	p.Err, p.Fault = err, true
	return p
}
