package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

func (a *API) registerOperations() {
	administrative(a, operation{
		id: "list-sessions", method: http.MethodGet, path: "/v1/admin/sessions", tag: tagAdmin,
		summary: "Who is signed in now.",
	}, a.listSessions)
	administrative(a, operation{
		id: "end-any-session", method: http.MethodDelete, path: "/v1/admin/sessions/{id}", tag: tagAdmin, status: http.StatusNoContent,
		summary: "End a session.",
	}, a.endSession)
	administrative(a, operation{
		id: "revoke", method: http.MethodPost, path: "/v1/admin/revocations", tag: tagAdmin, status: http.StatusCreated,
		summary: "Revoke a session, all of a subject, an application, a key, or everything. The kinds key and all take a step-up.",
	}, a.revoke)
	administrative(a, operation{
		id: "list-verifiers", method: http.MethodGet, path: "/v1/admin/verifiers", tag: tagAdmin,
		summary: "The verifiers heard of in the last hour, and how far they are.",
	}, a.listVerifiers)
	administrative(a, operation{id: "audit", method: http.MethodGet, path: "/v1/admin/audit", tag: tagAdmin, summary: "The audit trail, newest first."}, a.trail)
}

type listSessionsInput struct {
	Paging
	User         string `query:"user" maxLength:"254" doc:"Id or e-mail address."`
	App          string `query:"app" maxLength:"100" doc:"Id or name."`
	ActiveWithin string `query:"active_within" maxLength:"20" doc:"Seen within, such as 5m."`
}

// SessionOfUser is a session with its user.
type SessionOfUser struct {
	Session
	User User `json:"user"`
}

func (a *API) listSessions(ctx context.Context, _ operator.By, in *listSessionsInput) (*pageOutput[SessionOfUser], error) {
	before, err := in.after()
	if err != nil {
		return nil, err
	}
	now := a.Operator.Now()
	q := session.Query{AliveAt: now, Before: session.ID(before), Limit: in.Limit + 1}
	if in.User != "" {
		user, err := a.Operator.User(ctx, in.User)
		if err != nil {
			return nil, err
		}
		q.User = user.ID
	}
	if in.App != "" {
		app, err := a.Operator.Application(ctx, in.App)
		if err != nil {
			return nil, err
		}
		q.Application = app.ID
	}
	within, err := parseDuration("active_within", in.ActiveWithin)
	if err != nil {
		return nil, err
	}
	if within > 0 {
		q.SeenSince = now.Add(-within)
	}
	views, err := a.Operator.ListSessions(ctx, q)
	if err != nil {
		return nil, err
	}
	mine := callerOf(ctx).identity.View.Session.ID
	return page(views, in.Paging, viewKey, func(v session.View) SessionOfUser {
		return SessionOfUser{Session: showSession(v.Session, v.Session.ID == mine), User: showUser(v.User)}
	}), nil
}

func (a *API) endSession(ctx context.Context, by operator.By, in *deleteInput) (*doneOutput, error) {
	id, err := session.CheckID(in.ID)
	if err != nil {
		return nil, session.ErrNotFound
	}
	commit, err := a.Operator.EndSession(ctx, id, by)
	if err != nil {
		return nil, err
	}
	return a.done(ctx, in.Order, commit)
}

type revokeInput struct {
	Order
	Body struct {
		Kind        string `json:"kind" enum:"session,subject,authz,application,key,all"`
		ID          string `json:"id,omitempty" maxLength:"200" doc:"Of the session, user, application or key; left out for all."`
		Reason      string `json:"reason,omitempty" maxLength:"500"`
		Wait        string `json:"wait,omitempty" enum:"enforced" doc:"As in the query."`
		EndSessions bool   `json:"end_sessions,omitempty" doc:"For the kind all: sign everybody out as well."`
	}
}

func (in *revokeInput) reason() string {
	if in.Body.Reason != "" {
		return in.Body.Reason
	}
	return in.Why
}

// Revocation is a revocation that was committed.
type Revocation struct {
	Position    uint64    `json:"position"`
	CommittedAt time.Time `json:"committed_at"`
	Receipt     *Receipt  `json:"receipt,omitempty"`
}

type revocationOutput struct{ Body Revocation }

