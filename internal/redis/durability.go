package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
)

// Why a server is refused. The text names the remedy.
var (
	// ErrVolatile: it would lose sessions on a restart or when its memory is full.
	ErrVolatile = errors.New("redis would lose sessions")
	// ErrUnknownDurability: it does not say.
	ErrUnknownDurability = errors.New("redis does not say how durable it is")
	// ErrReplica: it is not a master.
	ErrReplica = errors.New("redis is a replica")
)

// checkServers refuses servers that do not keep what they confirm, unless the configuration allows it by name.
func (s *Store) checkServers(ctx context.Context, c Config) error {
	warned := false
	masters := 0
	for address, node := range s.link.client.Nodes() {
		master, err := isMaster(ctx, node)
		if err != nil {
			return fmt.Errorf("ask redis %s for its role: %w", address, err)
		}
		if !master {
			continue // of a cluster: its master is asked
		}
		masters++
		durability, err := durabilityOf(ctx, node, c)
		switch {
		case err != nil && !c.InsecureAllowVolatile:
			return fmt.Errorf("redis %s: %w", address, err)
		case err != nil:
			s.log.Warn("redis may lose sessions, as allowed by insecure_allow_volatile", "address", address, "cause", err)
		case durability == Everysec && !warned:
			warned = true
			s.log.Warn("redis writes to disk once a second (appendfsync everysec): a crash may lose the last second of sign-ins, " +
				"refreshes and step-ups, whose users sign in again; it never loses a revocation. appendfsync always loses nothing")
		}
	}
	if masters == 0 {
		return fmt.Errorf("%w: name its master, or its sentinels with master_set", ErrReplica)
	}
	return nil
}

// isMaster believes a server that does not let its role be asked: the first write will tell.
func isMaster(ctx context.Context, node rueidis.Client) (bool, error) {
	role, err := node.Do(ctx, node.B().Role().Build()).ToArray()
	if _, refused := rueidis.IsRedisErr(err); refused {
		return true, nil
	}
	if err != nil {
		return false, failed(ctx, err)
	}
	name, err := role[0].ToString()
	return name == "master", err
}

func durabilityOf(ctx context.Context, node rueidis.Client, c Config) (Durability, error) {
	if c.Durability != "" {
		return c.Durability, nil
	}
	set, err := node.Do(ctx, node.B().ConfigGet().Parameter("appendonly", "appendfsync", "maxmemory-policy").Build()).AsStrMap()
	if told, ok := rueidis.IsRedisErr(err); ok {
		return "", fmt.Errorf("%w (%s): set redis.durability to what it is set up for", ErrUnknownDurability, strings.TrimSpace(told.Error()))
	}
	if err := failed(ctx, err); err != nil {
		return "", err
	}
	switch {
	case set["appendonly"] != "yes":
		return "", fmt.Errorf("%w on a restart: set appendonly yes", ErrVolatile)
	case set["maxmemory-policy"] != "noeviction":
		return "", fmt.Errorf("%w when its memory is full: set maxmemory-policy noeviction", ErrVolatile)
	case set["appendfsync"] == "always":
		return Always, nil
	case set["appendfsync"] == "everysec":
		return Everysec, nil
	}
	return "", fmt.Errorf("%w of many seconds in a crash: set appendfsync to everysec or always", ErrVolatile)
}
