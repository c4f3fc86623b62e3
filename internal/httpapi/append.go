package httpapi

import (
	"encoding/json"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/session"
)

// appendWhoami appends a Whoami as encoding/json would write it, without reflection. A test keeps the two equal.
func appendWhoami(b []byte, v session.View, access Access) []byte {
	b = appendUser(append(b, `{"user":`...), v.User)
	b = appendSession(append(b, `,"session":`...), v.Session, true)
	b = appendStrings(append(b, `,"access":{"audiences":`...), access.Audiences)
	b = appendString(append(b, `,"client_id":`...), access.ClientID)
	b = appendString(append(b, `,"scope":`...), access.Scope)
	b = appendString(append(b, `,"position":`...), access.Position)
	if access.BoundUntil != nil {
		b = appendTime(append(b, `,"bound_until":`...), *access.BoundUntil)
	}
	return append(b, `}}`...)
}

func appendUser(b []byte, u account.User) []byte {
	b = appendString(append(b, `{"id":`...), string(u.ID))
	b = appendString(append(b, `,"email":`...), u.Email)
	b = appendBool(append(b, `,"email_verified":`...), u.EmailVerified)
	b = appendString(append(b, `,"name":`...), u.Name)
	b = appendStrings(append(b, `,"roles":`...), u.Roles)
	b = appendString(append(b, `,"status":`...), string(u.Status))
	b = appendTime(append(b, `,"created_at":`...), u.CreatedAt)
	return append(b, '}')
}

func appendSession(b []byte, s session.Session, current bool) []byte {
	b = appendString(append(b, `{"id":`...), string(s.ID))
	b = appendString(append(b, `,"app":`...), string(s.Application))
	b = appendTime(append(b, `,"created_at":`...), s.CreatedAt)
	b = appendTime(append(b, `,"authenticated_at":`...), s.AuthenticatedAt)
	b = appendTime(append(b, `,"last_seen_at":`...), s.LastSeenAt)
	b = appendTime(append(b, `,"idle_expires_at":`...), s.IdleExpiresAt)
	b = appendTime(append(b, `,"expires_at":`...), s.ExpiresAt)
	b = appendString(append(b, `,"acr":`...), s.ACR)
	b = appendStrings(append(b, `,"amr":`...), s.AMR)
	b = appendString(append(b, `,"device":`...), s.Device)
	b = appendString(append(b, `,"ip":`...), s.IP)
	b = appendBool(append(b, `,"current":`...), current)
	if len(s.Bound.Key) != 0 {
		b = append(b, `,"bound":true`...)
	}
	return append(b, '}')
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return appendQuoted(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendQuoted leaves the rare string that needs escapes to encoding/json.
func appendQuoted(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // every string has a JSON form
	}
	return append(b, quoted...)
}

func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = stamp(t).AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}
