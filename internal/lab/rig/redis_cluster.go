package rig

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	slots    = 16_384 // of a cluster, says Redis' specification
	masters  = 3
	replicas = 3
	// silence is how long a node may be silent before the others replace it. A busy machine of two cores is silent for
	// a second at times.
	silence = "2000" // milliseconds
)

// RedisClusterServer is six nodes on loopback: three masters with a replica each.
type RedisClusterServer struct {
	nodes []*RedisServer
	ids   []string // of the nodes, as the cluster names them
}

// RedisCluster starts a cluster that ends with the test. It is ready: every slot is served, every master has its
// replica.
func RedisCluster(t testing.TB) *RedisClusterServer {
	t.Helper()
	c := &RedisClusterServer{}
	for range masters + replicas {
		node, err := newRedis(t, RedisConfig{TCP: true, AppendFsync: "everysec"})
		if err != nil {
			t.Fatalf("start a node of the Redis cluster: %v", err)
		}
		c.nodes = append(c.nodes, node)
	}
	if err := c.form(); err != nil {
		t.Fatalf("form the Redis cluster: %v", err)
	}
	return c
}

// form starts the nodes and joins them.
func (c *RedisClusterServer) form() error {
	for i, node := range c.nodes {
		node.password = c.nodes[0].password // each knows the others by it
		node.set("requirepass", node.password, "masterauth", node.password,
			"cluster-enabled", "yes", "cluster-node-timeout", silence, "repl-diskless-sync-delay", "0")
		if err := node.launch(); err != nil {
			return err
		}
		if _, err := node.do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1)); err != nil { // one each, or they quarrel
			return err
		}
		id, err := node.text("CLUSTER", "MYID")
		if err != nil {
			return err
		}
		c.ids = append(c.ids, id)
	}
	for i, node := range c.nodes {
		if i < masters {
			add := []string{"CLUSTER", "ADDSLOTS"}
			for slot := slots * i / masters; slot < slots*(i+1)/masters; slot++ {
				add = append(add, strconv.Itoa(slot))
			}
			if _, err := node.do(add...); err != nil {
				return err
			}
		}
		host, port, _ := strings.Cut(node.address, ":")
		if _, err := c.nodes[0].do("CLUSTER", "MEET", host, port); err != nil && i > 0 {
			return err
		}
	}
	return c.follow()
}

// follow gives each master its replica, once they all know each other.
func (c *RedisClusterServer) follow() error {
	for _, node := range c.nodes {
		if err := node.says("heard of the others", fmt.Sprintf("cluster_known_nodes:%d", len(c.nodes)), "CLUSTER", "INFO"); err != nil {
			return err
		}
	}
	for i, node := range c.nodes[masters:] {
		err := node.proc.await("become a replica", func() error {
			_, err := node.do("CLUSTER", "REPLICATE", c.ids[i%masters]) // fails while it knows the master by its address alone
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, node := range c.nodes[masters:] {
		if err := node.says("copied its master", "master_link_status:up", "INFO", "replication"); err != nil {
			return err
		}
	}
	return c.healthy()
}

// healthy waits until every node that runs sees every slot served by one that runs.
func (c *RedisClusterServer) healthy() error {
	for _, node := range c.nodes {
		if !node.runs() {
			continue
		}
		for _, line := range []string{"cluster_state:ok", fmt.Sprintf("cluster_slots_ok:%d", slots)} {
			if err := node.says("seen the cluster whole", line, "CLUSTER", "INFO"); err != nil {
				return err
			}
		}
		if err := node.proc.await("noticed who is gone", func() error { return c.noticed(node) }); err != nil {
			return err
		}
	}
	return nil
}

// noticed fails while a node takes one that does not run for the master of slots.
func (c *RedisClusterServer) noticed(node *RedisServer) error {
	table, err := node.text("CLUSTER", "NODES")
	if err != nil {
		return err
	}
	for line := range strings.Lines(table) {
		fields := strings.Fields(line) // an id, seven of no interest here, and its slots
		if len(fields) <= 8 {
			continue
		}
		if i := slices.Index(c.ids, fields[0]); i < 0 || !c.nodes[i].runs() {
			return errors.New("it says\n" + table)
		}
	}
	return nil
}

// runs reports whether the process is there and may answer.
func (s *RedisServer) runs() bool { return s.proc != nil && s.proc.alive() && !s.proc.paused }

// URL is the cluster's address for rueidis; it names every node.
func (c *RedisClusterServer) URL() string {
	var others []string
	for _, node := range c.nodes[1:] {
		others = append(others, "addr="+url.QueryEscape(node.address))
	}
	return c.nodes[0].URL() + "?" + strings.Join(others, "&")
}

// Nodes are all six, dead or alive: first those that were masters in the beginning.
func (c *RedisClusterServer) Nodes() []*RedisServer { return c.nodes }

// Healthy waits until every node that runs sees every slot served: after a master was killed, until its replica has
// taken its place.
func (c *RedisClusterServer) Healthy(t testing.TB) {
	t.Helper()
	if err := c.healthy(); err != nil {
		t.Fatalf("Redis cluster: %v", err)
	}
}

// Master is the node that serves a key now.
func (c *RedisClusterServer) Master(t testing.TB, key string) *RedisServer {
	t.Helper()
	node, err := c.master(key)
	if err != nil {
		t.Fatalf("Redis cluster: find the master of %s: %v", key, err)
	}
	return node
}

func (c *RedisClusterServer) master(key string) (*RedisServer, error) {
	for _, node := range c.nodes {
		if !node.runs() {
			continue
		}
		// Whoever is a master and does not send us elsewhere serves it.
		if role, err := node.text("INFO", "replication"); err != nil || !strings.Contains(role, "role:master") {
			continue
		}
		if _, err := node.do("EXISTS", key); err == nil {
			return node, nil
		}
	}
	return nil, errors.New("no node serves it")
}

// CatchUp waits until every replica has received everything that its master has written.
func (c *RedisClusterServer) CatchUp(t testing.TB) {
	t.Helper()
	for _, node := range c.nodes {
		if !node.runs() {
			continue
		}
		if err := node.proc.await("brought its replicas up to date", node.mirrored); err != nil {
			t.Fatalf("Redis cluster: %v", err)
		}
	}
}

// mirrored fails while a replica of the node lacks something.
func (s *RedisServer) mirrored() error {
	text, err := s.text("INFO", "replication")
	if err != nil {
		return err
	}
	var written string
	var received []string
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if key == "master_repl_offset" {
			written = value
		}
		if strings.HasPrefix(key, "slave") && strings.HasPrefix(value, "ip=") {
			_, value, _ = strings.Cut(value, ",offset=")
			value, _, _ = strings.Cut(value, ",")
			received = append(received, value)
		}
	}
	if slices.ContainsFunc(received, func(offset string) bool { return offset != written }) {
		return errors.New("it says\n" + text)
	}
	return nil
}

// text is the answer to a command whose answer is text.
func (s *RedisServer) text(command ...string) (string, error) {
	answer, err := s.do(command...)
	if err != nil {
		return "", err
	}
	return answer.ToString()
}

// says waits until a line is in the answer to a command.
func (s *RedisServer) says(what, line string, command ...string) error {
	return s.proc.await(what, func() error {
		text, err := s.text(command...)
		if err == nil && !strings.Contains(text, line+"\r\n") {
			err = fmt.Errorf("it says\n%s", text)
		}
		return err
	})
}
