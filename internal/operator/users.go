package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/verify/revocation"
)

// NewUser is a user to be created by an operator. Password or PasswordHash may be given, or neither.
type NewUser struct {
	Email         string
	EmailVerified bool
	Name          string
	Roles         []string
	Password      secret.Text
	PasswordHash  string // to import: Argon2id, bcrypt, scrypt or PBKDF2
}

// CreateUser registers a user. Errors: *FieldError, *credential.PolicyError, account.ErrEmailTaken.
func (s *Service) CreateUser(ctx context.Context, in NewUser, by By) (account.User, error) {
	if err := account.CheckEmail(in.Email); err != nil {
		return account.User{}, &FieldError{Field: "email", Rule: err.Error()}
	}
	if err := account.CheckName(in.Name); err != nil {
		return account.User{}, &FieldError{Field: "name", Rule: err.Error()}
	}
	roles, err := account.Roles(in.Roles)
	if err != nil {
		return account.User{}, &FieldError{Field: "roles", Rule: err.Error()}
	}
	phc, err := s.firstPassword(ctx, in)
	if err != nil {
		return account.User{}, err
	}
	now := s.Now()
	user := account.User{ID: account.NewID(now), Email: strings.TrimSpace(in.Email), EmailVerified: in.EmailVerified, Name: in.Name,
		Roles: roles, Status: account.Active, CreatedAt: now}
	entry := s.entry(by, audit.UserCreated, user.ID, "", now)
	if err := s.SignIn.Register(ctx, signin.Registration{User: user, Password: phc, Audit: []audit.Entry{entry}}); err != nil {
		return account.User{}, fmt.Errorf("create user: %w", err)
	}
	return user, nil
}

func (s *Service) firstPassword(ctx context.Context, in NewUser) (credential.PHC, error) {
	switch {
	case in.PasswordHash != "" && !in.Password.Empty():
		return credential.PHC{}, &FieldError{Field: "password_hash", Rule: "must not be given together with password"}
	case in.PasswordHash != "":
		phc, err := credential.ParseImported(in.PasswordHash)
		if err != nil {
			return credential.PHC{}, &FieldError{Field: "password_hash", Rule: "must be an Argon2id, bcrypt, scrypt or PBKDF2 hash of moderate cost"}
		}
		return phc, nil
	case in.Password.Empty():
		return credential.PHC{}, nil
	}
	return s.newHash(ctx, in.Password, in.Email, in.Name)
}

func (s *Service) newHash(ctx context.Context, password secret.Text, personal ...string) (credential.PHC, error) {
	if err := s.Passwords.Check(password, personal...); err != nil {
		return credential.PHC{}, err
	}
	phc, err := s.Hasher.Hash(ctx, password)
	if err != nil {
		return credential.PHC{}, fmt.Errorf("hash password: %w", err)
	}
	return phc, nil
}

// User finds a user by id, or by e-mail address if it holds an @.
func (s *Service) User(ctx context.Context, idOrEmail string) (account.User, error) {
	if strings.Contains(idOrEmail, "@") {
		return s.Accounts.ByEmail(ctx, idOrEmail)
	}
	return s.Accounts.ByID(ctx, account.ID(idOrEmail))
}

