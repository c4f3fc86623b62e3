package postgres

import (
	"context"
	"errors"
	"fmt"
)

// ErrLockLost is the cause of the end of a context that Alone has given: the connection that held the lock is gone, and
// another node may begin.
var ErrLockLost = errors.New("the lock of the task was lost")

// Alone runs do on one node at a time, and answers nil without running it while another node does. The context that do
// is given ends when the lock is lost; do must then end too. A node that is cut off keeps the lock for as long as the
// server takes to notice, some 25 seconds.
func (s *Store) Alone(ctx context.Context, task string, do func(context.Context) error) error {
	if s.closed.Load() {
		return ErrClosed
	}
	connecting, cancel := s.bounded(ctx)
	defer cancel()
	c, err := s.dedicated(connecting)
	if err != nil {
		return fmt.Errorf("be alone with %s: %w", task, named(ctx, err))
	}
	defer closeConn(c)
	var alone bool
	if err := c.QueryRow(connecting, `SELECT pg_try_advisory_lock($1)`, s.lockKey("task "+task)).Scan(&alone); err != nil {
		return fmt.Errorf("be alone with %s: %w", task, named(ctx, err))
	}
	if !alone {
		return nil
	}
	working, lost := context.WithCancelCause(ctx)
	watching, stop := context.WithCancel(context.Background())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		err := watch(watching, c, func(string) {})
		if watching.Err() == nil {
			lost(fmt.Errorf("%w: %w", ErrLockLost, err))
		}
	}()
	err = do(working)
	stop()
	<-watched
	lost(nil)
	return err
}
