package redis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/redis/rueidis"

	"tandem.example/tandem/internal/outage"
)

// link calls the driver and turns its errors into those of the product.
type link struct {
	client rueidis.Client
	slots  bool // it is a cluster: a command may name the keys of one slot
}

func newLink(client rueidis.Client) link {
	return link{client, client.Mode() == rueidis.ClientModeCluster}
}

// failed is the error of a call: an *outage.Error if the server could not be reached or cannot serve at the moment, and
// nil for a key that is not there. The driver's own timeouts look like those of the caller, which are no outage.
func failed(ctx context.Context, err error) error {
	if err == nil || rueidis.IsRedisNil(err) {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if told, ok := rueidis.IsRedisErr(err); ok && !passing(told.Error()) {
		return fmt.Errorf("redis: %w", err)
	}
	return &outage.Error{Store: "Redis", Err: err}
}

// passing reports whether a server that answered with this error will do better later: it loads its data, has lost its
// master or its cluster, takes no writes, or has been demoted.
func passing(text string) bool {
	code, _, _ := strings.Cut(text, " ")
	switch code {
	case "LOADING", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "READONLY", "NOREPLICAS", "MISCONF", "OOM", "BUSY", "MOVED", "ASK":
		return true
	}
	return strings.Contains(text, "UNBLOCKED") // by a master that became a replica
}

// read runs a command that changes nothing, and once more if the connection broke under it: a connection breaks when
// its server is replaced, and the next one leads to its successor.
func (l link) read(ctx context.Context, build func(b rueidis.Builder) rueidis.Completed) rueidis.RedisResult {
	result := l.client.Do(ctx, build(l.client.B()))
	if broke(ctx, result.NonRedisError()) {
		result = l.client.Do(ctx, build(l.client.B()))
	}
	return result
}

// broke reports whether a connection broke, rather than said nothing: whoever has waited for an answer in vain has
// waited long enough.
func broke(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() == nil && !errors.Is(err, rueidis.ErrClosing) && !errors.Is(err, context.DeadlineExceeded) &&
		!errors.Is(err, os.ErrDeadlineExceeded)
}

// readAll runs commands that change nothing, pipelined.
func (l link) readAll(ctx context.Context, n int, build func(b rueidis.Builder, i int) rueidis.Completed) []rueidis.RedisResult {
	results := l.doAll(ctx, n, build)
	for _, r := range results {
		if broke(ctx, r.NonRedisError()) {
			return l.doAll(ctx, n, build)
		}
	}
	return results
}

func (l link) doAll(ctx context.Context, n int, build func(b rueidis.Builder, i int) rueidis.Completed) []rueidis.RedisResult {
	commands := make(rueidis.Commands, n)
	for i := range commands {
		commands[i] = build(l.client.B(), i)
	}
	if n == 0 {
		return nil
	}
	return l.client.DoMulti(ctx, commands...)
}
