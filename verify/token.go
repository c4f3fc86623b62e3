package verify

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/token"
)

// Token is what is known of a credential that was accepted. Only a Verifier
// makes one; the zero Token is nobody. Several requests may share a Token,
// which is why nothing in it can be changed.
//
// Printing a Token shows whom it stands for, never the credential.
type Token struct {
	// What each decision reads comes first, so that it lies together.
	cached     cached
	credential string // to ask the server with
	kind       Kind
	held       revocation.Token
	claims     token.Claims // of a session token: what the server answered

	// Of a session token, in the issuer's time since 1970: until when the
	// answer may be remembered.
	forget time.Duration
}

// Kind says which credential this is.
func (t *Token) Kind() Kind { return t.kind }

// Subject is who acts: "usr_..." for a person, "app_..." for a machine.
func (t *Token) Subject() string { return t.claims.Subject }

// SessionID is the session that the credential belongs to; "" for a machine.
func (t *Token) SessionID() string { return t.claims.SessionID }

// ClientID is the application that the credential was issued to.
func (t *Token) ClientID() string { return t.claims.ClientID }

// ID is an access token's own name (jti); "" for a session token.
func (t *Token) ID() string { return t.claims.ID }

// Audience lists whom the token is for, this service among them.
func (t *Token) Audience() []string { return slices.Clone(t.claims.Audience) }

// Scope holds the scopes, separated by single spaces.
func (t *Token) Scope() string { return t.claims.Scope }

// HasScope reports whether the token has that scope.
func (t *Token) HasScope(name string) bool { return t.claims.HasScope(name) }

// Roles lists the subject's roles.
func (t *Token) Roles() []string { return slices.Clone(t.claims.Roles) }

// HasRole reports whether the subject has that role.
func (t *Token) HasRole(name string) bool { return t.claims.HasRole(name) }

// ACR is how strongly the person authenticated: "1" one factor, "2" two.
func (t *Token) ACR() string { return t.claims.ACR }

// AMR lists how the person authenticated (RFC 8176).
func (t *Token) AMR() []string { return slices.Clone(t.claims.AMR) }

// AuthenticatedAt is when the person last proved themselves; zero for a machine.
func (t *Token) AuthenticatedAt() time.Time { return unix(t.claims.AuthTime) }

// IssuedAt is when the token was issued; zero for a session token.
func (t *Token) IssuedAt() time.Time { return unix(t.claims.IssuedAt) }

// ExpiresAt is when the credential expires if nothing ends it sooner.
func (t *Token) ExpiresAt() time.Time { return unix(t.claims.ExpiresAt) }

// Revision is the place in the revocation log at which the content was read.
func (t *Token) Revision() token.Revision { return t.claims.Revision }

// String names kind, subject and session.
func (t *Token) String() string {
	parts := []string{t.kind.String()}
	for _, p := range []string{t.claims.Subject, t.claims.SessionID} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, " ")
}

// GoString is String, so that no format shows the credential.
func (t *Token) GoString() string { return t.String() }

// LogValue is what slog writes of a Token.
func (t *Token) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("kind", t.kind.String()),
		slog.String("subject", t.claims.Subject),
		slog.String("session", t.claims.SessionID),
	)
}

// sameRights reports whether both allow the same.
func (t *Token) sameRights(o *Token) bool {
	a, b := t.Roles(), o.Roles()
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b) && t.claims.ACR == o.claims.ACR && t.claims.Scope == o.claims.Scope
}

// expiry is when the token expires, in the issuer's time since 1970.
func (t *Token) expiry() time.Duration { return time.Duration(t.claims.ExpiresAt) * time.Second }

// until is from when remembering the token is useless.
func (t *Token) until() time.Duration {
	if t.kind == SessionToken {
		return min(t.forget, t.expiry())
	}
	return t.expiry()
}

// hold computes, once, what each check against the set needs. epoch is the
// present one: tokens of it share its spelling, which is then in reach of the
// processor when it is compared.
func (t *Token) hold(kid, epoch string) {
	t.held = revocation.Token{
		Subject:  revocation.Hash(t.claims.Subject),
		ClientID: revocation.Hash(t.claims.ClientID),
		Epoch:    t.claims.Revision.Epoch,
		Seq:      t.claims.Revision.Seq,
	}
	if t.held.Epoch == epoch {
		t.held.Epoch = epoch
	}
	if t.claims.SessionID != "" {
		t.held.SessionID = revocation.Hash(t.claims.SessionID)
	}
	if kid != "" {
		t.held.KeyID = revocation.Hash(kid)
	}
}

func unix(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}
