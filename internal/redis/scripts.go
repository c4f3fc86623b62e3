package redis

import (
	"context"
	"crypto/sha1"
	_ "embed" // the scripts
	"encoding/hex"

	"github.com/redis/rueidis"
)

var (
	//go:embed swap.lua
	swapSource string
	//go:embed insert.lua
	insertSource string
	//go:embed drop.lua
	dropSource string
	//go:embed reserve.lua
	reserveSource string
	//go:embed mark.lua
	markSource string
	//go:embed take.lua
	takeSource string
	//go:embed later.lua
	laterSource string
)

var (
	swapScript    = newScript(swapSource)
	insertScript  = newScript(insertSource)
	dropScript    = newScript(dropSource)
	reserveScript = newScript(reserveSource)
	markScript    = newScript(markSource)
	takeScript    = newScript(takeSource)
	laterScript   = newScript(laterSource)
)

// script is called by its hash, and sent in full only to a server that does not know it yet.
type script struct {
	lua *rueidis.Lua
	sha string
}

func newScript(source string) script {
	sum := sha1.Sum([]byte(source)) // the name by which Redis knows it
	return script{lua: rueidis.NewLuaScript(source), sha: hex.EncodeToString(sum[:])}
}

// call is one execution of a script: all keys lie in one slot.
type call struct{ keys, args []string }

// exec runs a script, and once more if the connection broke under it: to be told the same twice changes nothing, in all
// scripts but the one that counts.
func (l link) exec(ctx context.Context, s script, c call) rueidis.RedisResult {
	result := l.once(ctx, s, c)
	if broke(ctx, result.NonRedisError()) {
		result = l.once(ctx, s, c)
	}
	return result
}

func (l link) once(ctx context.Context, s script, c call) rueidis.RedisResult {
	return s.lua.Exec(ctx, l.client, c.keys, c.args)
}

// execAll runs a script for each call, pipelined; each call is atomic by itself.
func (l link) execAll(ctx context.Context, s script, calls []call) []rueidis.RedisResult {
	results := l.doAll(ctx, len(calls), func(b rueidis.Builder, i int) rueidis.Completed {
		return b.Evalsha().Sha1(s.sha).Numkeys(int64(len(calls[i].keys))).Key(calls[i].keys...).Arg(calls[i].args...).Build()
	})
	for i, r := range results {
		told, ok := rueidis.IsRedisErr(r.Error())
		if ok && told.IsNoScript() || broke(ctx, r.NonRedisError()) {
			results[i] = l.exec(ctx, s, calls[i])
		}
	}
	return results
}

// doneOf answers whether a script did what it was asked for.
func doneOf(ctx context.Context, r rueidis.RedisResult) (bool, error) {
	n, err := r.AsInt64()
	return n == 1, failed(ctx, err)
}
