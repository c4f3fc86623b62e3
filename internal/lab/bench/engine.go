package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/rueidis"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/postgres"
	"tandem.example/tandem/internal/redis"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// poolSize is how many connections the store has by default, and so the bare driver.
const poolSize = 16

// engine is a store that nodes share, on a real PostgreSQL that waits for its disk, maybe with a Redis beside it that
// logs once a second; and the bare drivers on the same servers.
type engine struct {
	stored
	name   string
	config tandem.Config
	main   *postgres.Store
	beside *redis.Store // nil without Redis
	bare   *pgxpool.Pool
	cache  rueidis.Client // nil without Redis
}

// engineKind is what engine is made once for.
type engineKind struct {
	redis, refresh bool
}

// engine makes the store of the kind, with sessions in it, when it is first needed.
func (b *bench) engine(k engineKind) (*engine, error) {
	if e := b.engines[k]; e != nil {
		return e, nil
	}
	e := &engine{name: "PostgreSQL"}
	err := b.serveEngine(e, k)
	if err == nil {
		err = e.open(b)
	}
	if err == nil {
		began := time.Now()
		err = b.fill(e, &e.stored, kind{sessions: b.scaled(10_000, 200), refresh: k.refresh})
		b.say("made a store of %d sessions on %s in %s", len(e.ids), e.name, time.Since(began).Round(100*time.Millisecond))
	}
	if err != nil {
		return nil, fmt.Errorf("make a store on %s: %w", e.name, err)
	}
	b.engines[k] = e
	return e, b.floors(e)
}

// serveEngine starts the servers and has Tandem make its schema, its keys and the default application.
func (b *bench) serveEngine(e *engine, k engineKind) error {
	db, err := b.database()
	if err != nil {
		return err
	}
	e.config = tandem.Config{Store: db, DataDir: filepath.Join(b.dir, fmt.Sprint("engine-", len(b.engines))), Limits: config.Limits{Disabled: true}}
	if k.redis {
		e.name = "PostgreSQL+Redis"
		if err := try(func() { e.config.Sessions.Store = rig.Redis(b.host, rig.RedisConfig{AppendFsync: "everysec"}).URL() }); err != nil {
			return err
		}
	}
	server, err := tandem.Open(b.ctx, e.config, quiet)
	if err != nil {
		return err
	}
	return server.Close()
}

// database is an empty one on the PostgreSQL of this run.
func (b *bench) database() (url string, err error) {
	err = try(func() {
		if b.postgres == nil {
			b.postgres = rig.Postgres(b.host, rig.PostgresConfig{Durable: true})
		}
		url = b.postgres.NewDatabase(b.host)
	})
	return url, err
}

// open opens the store as package tandem does, and the bare drivers.
func (e *engine) open(b *bench) (err error) {
	if e.main, err = postgres.Open(b.ctx, postgres.Config{URL: e.config.Store, Connections: poolSize}); err != nil {
		return err
	}
	whole := interface{ Close() error }(e.main)
	if url := e.config.Sessions.Store; url != "" {
		e.beside, err = redis.Open(b.ctx, redis.Config{URL: url, Log: slog.New(slog.DiscardHandler), Base: redis.Base{Ledger: e.main.Ledger(), SignIn: e.main.SignIn(), Log: e.main.Log(), Whole: e.main}})
		if err != nil {
			return err
		}
		whole = e.beside
		option, err := rueidis.ParseURL(url)
		if err != nil {
			return err
		}
		option.DisableCache = true
		if e.cache, err = rueidis.NewClient(option); err != nil {
			return err
		}
		b.host.Cleanup(e.cache.Close)
	}
	b.host.Cleanup(func() { _ = whole.Close() }) // what it would still write, nobody reads
	e.bare, err = b.pool(e.config.Store)
	return err
}

// pool is the bare driver.
func (b *bench) pool(url string) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	c.MaxConns = poolSize
	pool, err := pgxpool.NewWithConfig(b.ctx, c)
	if err == nil {
		b.host.Cleanup(pool.Close)
	}
	return pool, err
}

func (e *engine) Applications() application.Store { return e.main.Applications() }

func (e *engine) SignIn() signin.Store {
	if e.beside != nil {
		return e.beside.SignIn()
	}
	return e.main.SignIn()
}

func (e *engine) Sessions() session.Store {
	if e.beside != nil {
		return e.beside.Sessions()
	}
	return e.main.Sessions()
}

// settle has PostgreSQL do now what it would do during the rounds.
func settle(ctx context.Context, pool *pgxpool.Pool) error {
	for _, statement := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := pool.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