func (a *API) revoke(ctx context.Context, by operator.By, in *revokeInput) (*revocationOutput, error) {
	kind := revocation.Kind(in.Body.Kind)
	if kind == revocation.KindAll || kind == revocation.KindKey {
		if err := a.fresh(ctx); err != nil {
			return nil, err
		}
	}
	commit, err := a.Operator.Revoke(ctx, operator.Revocation{Kind: kind, ID: in.Body.ID, EndSessions: in.Body.EndSessions}, by)
	if err != nil {
		return nil, err
	}
	wait := in.Wait
	if wait == "" {
		wait = in.Body.Wait
	}
	return a.revoked(ctx, wait, commit)
}

func (a *API) revoked(ctx context.Context, wait string, commit feed.Commit) (*revocationOutput, error) {
	receipt, err := a.receipt(ctx, wait, commit)
	if err != nil {
		return nil, err
	}
	return &revocationOutput{Body: Revocation{Position: commit.Position, CommittedAt: stamp(commit.At), Receipt: receipt}}, nil
}

// Verifier is an instance of a verifier.
type Verifier struct {
	Name        string `json:"name"`
	Instance    string `json:"instance"`
	Application string `json:"application" doc:"Id of the application it authenticated as."`
	Epoch       string `json:"epoch"`
	Position    uint64 `json:"position" doc:"Up to here it has applied the log."`
	StalenessMS *int64 `json:"staleness_ms" doc:"Since it last asked; null if this process has not heard of it."`
	LeaseMS     int64  `json:"lease_ms" doc:"For how long it may still decide by itself, at most."`
}

func (a *API) listVerifiers(_ context.Context, _ operator.By, in *struct{ Paging }) (*pageOutput[Verifier], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	key := func(v feed.Verifier) string { return v.Name + "\x00" + v.Instance }
	return page(beyond(a.Operator.Verifiers(), after, key), in.Paging, key, func(v feed.Verifier) Verifier {
		shown := Verifier{
			Name: v.Name, Instance: v.Instance, Application: v.Application, Epoch: v.Epoch, Position: v.Position,
			LeaseMS: v.Lease.Milliseconds(),
		}
		if v.Staleness >= 0 {
			ms := v.Staleness.Milliseconds()
			shown.StalenessMS = &ms
		}
		return shown
	}), nil
}

type trailInput struct {
	Paging
	User    string    `query:"user" maxLength:"254" doc:"Id or e-mail address."`
	Type    string    `query:"type" maxLength:"100" doc:"Such as user.locked."`
	Outcome string    `query:"outcome" enum:"done,refused" doc:"What was done, or what was refused."`
	Since   time.Time `query:"since" doc:"At this time or later."`
	Until   time.Time `query:"until" doc:"Before this time."`
}

// AuditEntry is one act.
type AuditEntry struct {
	ID        string    `json:"id"`
	At        time.Time `json:"at"`
	Type      string    `json:"type"`
	Actor     string    `json:"actor" doc:"User, application or API key id; operator for the local command line; empty where nobody is known."`
	User      string    `json:"user" doc:"Id of the user concerned."`
	Target    string    `json:"target"`
	IP        string    `json:"ip"`
	Reason    string    `json:"reason"`
	Outcome   string    `json:"outcome" enum:"done,refused"`
	RequestID string    `json:"request_id"`
}

func (a *API) trail(ctx context.Context, _ operator.By, in *trailInput) (*pageOutput[AuditEntry], error) {
	before, err := in.after()
	if err != nil {
		return nil, err
	}
	q := audit.Query{User: in.User, Type: audit.Type(in.Type), Outcome: audit.Outcome(in.Outcome), Since: in.Since, Until: in.Until, Before: before, Limit: in.Limit + 1}
	if strings.Contains(in.User, "@") { // the trail of a user who is gone is found by id alone
		user, err := a.Operator.User(ctx, in.User)
		if err != nil {
			return nil, err
		}
		q.User = string(user.ID)
	}
	entries, err := a.Operator.Trail(ctx, q)
	if err != nil {
		return nil, err
	}
	return page(entries, in.Paging, func(e audit.Entry) string { return e.ID }, showEntry), nil
}

func showEntry(e audit.Entry) AuditEntry {
	return AuditEntry{
		ID: e.ID, At: stamp(e.At), Type: string(e.Type), Actor: e.Actor, User: e.User, Target: e.Target, IP: e.IP,
		Reason: e.Reason, Outcome: string(e.Outcome), RequestID: e.RequestID,
	}
}
