package httpapi

import (
	"context"
	"net/http"
	"time"

	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/signing"
)

func (a *API) registerKeys() {
	administrative(a, operation{id: "list-keys", method: http.MethodGet, path: "/v1/admin/keys", tag: tagAdmin, summary: "The signing keys."}, a.listKeys)
	administrative(a, operation{
		id: "rotate-keys", method: http.MethodPost, path: "/v1/admin/keys/rotate", tag: tagAdmin, status: http.StatusNoContent,
		summary: "Replace the current keys by their published successors. No token becomes invalid.",
	}, a.rotateKeys)
	administrative(a, operation{
		id: "revoke-key", method: http.MethodPost, path: "/v1/admin/keys/{id}/revoke", tag: tagAdmin, status: http.StatusOK,
		summary: "Refuse a stolen key everywhere; its successor signs. Nobody is signed out. Takes a step-up.",
	}, a.revokeKey)
}

// Key is a signing key, without its private half.
type Key struct {
	KID       string     `json:"kid"`
	Use       string     `json:"use" enum:"token,feed"`
	Algorithm string     `json:"alg"`
	State     string     `json:"state" enum:"next,current,retired,revoked"`
	CreatedAt time.Time  `json:"created_at"`
	CurrentAt *time.Time `json:"current_at" doc:"Since when it has signed; null before."`
	RetiredAt *time.Time `json:"retired_at"`
	RevokedAt *time.Time `json:"revoked_at"`
}

func (a *API) listKeys(_ context.Context, _ operator.By, in *struct{ Paging }) (*pageOutput[Key], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	keys, key := a.Operator.Keys(), func(k signing.Stored) string { return k.KID }
	sortBy(keys, key)
	return page(beyond(keys, after, key), in.Paging, key, func(k signing.Stored) Key {
		return Key{
			KID: k.KID, Use: string(k.Use), Algorithm: string(k.Algorithm), State: string(k.State), CreatedAt: stamp(k.CreatedAt),
			CurrentAt: stampIf(k.CurrentAt), RetiredAt: stampIf(k.RetiredAt), RevokedAt: stampIf(k.RevokedAt),
		}
	}), nil
}

func (a *API) rotateKeys(ctx context.Context, by operator.By, in *Order) (*doneOutput, error) {
	if err := a.Operator.RotateKeys(ctx, by); err != nil {
		return nil, err
	}
	commit, err := a.upToNow(ctx, in.Wait)
	if err != nil {
		return nil, err
	}
	return a.done(ctx, *in, commit)
}

func (a *API) revokeKey(ctx context.Context, by operator.By, in *deleteInput) (*revocationOutput, error) {
	if err := a.fresh(ctx); err != nil {
		return nil, err
	}
	commit, err := a.Operator.RevokeKey(ctx, in.ID, by)
	if err != nil {
		return nil, err
	}
	return a.revoked(ctx, in.Wait, commit)
}
