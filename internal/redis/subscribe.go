package redis

import (
	"context"
	"time"

	"github.com/redis/rueidis"
)

// resubscribe is how long a broken subscription rests.
const resubscribe = 500 * time.Millisecond

// listening hears hints until the store is closed, and subscribes anew whenever a connection breaks. After a silence
// there may have been anything: everybody is woken.
func (s *Store) listening(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.link.client.Receive(ctx, s.link.client.B().Subscribe().Channel(s.keys.channel()).Build(),
			func(m rueidis.PubSubMessage) { s.hear(m.Message) })
		if ctx.Err() != nil {
			return
		}
		s.log.Debug("hints are not heard at the moment", "error", err)
		timer := time.NewTimer(resubscribe)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		s.hint()
	}
}
