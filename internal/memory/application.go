package memory

import (
	"cmp"
	"context"
	"math"
	"slices"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

// Applications answers the port to applications.
func (s *Store) Applications() application.Store { return applications{s} }

type applications struct{ s *Store }

func (a applications) Create(ctx context.Context, app application.Application, entries ...audit.Entry) error {
	return a.s.do(ctx, "application.Create", func() error {
		if _, taken := a.s.app(app.Name); taken {
			return application.ErrNameTaken
		}
		a.s.apps[app.ID] = cloneApplication(app)
		a.s.finish(app.CreatedAt, nil, entries...)
		return nil
	})
}

func (a applications) Find(ctx context.Context, idOrName string) (found application.Application, err error) {
	err = a.s.do(ctx, "application.Find", func() error {
		app, ok := a.s.app(idOrName)
		if !ok {
			return application.ErrNotFound
		}
		found = cloneApplication(app)
		return nil
	})
	return found, err
}

func (a applications) List(ctx context.Context) (found []application.Application, err error) {
	err = a.s.do(ctx, "application.List", func() error {
		for _, app := range a.s.apps {
			found = append(found, cloneApplication(app))
		}
		slices.SortFunc(found, func(a, b application.Application) int { return cmp.Compare(a.ID, b.ID) })
		return nil
	})
	return found, err
}

func (a applications) Amend(ctx context.Context, m application.Amendment) (amended application.Application, commit feed.Commit, err error) {
	err = a.s.do(ctx, "application.Amend", func() error {
		old, ok := a.s.apps[m.Application.ID]
		if !ok {
			return application.ErrNotFound
		}
		if !m.Fits(old) {
			return application.ErrRaced
		}
		if m.KeepPolicies {
			m.Application = old
		}
		if same, taken := a.s.app(m.Application.Name); taken && same.ID != old.ID {
			return application.ErrNameTaken
		}
		events := m.Announce
		if m.EndSessions && len(events) == 0 {
			// The log has to move, or a session that started at its head would not lie below SessionsFrom.
			events = []revocation.Event{revocation.ApplicationEvent(string(old.ID))}
		}
		commit = a.s.finish(m.At, events, m.Audit...)

		amended = cloneApplication(m.Application)
		amended.Kind, amended.CreatedAt, amended.SessionsFrom = old.Kind, old.CreatedAt, old.SessionsFrom
		if m.EndSessions {
			amended.SessionsFrom = commit.Position
			a.s.appsFrom[amended.ID] = a.s.log.base + commit.Position
		}
		a.s.apps[amended.ID] = cloneApplication(amended)
		return nil
	})
	return amended, commit, err
}

func (a applications) Delete(ctx context.Context, r application.Removal) (commit feed.Commit, err error) {
	err = a.s.do(ctx, "application.Delete", func() error {
		if _, ok := a.s.apps[r.ID]; !ok {
			return application.ErrNotFound
		}
		delete(a.s.apps, r.ID)
		commit = a.s.finish(r.At, r.Announce, r.Audit...)
		return nil
	})
	return commit, err
}

// app looks up by id, then by name.
func (s *Store) app(idOrName string) (application.Application, bool) {
	if app, ok := s.apps[application.ID(idOrName)]; ok {
		return app, true
	}
	for _, app := range s.apps {
		if app.Name == idOrName {
			return app, true
		}
	}
	return application.Application{}, false
}

// sessionsFrom is the position below which sessions of the application are dead: all of them once it is deleted.
func (s *Store) sessionsFrom(id application.ID) uint64 {
	if app, ok := s.apps[id]; ok {
		return app.SessionsFrom
	}
	return math.MaxUint64
}

func cloneApplication(a application.Application) application.Application {
	a.Audiences = slices.Clone(a.Audiences)
	a.AllowedOrigins = slices.Clone(a.AllowedOrigins)
	a.SignIn.Methods = slices.Clone(a.SignIn.Methods)
	return a
}