// Users lists users.
func (s *Service) Users(ctx context.Context, q account.Query) ([]account.User, error) {
	users, err := s.Accounts.List(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return users, nil
}

// Patch changes a user. Nil fields stay.
type Patch struct {
	Email         *string
	EmailVerified *bool // nil: false for another address, which nobody has proven to be theirs
	Name          *string
	Roles         *[]string // all of them; or, beside what the user has:
	AddRoles      []string
	RemoveRoles   []string
	Status        *account.Status
	// Guard may refuse the change, seeing the user as they are and as they will be; nil allows it.
	Guard func(before, after account.User) error
}

// ChangeUser applies the patch in one commit, and to the user as they are: if somebody changes them meanwhile, on
// whichever node, it is decided anew, so that no change undoes what another did. New
// roles go out as an authz event: the user stays signed in and their next refresh carries the new ones. A lock ends
// all sessions by one subject event.
//
// Errors: *FieldError, that of Guard, account.ErrNotFound, account.ErrEmailTaken, account.ErrRaced if others come in
// between again and again.
func (s *Service) ChangeUser(ctx context.Context, id account.ID, p Patch, by By) (user account.User, commit feed.Commit, err error) {
	err = settle(account.ErrRaced, func() error {
		before, err := s.Accounts.ByID(ctx, id)
		if err != nil {
			return fmt.Errorf("change user: %w", err)
		}
		a, err := s.amendment(before, p, by)
		if err != nil {
			return err
		}
		if p.Guard != nil {
			if err := p.Guard(before, a.Of(before)); err != nil {
				return err
			}
		}
		if user, commit, err = s.Accounts.Amend(ctx, a); err != nil {
			return fmt.Errorf("change user: %w", err)
		}
		if account.NormalizeEmail(user.Email) != account.NormalizeEmail(before.Email) {
			s.tell(ctx, before.Email, mail.MovedByOperator)
		}
		return nil
	})
	return user, commit, err
}

// amendment is what the patch makes of the user.
func (s *Service) amendment(before account.User, p Patch, by By) (account.Amendment, error) {
	now := s.Now()
	a := account.Amendment{ID: before.ID, Was: &before, Email: p.Email, EmailVerified: p.EmailVerified, Name: p.Name, At: now}
	if p.Email != nil {
		if err := account.CheckEmail(*p.Email); err != nil {
			return a, &FieldError{Field: "email", Rule: err.Error()}
		}
		if p.EmailVerified == nil && account.NormalizeEmail(*p.Email) != account.NormalizeEmail(before.Email) {
			a.EmailVerified = new(bool)
		}
	}
	if p.Name != nil {
		if err := account.CheckName(*p.Name); err != nil {
			return a, &FieldError{Field: "name", Rule: err.Error()}
		}
	}
	if p.Email != nil || p.EmailVerified != nil || p.Name != nil {
		a.Audit = append(a.Audit, s.entry(by, audit.UserChanged, before.ID, "", now))
	}
	if p.Roles != nil || len(p.AddRoles)+len(p.RemoveRoles) > 0 {
		roles, err := account.Roles(p.roles(before))
		if err != nil {
			return a, &FieldError{Field: "roles", Rule: err.Error()}
		}
		a.Roles = &roles
		// Even if they are as they were: said again, the order must take effect.
		a.Announce = append(a.Announce, revocation.AuthzEvent(string(before.ID)))
		a.Audit = append(a.Audit, s.entry(by, audit.RolesChanged, before.ID, "", now))
	}
	return a, s.changeStatus(&a, p.Status, before, by)
}

// roles are the user's after the patch.
func (p Patch) roles(before account.User) []string {
	if p.Roles != nil {
		return *p.Roles
	}
	kept := slices.DeleteFunc(slices.Clone(before.Roles), func(r string) bool { return slices.Contains(p.RemoveRoles, r) })
	return append(kept, p.AddRoles...)
}

func (s *Service) changeStatus(a *account.Amendment, status *account.Status, before account.User, by By) error {
	switch {
	case status == nil:
		return nil
	case *status == account.Locked:
		// Said again for a user who is locked already: the order must take effect, whatever was there before.
		a.EndSessions = string(session.UserLocked)
		a.Announce = append(a.Announce, revocation.SubjectEvent(string(a.ID)))
		a.Audit = append(a.Audit, s.entry(by, audit.UserLocked, a.ID, "", a.At))
	case *status == account.Active:
		if before.Status != account.Active {
			a.Audit = append(a.Audit, s.entry(by, audit.UserUnlocked, a.ID, "", a.At))
		}
	default:
		return &FieldError{Field: "status", Rule: "must be active or locked"}
	}
	a.Status = status
	return nil
}

// DeleteUser removes a user with all that belongs to them, but for the audit trail.
func (s *Service) DeleteUser(ctx context.Context, id account.ID, by By) (feed.Commit, error) {
	now := s.Now()
	commit, err := s.Accounts.Delete(ctx, account.Removal{
		ID: id, At: now, Announce: []revocation.Event{revocation.SubjectEvent(string(id))},
		Audit: []audit.Entry{s.entry(by, audit.UserDeleted, id, "", now)},
	})
	if err != nil {
		return commit, fmt.Errorf("delete user: %w", err)
	}
	return commit, nil
}

// ResetCredentials removes all that a user can prove themselves with, and ends all their sessions, in one commit: for
// whoever has lost their second factor, or may have one that is somebody else's. They begin again as if they had
// forgotten their password, by mail to their address; or with a password that an operator sets.
func (s *Service) ResetCredentials(ctx context.Context, id account.ID, by By) (feed.Commit, error) {
	now := s.Now()
	user, commit, err := s.Accounts.Amend(ctx, account.Amendment{
		ID: id, DropCredentials: true, EndSessions: string(session.EndedByOperator), At: now,
		Announce: []revocation.Event{revocation.SubjectEvent(string(id))},
		Audit:    []audit.Entry{s.entry(by, audit.CredentialsReset, id, "", now)},
	})
	if err != nil {
		return commit, fmt.Errorf("reset credentials: %w", err)
	}
	s.tell(ctx, user.Email, mail.ResetByOperator)
	return commit, nil
}

// ResetPassword sets a user's password and ends all their sessions.
func (s *Service) ResetPassword(ctx context.Context, id account.ID, password secret.Text, by By) (feed.Commit, error) {
	user, err := s.Accounts.ByID(ctx, id)
	if err != nil {
		return feed.Commit{}, fmt.Errorf("reset password: %w", err)
	}
	phc, err := s.newHash(ctx, password, user.Email, user.Name)
	if err != nil {
		return feed.Commit{}, err
	}
	now := s.Now()
	_, commit, err := s.SignIn.SetPassword(ctx, signin.NewPassword{
		User: id, To: phc, Reset: true, At: now, Announce: []revocation.Event{revocation.SubjectEvent(string(id))},
		Audit: []audit.Entry{s.entry(by, audit.PasswordChanged, id, "", now)},
	})
	if err != nil {
		return commit, fmt.Errorf("reset password: %w", err)
	}
	s.tell(ctx, user.Email, mail.SetByOperator)
	return commit, nil
}
