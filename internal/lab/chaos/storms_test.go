package chaos

import (
	"math"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
)

// TestStormOnPostgres plays everything that may happen to three nodes on one PostgreSQL.
func TestStormOnPostgres(t *testing.T) {
	skipShort(t)
	s := setUp(t, setting{nodes: 3, postgres: &rig.PostgresConfig{}, groups: 4, perGroup: 5})
	stormAndCalm(s, length(t, 10*time.Second), 2)
}

// TestStormOnRedis plays the same where sessions are kept in Redis.
func TestStormOnRedis(t *testing.T) {
	skipShort(t)
	s := setUp(t, setting{nodes: 3, postgres: &rig.PostgresConfig{}, redis: &rig.RedisConfig{AppendFsync: "everysec"}, groups: 4, perGroup: 5})
	stormAndCalm(s, length(t, 10*time.Second), 2)
}

// A Redis that was restored from a backup, or emptied, has forgotten how sessions ended. They stay ended: people have to
// sign in again at the worst.
func TestRedisRestoredAndEmptied(t *testing.T) {
	skipShort(t)
	s := setUp(t, setting{nodes: 3, postgres: &rig.PostgresConfig{}, redis: &rig.RedisConfig{AppendFsync: "everysec"}, groups: 2, perGroup: 5})
	c := begun(s, "first", 2*time.Second)
	backup := s.redis.Backup(t)
	c.phase("Redis was backed up")
	time.Sleep(length(t, 5*time.Second) / 2)
	c.forgiving.Store(true)
	c.since = moment(math.MaxInt64) // whoever was here is forgotten
	c.during(restoreRedis, nil, time.Second, func() { s.redis.Restore(t, backup) }, func() {})
	c.truthOfAll()
	c.during(emptyRedis, nil, time.Second, func() { s.redis.Flush(t) }, func() {})
	c.leaveAll()
	c.truthOfAll()
	c.phase("Redis was restored and emptied")
	since := now()
	next := begun(s, "second", length(t, 5*time.Second)/2)
	next.since = since
	next.recover()
	s.Logf("answers before:\n%v", &c.tally)
	next.judgement()
}
