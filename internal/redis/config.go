package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/rueidis"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// Base is what this package needs of the SQL store, whose store it extends and, from then on, owns.
type Base struct {
	Ledger session.Ledger
	SignIn signin.Store
	Log    feed.Log
	Whole  Whole
}

// Whole is what concerns a store as a whole.
type Whole interface {
	Ping(ctx context.Context) error
	LastCommit(ctx context.Context) (time.Time, error)
	BeginEpoch(ctx context.Context, n feed.NewEpoch) (feed.Commit, error)
	Close() error
}

// Durability is what Redis promises of a write that it has confirmed. Whatever it is, no revocation depends on it.
type Durability string

// The durabilities.
const (
	// Everysec: a crash of the machine loses the last second of sign-ins, refreshes and step-ups. Who signed in or
	// refreshed in it signs in again, and a step-up in it is undone.
	Everysec Durability = "everysec"
	// Always: a crash loses nothing.
	Always Durability = "always"
)

// Config of a Store. URL and Base are required.
type Config struct {
	// URL is redis://[user:password@]host:port[/db], rediss:// for TLS, or unix:///path. Further nodes of a cluster,
	// or sentinels with master_set=NAME, are given as addr=host:port. It may hold a password: it is not logged.
	URL  string
	Base Base
	// Prefix of all keys and channels, so that several installations may share a server; "tandem" if empty.
	Prefix string
	// Durability is what the server is known to be set up for, where it does not let its configuration be read, as
	// managed ones often do. Empty: it is asked.
	Durability Durability
	// InsecureAllowVolatile starts on a server that keeps nothing over a restart, or throws keys away when its memory
	// is full: users are signed out then, without a trace.
	InsecureAllowVolatile bool
	Log                   *slog.Logger     // nil: slog.Default
	Now                   func() time.Time // nil: time.Now. For marks alone: verbs are told the time
}

const (
	dialTime = time.Second
	// answerTime bounds the wait for an answer, and the time after which a connection that says nothing is given up.
	answerTime = 1500 * time.Millisecond
	probeEvery = time.Second
)

// option reads the URL. Calls are bounded: what a server does not answer in time fails, and nothing queues up behind
// it.
func (c Config) option() (rueidis.ClientOption, error) {
	o, err := rueidis.ParseURL(c.URL)
	if err != nil {
		return o, errors.New("redis: the url is malformed: want redis://host:port, rediss://host:port or unix:///path")
	}
	o.ClientName = "tandem"
	o.DisableCache = true // what was read a moment ago decides nothing here
	o.DisableRetry = true // see link.read
	o.Dialer.Timeout, o.Dialer.KeepAlive = dialTime, probeEvery
	o.ConnWriteTimeout = answerTime
	o.ClusterOption.ShardsRefreshInterval = 5 * time.Second
	o.ClusterOption.MaxMovedRedirections = 8
	if o.Sentinel.MasterSet != "" {
		o.Sentinel.TopologyRefreshInterval = 5 * time.Second
	}
	return o, nil
}

func (c Config) validate() error {
	switch {
	case c.URL == "":
		return errors.New("redis: no url")
	case c.Base.Ledger == nil || c.Base.SignIn == nil || c.Base.Log == nil || c.Base.Whole == nil:
		return errors.New("redis: no SQL store")
	case c.Durability != "" && c.Durability != Everysec && c.Durability != Always:
		return fmt.Errorf("redis: durability %q: want %s or %s", c.Durability, Everysec, Always)
	}
	return nil
}
