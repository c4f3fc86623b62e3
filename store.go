package tandem

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/internal/sqlite"
)

// adapter is what every adapter offers: every port, and what belongs to the whole.
type adapter interface {
	Accounts() account.Store
	Applications() application.Store
	Audit() audit.Store
	APIKeys() credential.APIKeys
	Passkeys() credential.Passkeys
	Codes() credential.OneTimeCodes
	Connections() credential.Connections
	Attempts() signin.Attempts
	MailQueue() mail.Queue
	Log() feed.Log
	Leases() feed.Leases
	Sessions() session.Store
	Bindings() session.Bindings
	SignIn() signin.Store
	Keys() signing.Store
	Ping(ctx context.Context) error
	// LastCommit is when the store was last written: the server's clock never starts before it.
	LastCommit(ctx context.Context) (time.Time, error)
	// BeginEpoch begins a new history of the revocation log.
	BeginEpoch(ctx context.Context, n feed.NewEpoch) (feed.Commit, error)
	Close() error
}

// store is an adapter with what several nodes need that share it.
type store interface {
	adapter
	// Limits counts attempts across the nodes.
	Limits() limit.Store
	// Signals wake the other nodes; nil where there are none.
	Signals() feed.Signals
	// Alone does a task unless another node is doing it.
	Alone(ctx context.Context, task string, do func(context.Context) error) error
}

// sole is a store that this process has to itself.
type sole struct {
	adapter
	limits *limit.Memory
}

// limitKeys bounds the memory of the rate limits.
const limitKeys = 100_000

func alone(a adapter) store { return sole{a, limit.NewMemory(limitKeys)} }

func (s sole) Limits() limit.Store { return s.limits }

func (s sole) Signals() feed.Signals { return nil }

func (s sole) Alone(ctx context.Context, _ string, do func(context.Context) error) error {
	return do(ctx)
}

// sealer is the master key, ready for use.
type sealer = *secret.Box

// openStore opens the store and the master key. The key of the embedded store is made on its first start; a store
// whose key is missing is refused, since what was sealed under it could not be read.
func openStore(ctx context.Context, c Config, o options) (store, sealer, error) {
	if c.Store == "memory" {
		box, err := secret.NewBox(secret.Random(32))
		return alone(memory.Open(memory.Options{})), box, err
	}
	st, err := openServed(ctx, c, o)
	if err != nil {
		return nil, nil, err
	}
	box, err := openMaster(ctx, c, st)
	if err != nil {
		return nil, nil, errors.Join(err, st.Close())
	}
	return st, box, nil
}

// openServed opens the configured store where it outlives the process.
func openServed(ctx context.Context, c Config, o options) (store, error) {
	if c.OnPostgres() {
		return openShared(ctx, c, o)
	}
	st, err := sqlite.Open(ctx, sqlite.Config{Dir: c.DataDir})
	if err != nil {
		return nil, err
	}
	return alone(st), nil
}

func openMaster(ctx context.Context, c Config, st store) (sealer, error) {
	key, err := masterKey(ctx, c, st)
	if err != nil {
		return nil, err
	}
	return secret.NewBox(key)
}

func masterKey(ctx context.Context, c Config, st store) ([]byte, error) {
	if !c.MasterKey.Empty() {
		return secret.ParseMasterKey(c.MasterKey.Reveal())
	}
	path := c.MasterKeyFile
	if path == "" {
		path = filepath.Join(c.DataDir, "master.key")
	}
	key, err := secret.LoadMasterKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	keys, _, kerr := st.Keys().Keys(ctx)
	if kerr != nil {
		return nil, fmt.Errorf("look for sealed keys: %w", kerr)
	}
	if len(keys) > 0 {
		return nil, fmt.Errorf("master key %s is missing, and the store holds keys that were sealed under it: "+
			"put the file back from where it is kept safe (master_key_file names it)", path)
	}
	if c.MasterKeyFile != "" {
		if _, serr := os.Stat(filepath.Dir(path)); serr != nil {
			return nil, fmt.Errorf("master_key_file: %w: make the directory first", serr)
		}
	}
	return secret.CreateMasterKey(path)
}
