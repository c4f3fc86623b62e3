package rig_test

import (
	"fmt"
	"testing"

	"github.com/redis/rueidis"

	"tandem.example/tandem/internal/lab/rig"
)

func TestClusterServesEverySlotAndReplacesAMaster(t *testing.T) {
	t.Parallel()
	c := rig.RedisCluster(t)
	client := dial(t, c.URL())
	const keys = 200
	seen := make(map[*rig.RedisServer]bool)
	for i := range keys {
		key := fmt.Sprintf("key-%d", i)
		put(t, client, key, key)
		if i < 20 {
			seen[c.Master(t, key)] = true
		}
	}
	if len(seen) != 3 || len(c.Nodes()) != 6 {
		t.Errorf("%d masters serve 20 keys, of %d nodes", len(seen), len(c.Nodes()))
	}
	for _, node := range c.Nodes() {
		if !covered(t, node) {
			t.Errorf("%s does not see every slot served", node.Address())
		}
	}

	c.CatchUp(t)
	old := c.Master(t, "key-0")
	old.Kill(t)
	c.Healthy(t)
	if now := c.Master(t, "key-0"); now == old {
		t.Error("a dead master serves")
	}
	after := dial(t, c.URL())
	for i := range keys {
		key := fmt.Sprintf("key-%d", i)
		if got := get(t, after, key); got != key {
			t.Errorf("%s is %q after the failover", key, got)
		}
	}
	old.Start(t)
	c.Healthy(t)
}

// covered reports whether a node knows somebody for each of the slots.
func covered(t *testing.T, node *rig.RedisServer) bool {
	t.Helper()
	option := rueidis.MustParseURL(node.URL())
	option.ForceSingleClient = true
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ranges, err := client.Do(t.Context(), client.B().ClusterSlots().Build()).ToArray()
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, r := range ranges {
		ends, err := r.ToArray()
		if err != nil || len(ends) < 3 {
			t.Fatalf("CLUSTER SLOTS answers %v, %v", r, err)
		}
		from, _ := ends[0].AsInt64() // numbers, says the documentation
		to, _ := ends[1].AsInt64()
		total += to - from + 1
	}
	return total == 16_384
}
