package httpapi

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/session"
)

// TestAppendWhoamiIsWhatJSONWrites keeps the live check, which is written by hand, equal to its description.
func TestAppendWhoamiIsWhatJSONWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z<>&"\\ -]{0,12}`), rapid.SampledFrom([]string{"", "\xff", "\u2028", "a\x00b", "ü"}))
		texts := rapid.SliceOfN(text, 0, 3)
		when := rapid.Custom(func(t *rapid.T) time.Time {
			zone := time.FixedZone("", rapid.IntRange(-12, 12).Draw(t, "zone")*3600)
			return time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns")).In(zone)
		})
		v := session.View{
			User: account.User{
				ID: account.ID(text.Draw(t, "id")), Email: text.Draw(t, "email"), EmailVerified: rapid.Bool().Draw(t, "verified"),
				Name: text.Draw(t, "name"), Roles: texts.Draw(t, "roles"), Status: account.Status(text.Draw(t, "status")), CreatedAt: when.Draw(t, "created"),
			},
			Session: session.Session{
				ID: session.ID(text.Draw(t, "sid")), CreatedAt: when.Draw(t, "began"), AuthenticatedAt: when.Draw(t, "auth"),
				LastSeenAt: when.Draw(t, "seen"), IdleExpiresAt: when.Draw(t, "idle"), ExpiresAt: when.Draw(t, "expires"), ACR: text.Draw(t, "acr"),
				AMR: texts.Draw(t, "amr"), Device: text.Draw(t, "device"), IP: text.Draw(t, "ip"),
				Bound: session.Bound{Key: rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(t, "key")},
			},
		}
		access := Access{Audiences: texts.Draw(t, "aud"), ClientID: text.Draw(t, "client"), Scope: text.Draw(t, "scope"), Position: text.Draw(t, "position")}
		if rapid.Bool().Draw(t, "is bound") {
			access.BoundUntil = stampIf(when.Draw(t, "until"))
		}
		want, err := json.Marshal(Whoami{User: showUser(v.User), Session: showSession(v.Session, true), Access: access})
		if err != nil {
			t.Fatal(err)
		}
		if got := appendWhoami(nil, v, access); string(got) != string(want) {
			t.Fatalf("by hand\n%s\nby encoding/json\n%s", got, want)
		}
	})
}
