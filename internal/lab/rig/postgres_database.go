package rig

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

var databases atomic.Int64

// NewDatabase makes an empty database for the test and answers its address. On the shared server it is dropped after
// the test, whoever is still connected to it.
func (s *PostgresServer) NewDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if err := s.do("CREATE DATABASE " + name); err != nil {
		t.Fatalf("make a database: %v", err)
	}
	if s.shared {
		t.Cleanup(func() {
			if err := s.do("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
				t.Errorf("drop a database: %v", err)
			}
		})
	}
	return s.url(name)
}

// SharedPostgres is the server of all tests of this process that need no more than a database of their own. It starts
// when the first asks for it and ends with the process; nobody may stop it.
func SharedPostgres(t testing.TB) *PostgresServer {
	t.Helper()
	program := require(t, postgresSuite)
	shared.once.Do(func() {
		shared.server, shared.err = newPostgres(program, PostgresConfig{})
		if shared.server != nil {
			shared.server.shared = true
		}
	})
	if shared.err != nil {
		t.Fatalf("start the shared PostgreSQL: %v", shared.err)
	}
	return shared.server
}

var shared struct {
	once   sync.Once
	server *PostgresServer
	err    error
}
