package rig

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// PostgresConfig says what kind of PostgreSQL is wanted. The zero value is a single server on a unix socket that does
// not wait for the disk.
type PostgresConfig struct {
	// Durable has it wait for the disk at every commit, as in production. Benchmarks need it, and tests that claim
	// durability. A process that is killed loses nothing either way: what it wrote is with the kernel.
	Durable bool

	// TCP has it listen on a port of 127.0.0.1 too, so that a proxy can stand between it and its clients.
	TCP bool

	// Standbys is how many standbys follow it, from the beginning of time.
	Standbys int

	// Synchronous has every commit wait until the first standby that is there has it on disk: Standby(0), and the
	// next when that is gone. If none is, commits wait. Otherwise they wait for none.
	Synchronous bool

	// Settings are lines of postgresql.conf, which come last: {"max_connections": "500"}.
	Settings map[string]string
}

// PostgresServer is a PostgreSQL that runs for one test, or for all of them (SharedPostgres). Its methods fail the test
// that they are given; only one at a time may be called.
type PostgresServer struct {
	name     string
	program  string // the path of postgres
	dir      string // with data, log and socket
	as       *syscall.Credential
	address  string // on TCP
	password string // on TCP
	proc     *child // nil before the first start
	primary  *PostgresServer
	standbys []*PostgresServer
	shared   bool
}

// Postgres starts a server that ends with the test.
func Postgres(t testing.TB, config PostgresConfig) *PostgresServer {
	t.Helper()
	if config.Synchronous && config.Standbys == 0 {
		t.Fatalf("PostgresConfig.Synchronous needs Standbys")
	}
	s, err := newPostgres(require(t, postgresSuite), config)
	if s != nil {
		t.Cleanup(func() { s.remove(t) })
	}
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	return s
}

// newPostgres starts a primary and its standbys. It answers what there is of them, which is to be removed, even if it
// fails.
func newPostgres(program string, config PostgresConfig) (*PostgresServer, error) {
	s, err := layOut(program, "primary", config)
	if err != nil {
		return s, err
	}
	for i := range config.Standbys {
		standby, err := layOut(program, standbyName(i), config)
		if standby != nil {
			standby.primary = s
			s.standbys = append(s.standbys, standby)
		}
		if err != nil {
			return s, err
		}
	}
	if err := s.configure(config); err != nil {
		return s, err
	}
	if err := s.launch(); err != nil {
		return s, err
	}
	for _, standby := range s.standbys {
		if err := standby.configure(config); err != nil {
			return s, err
		}
		if err := standby.launch(); err != nil {
			return s, err
		}
	}
	for _, standby := range s.standbys {
		if err := standby.streams(); err != nil {
			return s, err
		}
	}
	return s, nil
}

// layOut makes a server's directory, with what a new server knows.
func layOut(program, name string, config PostgresConfig) (*PostgresServer, error) {
	tmpl, err := template()
	if err != nil {
		return nil, err
	}
	s := &PostgresServer{name: name, program: program, as: tmpl.as, password: tmpl.password}
	if s.dir, err = newDirectory(s.as); err != nil {
		return nil, err
	}
	if config.TCP {
		if s.address, err = freeAddress(); err != nil {
			return s, err
		}
	}
	return s, tmpl.copy(s.data())
}

func (s *PostgresServer) data() string { return filepath.Join(s.dir, "data") }

// configure writes postgresql.conf, where a test may read it and ALTER SYSTEM overrules it.
func (s *PostgresServer) configure(config PostgresConfig) error {
	lines := []string{
		"listen_addresses = ''",
		"unix_socket_directories = " + quote(s.dir),
		"unix_socket_permissions = 0700",
		"cluster_name = " + quote(s.name),
		"max_connections = 200",
		"dynamic_shared_memory_type = mmap", // in the directory, where nothing is left behind
		"update_process_title = off",
		"wal_keep_size = 512MB", // for standbys that are held
	}
	if s.address != "" {
		host, port, _ := strings.Cut(s.address, ":")
		lines = append(lines, "listen_addresses = "+quote(host), "port = "+port)
	}
	if !config.Durable {
		lines = append(lines, "fsync = off", "full_page_writes = off")
	}
	if s.primary != nil {
		lines = append(lines, "primary_conninfo = "+quote(s.primaryConninfo()), "wal_retrieve_retry_interval = 100ms")
		if err := os.WriteFile(filepath.Join(s.data(), "standby.signal"), nil, 0o600); err != nil {
			return err
		}
		if err := s.give(filepath.Join(s.data(), "standby.signal")); err != nil {
			return err
		}
	} else if config.Synchronous {
		var names []string
		for _, standby := range s.standbys {
			names = append(names, standby.name)
		}
		lines = append(lines, "synchronous_standby_names = "+quote("FIRST 1 ("+strings.Join(names, ", ")+")"))
	}
	for name, value := range config.Settings {
		lines = append(lines, name+" = "+quote(value))
	}
	path := filepath.Join(s.data(), "postgresql.conf")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	return s.give(path)
}

// give hands a file to the server's user.
func (s *PostgresServer) give(path string) error {
	if s.as == nil {
		return nil
	}
	return os.Chown(path, int(s.as.Uid), int(s.as.Gid))
}

// quote is a value in postgresql.conf.
func quote(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }

// launch starts the process and waits until it answers.
func (s *PostgresServer) launch() (err error) {
	if s.proc != nil && s.proc.alive() {
		return fmt.Errorf("%s runs already", s.name)
	}
	s.proc, err = launch("PostgreSQL ("+s.name+")", s.dir+".log", s.dir, s.as, s.program, "-D", s.data())
	if err != nil {
		return err
	}
	return s.proc.await("answered", func() error { return s.do("SELECT 1") })
}

// URL is the address of the database postgres, which is there from the start, for pgx.
func (s *PostgresServer) URL() string { return s.url("postgres") }

// Address is host:port on loopback; empty unless the configuration asked for TCP.
func (s *PostgresServer) Address() string { return s.address }

func (s *PostgresServer) url(database string) string {
	query := url.Values{"host": {s.dir}, "port": {"5432"}, "sslmode": {"disable"}}
	if _, port, ok := strings.Cut(s.address, ":"); ok {
		query.Set("port", port) // the name of the socket has it
	}
	return "postgres://postgres@/" + url.PathEscape(database) + "?" + query.Encode()
}

// Same is the address, on s, of the database that another server's address names: after a failover, of the one that
// clients had before it.
func (s *PostgresServer) Same(databaseURL string) string { return s.url(databaseName(databaseURL)) }

// Through is the address, on s, of the database that databaseURL names, by way of a proxy that listens on a host:port
// and passes everything to Address.
func (s *PostgresServer) Through(proxy, databaseURL string) string {
	return (&url.URL{Scheme: "postgres", User: url.UserPassword("postgres", s.password), Host: proxy, Path: "/" + databaseName(databaseURL),
		RawQuery: "sslmode=disable"}).String()
}

// databaseName is the database in an address of ours.
func databaseName(databaseURL string) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(u.Path, "/")
}

// do runs statements in the database postgres, one transaction each.
func (s *PostgresServer) do(statements ...string) error {
	return s.ask(func(ctx context.Context, db *pgx.Conn) error {
		for _, statement := range statements {
			if _, err := db.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// ask runs f, which must not take longer than our patience, on a connection of its own.
func (s *PostgresServer) ask(f func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return err
	}
	return errors.Join(f(ctx, db), db.Close(ctx))
}
