package main

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/postgres"
	"tandem.example/tandem/internal/session"
)

// crop is a store of PostgreSQL that was filled by the server itself: from some sessions that were really begun.
type crop struct {
	store *postgres.Store
	bare  *pgxpool.Pool
	ids   []session.ID
}

// grow makes a store of so many sessions, of a tenth as many users.
func (b *bench) grow(sessions int) (*crop, error) {
	began := time.Now()
	db, err := b.database()
	if err != nil {
		return nil, err
	}
	server, err := tandem.Open(b.ctx, tandem.Config{Store: db, DataDir: filepath.Join(b.dir, fmt.Sprint("crop-", sessions)), Limits: config.Limits{Disabled: true}}, quiet)
	if err != nil {
		return nil, err
	}
	if err := server.Close(); err != nil {
		return nil, err
	}
	c := &crop{}
	if c.store, err = postgres.Open(b.ctx, postgres.Config{URL: db, Connections: poolSize}); err != nil {
		return nil, err
	}
	b.host.Cleanup(func() { _ = c.store.Close() })
	if c.bare, err = b.pool(db); err != nil {
		return nil, err
	}
	var first stored
	if err := b.fill(c.store, &first, kind{sessions: b.scaled(1_000, 100), refresh: true}); err != nil {
		return nil, err
	}
	c.ids = first.ids
	if more := sessions - len(first.ids); more > 0 {
		if err := b.multiply(c, more); err != nil {
			return nil, fmt.Errorf("make %d sessions: %w", sessions, err)
		}
	}
	b.say("made a store of %d sessions on PostgreSQL in %s", sessions, time.Since(began).Round(100*time.Millisecond))
	return c, settle(b.ctx, c.bare)
}

// multiply adds so many sessions, and a tenth as many users, which are like those that are there but for their names.
func (b *bench) multiply(c *crop, more int) error {
	if err := b.copyRows(c, "users", more/10, map[string]string{
		"id": "'usr_' || lpad(i::text, 26, '0')", "email": "'grown' || i || '@example.com'", "email_key": "'grown' || i || '@example.com'",
		"search": "'grown' || i || '@example.com a person'",
	}); err != nil {
		return err
	}
	var users, least int64
	if err := c.bare.QueryRow(b.ctx, `SELECT count(*), min(n) FROM tandem.users`).Scan(&users, &least); err != nil {
		return err
	}
	// Names begin with a time, so they go to the end of the index; whose the next session is has no order.
	begin := time.Now().UnixMilli()
	if err := b.copyRows(c, "sessions", more, map[string]string{
		"id":     fmt.Sprintf("(lpad(to_hex(%d + i), 12, '0') || substr(md5(i::text), 1, 20))::uuid", begin),
		"user_n": fmt.Sprintf("%d + i * 7919 %% %d", least, users),
	}); err != nil {
		return err
	}
	for i := range more {
		var key [16]byte
		binary.BigEndian.PutUint64(key[:], uint64(begin+int64(i)+1)<<16)
		sum := md5.Sum(fmt.Append(nil, i+1))
		copy(key[6:], sum[:10])
		c.ids = append(c.ids, nameOf(key))
	}
	return nil
}

// copyRows adds n rows to a table that differ from those there in some columns, for each an expression of i, from 1.
func (b *bench) copyRows(c *crop, table string, n int, other map[string]string) error {
	rows, err := c.bare.Query(b.ctx, `SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0
		AND NOT attisdropped AND attidentity = '' AND attgenerated = '' ORDER BY attnum`, "tandem."+table)
	if err != nil {
		return err
	}
	defer rows.Close()
	other = maps.Clone(other)
	var columns, values []string
	for rows.Next() {
		var column string
		if err := rows.Scan(&column); err != nil {
			return err
		}
		value := "t." + column
		if made, ok := other[column]; ok {
			value = made
			delete(other, column)
		}
		columns, values = append(columns, column), append(values, value)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(other) > 0 {
		return fmt.Errorf("table %s has none of the columns %v", table, other)
	}
	_, err = c.bare.Exec(b.ctx, fmt.Sprintf(`WITH t AS MATERIALIZED (SELECT *, row_number() OVER () - 1 AS k, count(*) OVER () AS m FROM tandem.%[1]s)
		INSERT INTO tandem.%[1]s (%s) SELECT %s FROM generate_series(1::bigint, %d) i JOIN t ON t.k = i %% (SELECT m FROM t LIMIT 1) ORDER BY i`,
		table, strings.Join(columns, ", "), strings.Join(values, ", "), n))
	return err
}
