package tandem

import (
	"encoding/base64"
	"errors"
	"sync"
	"testing"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/secret"
)

// All nodes notice at the same time that the log has lost its end. One of them begins the next epoch, and the sessions
// in Redis live on.
func TestNodesThatNoticeTogetherSignNobodyOut(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL and Redis")
	}
	store, master := rig.SharedPostgres(t).NewDatabase(t), secret.NewText(base64.StdEncoding.EncodeToString(secret.Random(32)))
	sessions := rig.Redis(t, rig.RedisConfig{AppendFsync: "everysec"}).URL()
	var all []*house
	for range 3 {
		all = append(all, furnish(t, func(c *Config) {
			c.Store, c.InsecureAllowAsyncCommit, c.MasterKey, c.Sessions.Store = store, true, master, sessions
			if len(all) > 0 {
				c.Issuer = all[0].url
			}
		}))
	}
	ada := all[0].signUp("ada@example.com", "")
	for range 5 {
		from := epochOf(all[0])
		var noticing sync.WaitGroup
		for _, h := range all {
			noticing.Go(func() {
				err := h.server.store.(sharedStore).rolledBack(t.Context(), from)
				if err != nil && !errors.Is(err, feed.ErrEpochMoved) {
					t.Error(err)
				}
			})
		}
		noticing.Wait()
		for _, h := range all {
			h.must(200, h.get("/v1/session", ada.text("session_token")))
		}
	}
}
