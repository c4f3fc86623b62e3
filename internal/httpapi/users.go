package httpapi

import (
	"context"
	"net/http"
	"slices"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/web"
)

func (a *API) registerUsers() {
	administrative(a, operation{id: "list-users", method: http.MethodGet, path: "/v1/admin/users", tag: tagAdmin, summary: "List users."}, a.listUsers)
	administrative(a, operation{
		id: "create-user", method: http.MethodPost, path: "/v1/admin/users", tag: tagAdmin, status: http.StatusCreated,
		summary: "Register a user. Making an administrator takes a step-up.",
	}, a.createUser)
	administrative(a, operation{
		id: "get-user", method: http.MethodGet, path: "/v1/admin/users/{id}", tag: tagAdmin,
		summary: "Show a user, by id or e-mail address.",
	}, a.getUser)
	administrative(a, operation{
		id: "change-user", method: http.MethodPatch, path: "/v1/admin/users/{id}", tag: tagAdmin,
		summary: "Change a user: lock, unlock, roles, e-mail, name. Making an administrator takes a step-up.",
	}, a.changeUser)
	administrative(a, operation{
		id: "delete-user", method: http.MethodDelete, path: "/v1/admin/users/{id}", tag: tagAdmin, status: http.StatusNoContent,
		summary: "Delete a user with all that belongs to them. Takes a step-up.",
	}, a.deleteUser)
	administrative(a, operation{
		id: "reset-password", method: http.MethodPost, path: "/v1/admin/users/{id}/password", tag: tagAdmin, status: http.StatusNoContent,
		summary: "Set a user's password and end their sessions. Takes a step-up for an administrator's.",
	}, a.resetPassword)
	administrative(a, operation{
		id: "reset-credentials", method: http.MethodDelete, path: "/v1/admin/users/{id}/credentials", tag: tagAdmin, status: http.StatusNoContent,
		summary: "Remove all that a user can prove themselves with (password, passkeys, one-time and recovery codes, connected accounts) and end their sessions. Takes a step-up.",
	}, a.resetCredentials)
}

type listUsersInput struct {
	Paging
	Search string `query:"search" maxLength:"254" doc:"Part of the e-mail address or the name."`
}

func (a *API) listUsers(ctx context.Context, _ operator.By, in *listUsersInput) (*pageOutput[User], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	users, err := a.Operator.Users(ctx, account.Query{Search: in.Search, After: account.ID(after), Limit: in.Limit + 1})
	if err != nil {
		return nil, err
	}
	return page(users, in.Paging, func(u account.User) string { return string(u.ID) }, showUser), nil
}

type userOutput struct{ Body User }

type createUserInput struct {
	Because
	Body struct {
		Email         string      `json:"email"`
		EmailVerified bool        `json:"email_verified,omitempty"`
		Name          string      `json:"name,omitempty"`
		Roles         []string    `json:"roles,omitempty" nullable:"false"`
		Password      secret.Text `json:"password,omitzero" required:"false"`
		PasswordHash  string      `json:"password_hash,omitempty" doc:"To import: Argon2id, bcrypt, scrypt or PBKDF2."`
	}
}

func (a *API) createUser(ctx context.Context, by operator.By, in *createUserInput) (*userOutput, error) {
	b := &in.Body
	if slices.Contains(b.Roles, account.RoleAdmin) {
		if err := a.fresh(ctx); err != nil {
			return nil, err
		}
	}
	user, err := a.Operator.CreateUser(ctx, operator.NewUser{
		Email: b.Email, EmailVerified: b.EmailVerified, Name: b.Name, Roles: b.Roles, Password: b.Password, PasswordHash: b.PasswordHash,
	}, by)
	if err != nil {
		return nil, err
	}
	return &userOutput{Body: showUser(user)}, nil
}

