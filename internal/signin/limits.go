package signin

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/secret"
)

// taken is what a guess took from the limits, to be given back if it was none.
type taken struct {
	key    string
	policy limit.Policy
}

// take counts an attempt before any password is hashed, so that parallel guesses are counted exactly.
//
// An account's limit alone would let a stranger lock the owner out by guessing. So the limit for everybody holds for
// strangers, while a device or an address from which the owner has signed in before has a limit of its own.
func (s *Service) take(ctx context.Context, email string, c Client) ([]taken, error) {
	address, err := s.takeAddress(ctx, c.IP)
	if err != nil {
		return nil, err
	}
	mail := account.NormalizeEmail(email)
	everybody := taken{limit.Key("account", mail), s.Defaults.PerAccount}
	d, err := s.Limits.Take(ctx, everybody.key, everybody.policy, s.Now())
	if err != nil {
		return nil, fmt.Errorf("take from limit: %w", err)
	}
	if d.Allowed {
		return []taken{address, everybody}, nil
	}
	own, known, err := s.ownKey(ctx, mail, c)
	if err != nil {
		return nil, err
	}
	if known {
		d, err = s.Limits.Take(ctx, own, s.Defaults.PerAccount, s.Now())
		if err != nil {
			return nil, fmt.Errorf("take from limit: %w", err)
		}
		if d.Allowed {
			return []taken{address, {own, s.Defaults.PerAccount}}, nil
		}
	}
	s.refund(ctx, []taken{address})
	return nil, &LimitedError{RetryAfter: d.RetryAfter}
}

// ownKey names the limit of a device or address that the account's owner has used before.
func (s *Service) ownKey(ctx context.Context, email string, c Client) (key string, known bool, err error) {
	user, err := s.Accounts.ByEmail(ctx, email)
	if err != nil {
		return "", false, nil // a stranger to a stranger: the limit for everybody was the answer
	}
	if s.DeviceTokens.Check(c.DeviceToken, user.ID) {
		return limit.Key("account device", c.DeviceToken), true, nil
	}
	known, err = s.Store.KnownAddress(ctx, user.ID, c.IP)
	if err != nil {
		return "", false, fmt.Errorf("look for known address: %w", err)
	}
	return limit.Key("account address", email+" "+addressKey(c.IP)), known, nil
}

func (s *Service) takeAddress(ctx context.Context, ip string) (taken, error) {
	a := taken{limit.Key("address", addressKey(ip)), s.Defaults.PerAddress}
	d, err := s.Limits.Take(ctx, a.key, a.policy, s.Now())
	if err != nil {
		return a, fmt.Errorf("take from limit: %w", err)
	}
	if !d.Allowed {
		return a, &LimitedError{RetryAfter: d.RetryAfter}
	}
	return a, nil
}

func (s *Service) refund(ctx context.Context, all []taken) {
	for _, a := range all {
		if err := s.Limits.Refund(ctx, a.key, a.policy, s.Now()); err != nil {
			s.Log.Warn("limit was not given back", "error", err)
		}
	}
}

// addressKey counts an IPv6 network of 64 bits as one address: its owner has all of it.
func addressKey(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil || a.Unmap().Is4() {
		return ip
	}
	p, err := a.Prefix(64)
	if err != nil {
		return ip
	}
	return p.String()
}

// DeviceTokens recognises devices from which a user has signed in before, without storing anything. Such a token
// proves nothing but that; it opens no session.
type DeviceTokens struct{ key []byte }

// NewDeviceTokens takes a 32-byte key.
func NewDeviceTokens(key []byte) DeviceTokens { return DeviceTokens{key: key} }

const deviceRandom = 12 // bytes

// Issue makes a token for a device on which the user has just signed in.
func (d DeviceTokens) Issue(user account.ID) string {
	random := base64.RawURLEncoding.EncodeToString(secret.Random(deviceRandom))
	return random + "." + d.mac(random, user)
}

// Check reports whether the token was issued for the user.
func (d DeviceTokens) Check(text string, user account.ID) bool {
	random, mac, ok := strings.Cut(text, ".")
	return ok && hmac.Equal([]byte(mac), []byte(d.mac(random, user)))
}

func (d DeviceTokens) mac(random string, user account.ID) string {
	m := hmac.New(sha256.New, d.key)
	m.Write([]byte(random + "." + string(user)))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:16])
}
