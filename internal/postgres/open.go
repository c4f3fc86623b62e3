package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

// Open connects to the database, brings its schema up to date, and begins the first epoch of an empty store. It takes
// at most c.Timeout to connect. Nothing is left behind on failure but, maybe, a schema.
func Open(ctx context.Context, c Config) (*Store, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	p, err := c.parse()
	if err != nil {
		return nil, err
	}
	s := &Store{config: c, signals: newSignals()}
	s.limited.Store(math.MinInt64)
	s.clock.due = make(chan struct{}, 1)
	s.finds.most, s.finds.many = 1, s.readViews
	s.rotations.most, s.rotations.many = 1, s.rotateMany
	s.appends.most, s.appends.many = 1, s.appendMany
	if err := s.newPool(ctx, p); err != nil {
		return nil, s.openError(err)
	}
	working, stop := context.WithCancel(context.Background())
	s.stop = stop
	if err := s.start(ctx); err != nil {
		stop()
		s.pool.Close()
		return nil, s.openError(err)
	}
	s.background(working, s.keepClock)
	s.background(working, s.keepTelling)
	s.background(working, s.keepListening)
	s.background(working, s.keepLimits)
	return s, nil
}

func (s *Store) start(ctx context.Context) error {
	connecting, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	if err := s.checkServer(connecting); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.firstEpoch(ctx); err != nil {
		return err
	}
	return s.adoptTimeline(ctx)
}

// checkServer refuses a server that answers commits before they are safe. A session's synchronous_commit=off has been
// lifted by prepare; fsync is the server's.
func (s *Store) checkServer(ctx context.Context) error {
	var fsync, commit string
	err := s.pool.QueryRow(ctx, `SELECT coalesce(current_setting('fsync', true), 'on'),
		coalesce(current_setting('synchronous_commit', true), 'on')`).Scan(&fsync, &commit)
	if err != nil {
		return err
	}
	if (fsync == "off" || commit == "off") && !s.config.InsecureAllowAsyncCommit {
		return fmt.Errorf("%w: fsync=%s, synchronous_commit=%s", ErrNotDurable, fsync, commit)
	}
	return nil
}

const insertHead = `INSERT INTO head (one, base, position, floor, token_longest, token_wanted, token_since, ring,
		sessions_from, sessions_ended_at, least, epoch, timeline, chain, anchor)
	VALUES (true, ` + microseconds + `, 0, 0, 0, 0, 0, 0, 0, 0, 1, $1, '', $2, $2) ON CONFLICT (one) DO NOTHING`

// microseconds is the server's time, from which bases of epochs are taken: no log has more events than microseconds
// have passed, so a store that is restored, or made anew, does not use an ordinal twice.
const microseconds = `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`

// firstEpoch begins the log of an empty store.
func (s *Store) firstEpoch(ctx context.Context) error {
	epoch := feed.RandomEpoch()
	genesis := revocation.Genesis(epoch)
	_, err := s.pool.Exec(ctx, insertHead, epoch, genesis[:])
	return err
}

// openError names the remedy for a failure while opening.
func (s *Store) openError(err error) error {
	e := &OpenError{Err: err, Remedy: "see the cause"}
	if s.pool != nil {
		e.Where = where(s.pool.Config())
	}
	var refused *pgconn.ConnectError
	switch c := code(err); {
	case errors.Is(err, ErrNotDurable):
		e.Remedy = "turn fsync and synchronous_commit on, or accept the loss by name (InsecureAllowAsyncCommit)"
	case errors.Is(err, ErrNewer):
		e.Remedy = "run the version of Tandem that migrated it, or a later one"
	case errors.Is(err, ErrOlder):
		e.Remedy = "run tandem migrate"
	case errors.Is(err, ErrNotStore):
		e.Remedy = "name another schema"
	case c == codeBadPassword || c == codeBadUser:
		e.Remedy = "check user and password in the URL, and pg_hba.conf"
	case c == codeUnknownDB:
		e.Remedy = "create the database (createdb), or check its name in the URL"
	case c == codeNoPrivilege:
		e.Remedy = "let the role create the schema, or create it for it: CREATE SCHEMA " + s.config.Schema + " AUTHORIZATION ..."
	case c == codeTooMany:
		e.Remedy = "raise max_connections of the server, or lower Connections"
	case errors.As(err, &refused), errors.Is(err, context.DeadlineExceeded):
		e.Remedy = "check that the server runs and takes writes, and host and port in the URL"
	}
	return e
}

// where names the database without what is secret.
func where(p *pgxpool.Config) string {
	return fmt.Sprintf("%s:%d/%s", p.ConnConfig.Host, p.ConnConfig.Port, p.ConnConfig.Database)
}