func (a *API) getUser(ctx context.Context, _ operator.By, in *Named) (*userOutput, error) {
	user, err := a.Operator.User(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &userOutput{Body: showUser(user)}, nil
}

type changeUserInput struct {
	Named
	Order
	Body struct {
		Email         *string   `json:"email,omitempty" nullable:"false"`
		EmailVerified *bool     `json:"email_verified,omitempty" nullable:"false" doc:"That the address is theirs. Left out, it is false for another address and stays for the same."`
		Name          *string   `json:"name,omitempty" nullable:"false"`
		Roles         *[]string `json:"roles,omitempty" nullable:"false" doc:"All that the user is to have."`
		RolesAdd      []string  `json:"roles_add,omitempty" nullable:"false" doc:"To have beside those they have."`
		RolesRemove   []string  `json:"roles_remove,omitempty" nullable:"false" doc:"To have no longer."`
		Status        *string   `json:"status,omitempty" nullable:"false" enum:"active,locked"`
	}
}

// ChangedUser is a user after a change, with its receipt if that was waited for.
type ChangedUser struct {
	User
	Receipt *Receipt `json:"receipt,omitempty"`
}

type changedUserOutput struct{ Body ChangedUser }

func (a *API) changeUser(ctx context.Context, by operator.By, in *changeUserInput) (*changedUserOutput, error) {
	b := &in.Body
	if b.Roles != nil && len(b.RolesAdd)+len(b.RolesRemove) > 0 {
		return nil, web.Invalid("roles", "must not be given together with roles_add or roles_remove")
	}
	found, err := a.Operator.User(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	patch := operator.Patch{Email: b.Email, EmailVerified: b.EmailVerified, Name: b.Name, Roles: b.Roles, AddRoles: b.RolesAdd, RemoveRoles: b.RolesRemove}
	patch.Guard = func(before, after account.User) error {
		if after.HasRole(account.RoleAdmin) && !before.HasRole(account.RoleAdmin) {
			return a.fresh(ctx)
		}
		return nil
	}
	if b.Status != nil {
		status := account.Status(*b.Status)
		patch.Status = &status
	}
	user, commit, err := a.Operator.ChangeUser(ctx, found.ID, patch, by)
	if err != nil {
		return nil, err
	}
	receipt, err := a.receipt(ctx, in.Wait, commit)
	if err != nil {
		return nil, err
	}
	return &changedUserOutput{Body: ChangedUser{User: showUser(user), Receipt: receipt}}, nil
}

type deleteInput struct {
	Named
	Order
}

func (a *API) deleteUser(ctx context.Context, by operator.By, in *deleteInput) (*doneOutput, error) {
	if err := a.fresh(ctx); err != nil {
		return nil, err
	}
	user, err := a.Operator.User(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	commit, err := a.Operator.DeleteUser(ctx, user.ID, by)
	if err != nil {
		return nil, err
	}
	return a.done(ctx, in.Order, commit)
}

func (a *API) resetCredentials(ctx context.Context, by operator.By, in *deleteInput) (*doneOutput, error) {
	if err := a.fresh(ctx); err != nil {
		return nil, err
	}
	user, err := a.Operator.User(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	commit, err := a.Operator.ResetCredentials(ctx, user.ID, by)
	if err != nil {
		return nil, err
	}
	return a.done(ctx, in.Order, commit)
}

type resetPasswordInput struct {
	Named
	Order
	Body struct {
		Password secret.Text `json:"password"`
	}
}

// resetPassword wants a fresh proof for an administrator's password: whoever sets it can sign in as them.
func (a *API) resetPassword(ctx context.Context, by operator.By, in *resetPasswordInput) (*doneOutput, error) {
	user, err := a.Operator.User(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if user.HasRole(account.RoleAdmin) {
		if err := a.fresh(ctx); err != nil {
			return nil, err
		}
	}
	commit, err := a.Operator.ResetPassword(ctx, user.ID, in.Body.Password, by)
	if err != nil {
		return nil, err
	}
	return a.done(ctx, in.Order, commit)
}
