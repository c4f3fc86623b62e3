package storetest

import (
	"slices"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
)

var apiKeyTests = []test{
	{"a key is kept whole and listed by id", apiKeyIsKept},
	{"what is not there is not found", apiKeyIsNotFound},
	{"revoking sticks, and twice changes nothing", apiKeyRevoke},
}

func (s *scene) apiKey(name string, expires *time.Time) credential.APIKey {
	s.t.Helper()
	key, _ := credential.NewAPIKey(name, "usr_creator", expires, s.tick())
	entry := s.entry(audit.APIKeyCreated)
	s.ok(s.APIKeys().Create(s.ctx, key, entry))
	s.equal(s.audited(entry), true)
	return key
}

func apiKeyIsKept(s *scene) {
	forever, short := s.apiKey("deploy", nil), s.apiKey("one hour", to(s.now.Add(time.Hour)))
	for _, key := range []credential.APIKey{forever, short} {
		found, err := s.APIKeys().Find(s.ctx, key.ID)
		s.ok(err)
		s.equal(found, key)
	}
	list, err := s.APIKeys().List(s.ctx)
	s.ok(err)
	s.equal(list, []credential.APIKey{forever, short})
	s.equal(slices.IsSortedFunc(list, func(a, b credential.APIKey) int { return a.CreatedAt.Compare(b.CreatedAt) }), true)
}

func apiKeyIsNotFound(s *scene) {
	s.apiKey("deploy", nil)
	unknown, _ := credential.NewAPIKey("unknown", "", nil, s.tick())
	_, err := s.APIKeys().Find(s.ctx, unknown.ID)
	s.is(err, credential.ErrAPIKeyNotFound)
	s.refused(credential.ErrAPIKeyNotFound, func() error {
		return s.APIKeys().Revoke(s.ctx, unknown.ID, s.now, s.entry(audit.APIKeyRevoked))
	})
}

func apiKeyRevoke(s *scene) {
	key, other := s.apiKey("deploy", nil), s.apiKey("other", nil)
	entry, at := s.entry(audit.APIKeyRevoked), s.tick()
	s.ok(s.APIKeys().Revoke(s.ctx, key.ID, at, entry))
	s.equal(s.audited(entry), true)
	s.refused(nil, func() error {
		return s.APIKeys().Revoke(s.ctx, key.ID, s.tick(), s.entry(audit.APIKeyRevoked))
	})
	key.RevokedAt = &at
	list, err := s.APIKeys().List(s.ctx)
	s.ok(err)
	s.equal(list, []credential.APIKey{key, other})
}
