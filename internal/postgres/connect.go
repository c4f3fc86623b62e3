package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// connectTime bounds the connecting to one host, so that of several the next is tried in time.
const connectTime = 5 * time.Second

// settings of every connection, made once. Plans: each statement has an index to follow and is planned once, without
// looking at the values; statistics of a young table must not lead it to read that from end to end. Bounds: a node that
// is stopped in the middle of a transaction gives its locks back, one that is cut off its advisory locks.
func (s *Store) settings() map[string]string {
	return map[string]string{
		"search_path":                         s.config.Schema,
		"plan_cache_mode":                     "force_generic_plan",
		"enable_seqscan":                      "off",
		"enable_hashjoin":                     "off",
		"enable_mergejoin":                    "off",
		"enable_material":                     "off",
		"jit":                                 "off",
		"statement_timeout":                   milliseconds(3 * s.config.Timeout),
		"lock_timeout":                        milliseconds(s.config.Timeout),
		"idle_in_transaction_session_timeout": milliseconds(s.config.Timeout / 2),
		"tcp_keepalives_idle":                 "10",
		"tcp_keepalives_interval":             "5",
		"tcp_keepalives_count":                "3",
	}
}

func milliseconds(d time.Duration) string {
	return strconv.FormatInt(max(d.Milliseconds(), 1), 10)
}

// Settings that this server does not know are left out: engines differ. An isolation of REPEATABLE READ is lifted, see
// the package comment, and so is synchronous_commit where only this connection, and not the operator, has it off.
const applySettings = `WITH wanted AS (
		SELECT name, value FROM unnest($1::text[], $2::text[]) AS w(name, value)
		UNION ALL SELECT 'default_transaction_isolation', $3
			WHERE $3 <> '' AND current_setting('default_transaction_isolation') <> $3
		UNION ALL SELECT 'synchronous_commit', 'on' WHERE $4 AND current_setting('synchronous_commit') = 'off'
	)
	SELECT count(set_config(w.name, w.value, false)) FROM wanted w JOIN pg_settings p ON p.name = w.name
	WHERE p.context IN ('user', 'superuser')`

// prepare is run on every connection before it is used.
func (s *Store) prepare(ctx context.Context, c *pgx.Conn) error {
	var names, values []string
	for name, value := range s.settings() {
		names, values = append(names, name), append(values, value)
	}
	isolation := "read committed"
	if s.config.Serializable {
		isolation = "serializable"
	}
	_, err := c.Exec(ctx, applySettings, pgx.QueryExecModeExec, names, values, isolation, !s.config.InsecureAllowAsyncCommit)
	if err != nil {
		return fmt.Errorf("set up a connection: %w", err)
	}
	s.lookAtTimeline(ctx, c)
	return nil
}

// pool makes the pool; it connects nothing yet.
func (s *Store) newPool(ctx context.Context, p *pgxpool.Config) error {
	primary(p.ConnConfig)
	p.MaxConns = int32(s.config.Connections)
	p.MinConns = 0
	p.MaxConnLifetimeJitter = 10 * time.Minute
	p.PingTimeout = 2 * time.Second
	p.AfterConnect = s.prepare
	p.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool { return s.suspicious(p.IdleDuration) }
	var err error
	s.pool, err = pgxpool.NewWithConfig(ctx, p)
	return err
}

// primary has only servers accepted that take writes, so that after a failover connections are made to the new
// primary.
func primary(c *pgx.ConnConfig) {
	c.ConnectTimeout = connectTime
	if c.ValidateConnect == nil {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "tandem"
	}
}

// dedicated makes a connection beside the pool.
func (s *Store) dedicated(ctx context.Context) (*pgx.Conn, error) {
	c, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, c); err != nil {
		_ = c.Close(ctx)
		return nil, err
	}
	return c, nil
}
