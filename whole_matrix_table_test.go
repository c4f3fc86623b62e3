package tandem

import "strings"

// The fates of a credential after an event, and within what. "now" is the moment at which the call that made the
// event returns: from then on the server refuses. "L" is the freshness of a route: at most that much later every
// verifier refuses.
const (
	lives       = "lives"
	dies        = "dies (now, L)"
	diesNow     = "dies (now)"
	diesL       = "dies (L)"
	renews      = "renews (L)"
	renewsNow   = "renews (now, L)"
	replaced    = "replaced (now, L)"
	replacedNow = "replaced (now)"
	replacedL   = "replaced (L)"
	none        = "–"
)

// column is a kind of credential.
type column int

const (
	theCookie column = iota
	theSessionToken
	theAccessToken
	theJWTAccessToken
	theRefreshToken
	theCookieStream
	theJWTStream
	theOtherSession
	theAPIKey
	theNeighbour
	theNeighbourAccess
	theElsewhere
	columns
)

var columnNames = [columns]string{
	theCookie: "cookie", theSessionToken: "session token", theAccessToken: "access token", theJWTAccessToken: "access token, mode jwt",
	theRefreshToken: "refresh token, mode jwt", theCookieStream: "open connection, by cookie", theJWTStream: "open connection, by access token of mode jwt",
	theOtherSession: "another session of the user", theAPIKey: "API key", theNeighbour: "another user's session",
	theNeighbourAccess: "another user's access token", theElsewhere: "session of another application",
}

// row is an event with what it does to each credential.
type row struct {
	event string
	// once: it concerns nobody in particular. jwtOnly: it can only befall a session in mode jwt.
	once, jwtOnly bool
	before        func(*victim) // what the victim has done long before
	do            func(*victim)
	want          [columns]string
}

// everything lives but for what is named.
func but(changes map[column]string) (cells [columns]string) {
	for c := range columns {
		cells[c] = lives
		if fate, ok := changes[c]; ok {
			cells[c] = fate
		}
	}
	return cells
}

// thatSession is the fate of all credentials of the session concerned, and of the user's others.
func thatSession(others string) map[column]string {
	return map[column]string{
		theCookie: dies, theSessionToken: dies, theAccessToken: dies, theJWTAccessToken: dies, theRefreshToken: diesNow,
		theCookieStream: diesL, theJWTStream: diesL, theOtherSession: others,
	}
}

// newCredentials is the fate of a session that gets new ones.
func newCredentials(others string) map[column]string {
	return map[column]string{
		theCookie: replaced, theSessionToken: replaced, theAccessToken: replaced, theJWTAccessToken: replaced, theRefreshToken: replacedNow,
		theCookieStream: replacedL, theJWTStream: replacedL, theOtherSession: others,
	}
}

// newRights is the fate of a user's credentials that say what the user may do.
func newRights() map[column]string {
	return map[column]string{theAccessToken: renews, theJWTAccessToken: renews, theCookieStream: renews, theJWTStream: renews}
}

func with(m map[column]string, more map[column]string) map[column]string {
	for c, fate := range more {
		m[c] = fate
	}
	return m
}

