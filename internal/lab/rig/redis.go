package rig

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/rueidis"
)

// RedisConfig says what kind of Redis is wanted. The zero value is one on a unix socket that forgets everything when it
// ends.
type RedisConfig struct {
	// AppendFsync has it keep a log of what is written, and says when that is on disk: "always", before it answers;
	// "everysec", within a second. Empty is no log.
	AppendFsync string

	// TCP has it listen on a port of 127.0.0.1, with a password, in place of the unix socket.
	TCP bool

	// Settings are more of redis.conf: {"maxmemory": "1mb"}.
	Settings map[string]string
}

// RedisServer is a Redis, or a Valkey where there is no other, that runs for one test. Its methods fail the test that
// they are given; only one at a time may be called.
type RedisServer struct {
	program  string
	dir      string // with data, log and socket
	args     []string
	address  string // on TCP
	password string // on TCP
	logs     bool   // it keeps what is written
	proc     *child // nil before the first start
}

// Redis starts a server that ends with the test.
func Redis(t testing.TB, config RedisConfig) *RedisServer {
	t.Helper()
	s, err := newRedis(t, config)
	if err == nil {
		err = s.launch()
	}
	if err != nil {
		t.Fatalf("start Redis: %v", err)
	}
	return s
}

// newRedis lays out a server that was not started yet.
func newRedis(t testing.TB, config RedisConfig) (*RedisServer, error) {
	t.Helper()
	program := require(t, redisSuite, valkeySuite)
	dir, err := newDirectory(nil)
	if err != nil {
		return nil, err
	}
	s := &RedisServer{program: program, dir: dir, logs: config.AppendFsync != ""}
	t.Cleanup(func() { s.remove(t) })
	s.set("dir", dir, "save", "", "daemonize", "no", "logfile", "")
	switch config.AppendFsync {
	case "always", "everysec":
		s.set("appendonly", "yes", "appendfsync", config.AppendFsync)
	case "":
	default:
		return nil, fmt.Errorf("RedisConfig.AppendFsync is %q, not always, everysec or empty", config.AppendFsync)
	}
	if config.TCP {
		if s.address, err = freeAddress(); err != nil {
			return nil, err
		}
		s.password = rand.Text()
		host, port, _ := strings.Cut(s.address, ":")
		s.set("bind", host, "port", port, "requirepass", s.password)
	} else {
		s.set("port", "0", "unixsocket", s.socket(), "unixsocketperm", "700")
	}
	for name, value := range config.Settings {
		s.set(name, value)
	}
	return s, nil
}

func (s *RedisServer) set(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		s.args = append(s.args, "--"+pairs[i], pairs[i+1])
	}
}

func (s *RedisServer) socket() string { return filepath.Join(s.dir, "socket") }

// launch starts the process and waits until it answers.
func (s *RedisServer) launch() (err error) {
	if s.proc != nil && s.proc.alive() {
		return errors.New("it runs already")
	}
	if s.proc, err = launch("Redis", s.dir+".log", s.dir, nil, s.program, s.args...); err != nil {
		return err
	}
	return s.proc.await("answered", func() error {
		_, err := s.do("PING")
		return err
	})
}

// URL is the server's address for rueidis.
func (s *RedisServer) URL() string {
	if s.address == "" {
		return "unix://" + s.socket()
	}
	return s.Through(s.address)
}

// Address is host:port on loopback; empty unless the configuration asked for TCP.
func (s *RedisServer) Address() string { return s.address }

// Through is the server's address by way of a proxy that listens on a host:port and passes everything to Address.
func (s *RedisServer) Through(proxy string) string {
	return (&url.URL{Scheme: "redis", User: url.UserPassword("", s.password), Host: proxy}).String()
}

// do runs a command on a connection of its own.
func (s *RedisServer) do(command ...string) (rueidis.RedisMessage, error) {
	option, err := rueidis.ParseURL(s.URL())
	if err != nil {
		return rueidis.RedisMessage{}, err
	}
	option.ForceSingleClient, option.DisableCache, option.DisableRetry = true, true, true
	option.AlwaysRESP2 = true // in RESP3 some texts have a prefix
	option.Dialer.Timeout, option.ConnWriteTimeout = patience, patience
	client, err := rueidis.NewClient(option)
	if err != nil {
		return rueidis.RedisMessage{}, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := client.Do(ctx, client.B().Arbitrary(command...).Build()).ToMessage()
	if err != nil {
		return answer, fmt.Errorf("%s: %w", command[0], err)
	}
	return answer, nil
}

// Flush empties it.
func (s *RedisServer) Flush(t testing.TB) {
	t.Helper()
	if _, err := s.do("FLUSHALL", "SYNC"); err != nil {
		t.Fatalf("empty Redis: %v", err)
	}
}

// Stop shuts the server down in order.
func (s *RedisServer) Stop(t testing.TB) {
	t.Helper()
	s.fault(t, func() error { return s.proc.stop(syscall.SIGTERM) })
}

// Kill ends the server as a crash of the machine does, but for what the kernel holds.
func (s *RedisServer) Kill(t testing.TB) {
	t.Helper()
	s.fault(t, func() error { return s.proc.kill() })
}

// Start starts it again after Stop or Kill, and waits until it has loaded what it kept.
func (s *RedisServer) Start(t testing.TB) {
	t.Helper()
	s.fault(t, s.launch)
}

// Pause stops it in its tracks: connections stay open, and nothing answers.
func (s *RedisServer) Pause(t testing.TB) {
	t.Helper()
	s.fault(t, func() error { return s.proc.pause() })
}

// Resume ends Pause.
func (s *RedisServer) Resume(t testing.TB) {
	t.Helper()
	s.fault(t, func() error { return s.proc.resume() })
}

func (s *RedisServer) fault(t testing.TB, inject func() error) {
	t.Helper()
	if err := inject(); err != nil {
		t.Fatalf("Redis: %v", err)
	}
}
