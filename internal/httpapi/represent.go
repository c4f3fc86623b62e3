package httpapi

import (
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/session"
)

// User is a user as the API shows them.
type User struct {
	ID            string    `json:"id"`
	Email         string    `json:"email"`
	EmailVerified bool      `json:"email_verified"`
	Name          string    `json:"name"`
	Roles         []string  `json:"roles" nullable:"false"`
	Status        string    `json:"status" enum:"active,locked"`
	CreatedAt     time.Time `json:"created_at"`
}

func showUser(u account.User) User {
	shown := User{
		ID: string(u.ID), Email: u.Email, EmailVerified: u.EmailVerified, Name: u.Name, Roles: u.Roles,
		Status: string(u.Status), CreatedAt: stamp(u.CreatedAt),
	}
	if shown.Roles == nil {
		shown.Roles = []string{}
	}
	return shown
}

// Session is a session as the API shows it.
type Session struct {
	ID              string    `json:"id"`
	App             string    `json:"app" doc:"Id of the application."`
	CreatedAt       time.Time `json:"created_at"`
	AuthenticatedAt time.Time `json:"authenticated_at" doc:"When the person last proved themselves."`
	LastSeenAt      time.Time `json:"last_seen_at" doc:"To the minute."`
	IdleExpiresAt   time.Time `json:"idle_expires_at"`
	ExpiresAt       time.Time `json:"expires_at"`
	ACR             string    `json:"acr" doc:"1 for one factor, 2 for two."`
	AMR             []string  `json:"amr" nullable:"false"`
	Device          string    `json:"device"`
	IP              string    `json:"ip"`
	Current         bool      `json:"current" doc:"Whether the request was sent with this session."`
	Bound           bool      `json:"bound,omitempty" doc:"Whether it is bound to its device: its cookie is of no use elsewhere."`
}

func showSession(s session.Session, current bool) Session {
	shown := Session{
		ID: string(s.ID), App: string(s.Application), CreatedAt: stamp(s.CreatedAt), AuthenticatedAt: stamp(s.AuthenticatedAt),
		LastSeenAt: stamp(s.LastSeenAt), IdleExpiresAt: stamp(s.IdleExpiresAt), ExpiresAt: stamp(s.ExpiresAt),
		ACR: s.ACR, AMR: s.AMR, Device: s.Device, IP: s.IP, Current: current,
		Bound: len(s.Bound.Key) != 0,
	}
	if shown.AMR == nil {
		shown.AMR = []string{}
	}
	return shown
}

// stamp is a time as the API shows it: UTC, to the millisecond.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// stampIf answers nil for the zero time, which means never.
func stampIf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	shown := stamp(t)
	return &shown
}