// matrix is the expectation: every event on every credential.
var matrix = []row{
	{event: "signed out here", do: func(v *victim) { v.signOut("local") }, want: but(thatSession(lives))},
	{event: "the others signed out", do: func(v *victim) { v.signOut("others") }, want: but(map[column]string{theOtherSession: dies})},
	{event: "signed out everywhere", do: func(v *victim) { v.signOut("global") }, want: but(thatSession(dies))},
	{event: "ended from the list of devices", do: (*victim).endDevice, want: but(thatSession(lives))},
	{event: "ended by an operator", do: (*victim).endByOperator, want: but(thatSession(lives))},
	{event: "stepped up", do: (*victim).stepUp, want: but(newCredentials(lives))},
	{event: "stepped up with a one-time code", before: (*victim).addTOTP, do: (*victim).stepUpByCode, want: but(newCredentials(lives))},
	{event: "password changed", do: (*victim).changePassword, want: but(newCredentials(dies))},
	{event: "password reset by an operator", do: (*victim).resetPassword, want: but(thatSession(dies))},
	{event: "forgotten password replaced", before: (*victim).verifyEmail, do: (*victim).recover, want: but(thatSession(dies))},
	{event: "account claimed by the owner of its address", do: (*victim).claim, want: but(thatSession(dies))},
	{event: "second factor added", do: (*victim).addTOTP, want: but(newCredentials(lives))},
	{event: "second factor removed", before: (*victim).addTOTP, do: (*victim).removeTOTP, want: but(newCredentials(lives))},
	{event: "passkey added", do: (*victim).addPasskey, want: but(newCredentials(lives))},
	{event: "passkey removed", before: (*victim).addPasskey, do: (*victim).removePasskey, want: but(newCredentials(lives))},
	{event: "e-mail changed by the user", do: (*victim).changeEmail, want: but(nil)},
	{event: "e-mail changed by an operator", do: func(v *victim) { v.patch(map[string]any{"email": "new." + v.email}) }, want: but(nil)},
	{event: "role changed", do: func(v *victim) { v.patch(map[string]any{"roles": []string{"auditor"}}) }, want: but(newRights())},
	{event: "user locked", do: func(v *victim) { v.patch(map[string]any{"status": "locked"}) }, want: but(thatSession(dies))},
	{event: "user deleted", do: (*victim).deleteUser, want: but(thatSession(dies))},
	{event: "refresh token used by two", jwtOnly: true, do: (*victim).reuse, want: but(with(thatSession(lives), map[column]string{
		theCookie: none, theSessionToken: none, theAccessToken: none, theCookieStream: none}))},
	{event: "user revoked (`subject`)", do: func(v *victim) { v.revoke("subject", v.user()) }, want: but(thatSession(dies))},
	{event: "rights revoked (`authz`)", do: func(v *victim) { v.revoke("authz", v.user()) }, want: but(newRights())},
	{event: "application revoked (`application`)", do: func(v *victim) { v.revoke("application", v.app) }, want: but(with(thatSession(dies),
		map[column]string{theNeighbour: dies, theNeighbourAccess: dies}))},
	{event: "signing key rotated", once: true, do: (*victim).rotateKeys, want: but(nil)},
	{event: "signing key replaced (`key`)", once: true, do: (*victim).revokeKey, want: but(map[column]string{
		theAccessToken: renewsNow, theJWTAccessToken: renewsNow, theJWTStream: renews, theNeighbourAccess: renewsNow})},
	{event: "all renewed (`all`)", once: true, do: func(v *victim) { v.revoke("all", "") }, want: but(with(newRights(), map[column]string{theNeighbourAccess: renews}))},
	{event: "all ended (`all` with `end_sessions`)", once: true, do: (*victim).endAll, want: but(with(thatSession(dies), map[column]string{
		theNeighbour: dies, theNeighbourAccess: dies, theElsewhere: dies}))},
	{event: "API key revoked", once: true, do: (*victim).revokeAPIKey, want: but(map[column]string{theAPIKey: diesNow})},
}

// printMatrix is docs/matrix.md.
func printMatrix() string {
	var b strings.Builder
	b.WriteString(`# What each event does to each credential

This table is the expectation of a test that goes through every cell with a real server, a real verifier and real
HTTP. It is printed by that test: change it in ` + "`whole_matrix_table_test.go`" + `, then run ` + "`go generate .`" + `

- **lives**: it goes on working.
- **dies**: it is refused for good; the person signs in again, if they may.
- **renews**: it is refused, but its session lives: a silent refresh, or simply the next connection, brings one that works.
- **replaced**: it is refused, and its successor came with the answer to whoever caused the event.
- **now**: the server refuses it from the moment at which the call returns. **L**: every verifier refuses it at most the
  route's freshness later (10 s by default, normally tens of milliseconds), and an open connection has been closed by
  then. Where only **L** stands, a live check goes on answering with the truth of the moment, such as the new roles.

Cookie, session token and access token belong to a session in mode hybrid, the user's other session likewise. Refresh
tokens exist in mode jwt only, so reuse can befall only such a session. The other user has signed in to the same
application, but for the last column.

`)
	b.WriteString("| event |")
	for _, name := range columnNames {
		b.WriteString(" " + name + " |")
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", int(columns)+1) + "\n")
	for _, r := range matrix {
		b.WriteString("| " + r.event + " |")
		for _, cell := range r.want {
			b.WriteString(" " + cell + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}
