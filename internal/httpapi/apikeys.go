package httpapi

import (
	"context"
	"net/http"
	"time"

	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/operator"
)

func (a *API) registerAPIKeys() {
	administrative(a, operation{
		id: "list-api-keys", method: http.MethodGet, path: "/v1/admin/api-keys", tag: tagAdmin,
		summary: "The keys with which machines administer.",
	}, a.listAPIKeys)
	administrative(a, operation{
		id: "create-api-key", method: http.MethodPost, path: "/v1/admin/api-keys", tag: tagAdmin, status: http.StatusCreated,
		summary: "Make an API key. Its secret is shown once. Takes a step-up.",
	}, a.createAPIKey)
	administrative(a, operation{
		id: "revoke-api-key", method: http.MethodDelete, path: "/v1/admin/api-keys/{id}", tag: tagAdmin, status: http.StatusNoContent,
		summary: "Kill an API key at once.",
	}, a.revokeAPIKey)
}

// APIKey is an API key, without its secret.
type APIKey struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by"`
	ExpiresAt *time.Time `json:"expires_at" doc:"null: never."`
	RevokedAt *time.Time `json:"revoked_at" doc:"null: it is not."`
}

func showAPIKey(k credential.APIKey) APIKey {
	shown := APIKey{ID: k.ID, Name: k.Name, CreatedAt: stamp(k.CreatedAt), CreatedBy: k.CreatedBy}
	if k.ExpiresAt != nil {
		shown.ExpiresAt = stampIf(*k.ExpiresAt)
	}
	if k.RevokedAt != nil {
		shown.RevokedAt = stampIf(*k.RevokedAt)
	}
	return shown
}

func (a *API) listAPIKeys(ctx context.Context, _ operator.By, in *struct{ Paging }) (*pageOutput[APIKey], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	keys, err := a.Operator.ListAPIKeys(ctx)
	if err != nil {
		return nil, err
	}
	key := func(k credential.APIKey) string { return k.ID }
	return page(beyond(keys, after, key), in.Paging, key, showAPIKey), nil
}

type createAPIKeyInput struct {
	Because
	Body struct {
		Name      string     `json:"name"`
		ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"Never if left out."`
	}
}

// NewAPIKey is an API key with its secret, which is shown this once.
type NewAPIKey struct {
	APIKey APIKey `json:"api_key"`
	Secret string `json:"secret" doc:"tdk_..., to be sent as Authorization: Bearer."`
}

type newAPIKeyOutput struct{ Body NewAPIKey }

// createAPIKey wants a fresh proof: the key will need none for anything.
func (a *API) createAPIKey(ctx context.Context, by operator.By, in *createAPIKeyInput) (*newAPIKeyOutput, error) {
	if err := a.fresh(ctx); err != nil {
		return nil, err
	}
	key, text, err := a.Operator.CreateAPIKey(ctx, in.Body.Name, in.Body.ExpiresAt, by)
	if err != nil {
		return nil, err
	}
	return &newAPIKeyOutput{Body: NewAPIKey{APIKey: showAPIKey(key), Secret: text.Reveal()}}, nil
}

// NamedBecause is a request that names a thing and may say why.
type NamedBecause struct {
	Named
	Because
}

func (a *API) revokeAPIKey(ctx context.Context, by operator.By, in *NamedBecause) (*struct{}, error) {
	return nil, a.Operator.RevokeAPIKey(ctx, in.ID, by)
}
