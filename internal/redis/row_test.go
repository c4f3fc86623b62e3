package redis

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
)

func drawTime(t *rapid.T, name string) time.Time {
	if ms := rapid.Int64Range(0, 1<<45).Draw(t, name); ms != 0 {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

func drawDigest(t *rapid.T, name string) secret.Digest {
	if seed := rapid.ByteRange(0, 3).Draw(t, name); seed > 0 {
		return secret.Sum([]byte{seed})
	}
	return secret.Digest{}
}

func drawRow(t *rapid.T) *row {
	text := func(name string) string { return rapid.String().Draw(t, name) }
	number := func(name string) uint64 { return rapid.Uint64().Draw(t, name) }
	r := &row{Session: session.Session{
		ID: session.ID(text("id")), User: account.ID(text("user")), Application: application.ID(text("app")),
		CreatedAt: drawTime(t, "created"), AuthenticatedAt: drawTime(t, "authenticated"), LastSeenAt: drawTime(t, "seen"),
		IdleExpiresAt: drawTime(t, "idle"), ExpiresAt: drawTime(t, "expires"), Idle: time.Duration(rapid.Int64().Draw(t, "span")),
		ACR: text("acr"), AMR: rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "amr"), Device: text("device"), IP: text("ip"),
		EndedAt: drawTime(t, "ended"), EndReason: session.Reason(text("reason")), Version: number("version"), Token: drawDigest(t, "token"),
	}}
	if len(r.AMR) == 0 {
		r.AMR = nil
	}
	r.started = session.Place{Epoch: text("epoch"), Ordinal: number("started")}
	r.tokens = session.Place{Epoch: text("epoch of tokens"), Ordinal: number("tokens")}
	r.hearsay = rapid.Bool().Draw(t, "hearsay")
	if g := rapid.Uint32().Draw(t, "generation"); g > 0 {
		r.Refresh = session.Refresh{Generation: g, Digest: drawDigest(t, "digest"), Previous: drawDigest(t, "previous"),
			RotatedAt: drawTime(t, "rotated"), Floor: rapid.Uint32().Draw(t, "floor")}
		if sealed := rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, "sealed"); len(sealed) > 0 {
			r.Refresh.Sealed = sealed
		}
	}
	if key := rapid.SliceOfN(rapid.Byte(), 0, 91).Draw(t, "device key"); len(key) > 0 {
		r.Bound = session.Bound{Key: key, At: drawTime(t, "bound")}
	}
	if k := kind(rapid.ByteRange(0, 2).Draw(t, "fence")); k != none {
		r.fence = newFence(k)
		r.fence.reason, r.fence.at, r.fence.before = session.Reason(text("why")), drawTime(t, "at"), r.started
	}
	return r
}

func TestRowsAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRow(t)
		value := r.encode()
		back, err := decode(value)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, back, cmp.AllowUnexported(row{}, fence{})); diff != "" {
			t.Fatal(diff)
		}
		if again := r.encode(); again[:stampLen] == value[:stampLen] {
			t.Fatal("two writings have one stamp")
		}
		// A part of a value, or more than one, is none.
		if _, err := decode(value[:rapid.IntRange(0, len(value)-1).Draw(t, "cut")]); err == nil {
			t.Fatal("a part of a value was read")
		}
		if _, err := decode(value + "x"); err == nil {
			t.Fatal("a value with something behind it was read")
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add((&row{}).encode())
	f.Add("")
	f.Fuzz(func(t *testing.T, value string) {
		r, err := decode(value)
		if err == nil && r == nil {
			t.Error("neither a row nor an error")
		}
	})
}
