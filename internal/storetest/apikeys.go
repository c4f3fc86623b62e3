package storetest

import (
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
)

var apiKeyTests = []test{
	{"a key is kept whole and listed by id", apiKeyIsKept},
	{"what is not there is not found", apiKeyIsNotFound},
	{"an id is used once", apiKeyTwice},
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
	want := *short.ExpiresAt
	*list[1].ExpiresAt, *short.ExpiresAt = s.now.AddDate(10, 0, 0), s.now.AddDate(10, 0, 0)
	found, err := s.APIKeys().Find(s.ctx, short.ID)
	s.ok(err)
	s.equal(*found.ExpiresAt, want)
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

func apiKeyTwice(s *scene) {
	key := s.apiKey("deploy", nil)
	forged, _ := credential.NewAPIKey("forged", "usr_other", nil, s.tick())
	forged.ID = key.ID
	s.refusedAnyhow(func() error { return s.APIKeys().Create(s.ctx, forged, s.entry(audit.APIKeyCreated)) })
	found, err := s.APIKeys().Find(s.ctx, key.ID)
	s.ok(err)
	s.equal(found, key)
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
