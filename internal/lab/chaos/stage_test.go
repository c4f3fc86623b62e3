package chaos

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
)

const (
	lease = 2 * time.Second // L
	// idleFor is for how long clients keep a connection that they do not use, shorter than nodes drain.
	idleFor = 300 * time.Millisecond
)

// setting is what a scenario plays on. The zero value is one node on the embedded store.
type setting struct {
	nodes    int
	postgres *rig.PostgresConfig
	redis    *rig.RedisConfig
	groups   int // processes with verifiers
	perGroup int // verifiers in each
	drain    time.Duration
	asking   bool // verifiers ask a node when they have lost their lease
	callers  int  // who check each credential at each verifier at the same time; one if zero
}

// stage is nodes behind a balancer, with their stores and verifiers.
type stage struct {
	*testing.T
	setting
	seed     uint64
	began    time.Time
	dir      string
	issuer   string
	postgres *rig.PostgresServer // nil without
	database string              // its address, when it was made
	redis    *rig.RedisServer    // nil without
	nodes    []*node
	balancer *balancer
	front    *wire // for people and operators
	groups   []*group
	client   *http.Client
	key      string // of the administration API
	ledger
	diary
}

// group is a process with verifiers.
type group struct {
	proc    *process
	numbers []int
	doors   []*wire
	log     string
	lines   chan string // to its standard input
	states  chan []state
	end     func() // has the process write what it has not written yet, and end
}

func setUp(t *testing.T, c setting) *stage {
	s := &stage{T: t, setting: c, seed: seed(t), began: time.Now(), dir: logDirectory(t)}
	t.Logf("seed %d (TANDEM_TEST_SEED plays it again), L = %v", s.seed, lease)
	t.Cleanup(func() { s.phase("stores are gone") })
	s.openStores()
	t.Cleanup(func() { s.phase("all but the stores is gone") })
	addresses := make([]string, max(1, c.nodes))
	for i := range addresses {
		addresses[i] = freeAddress(t)
	}
	s.balancer = newBalancer(t, addresses)
	s.front = s.balancer.door()
	s.issuer = "http://" + s.front.address()
	s.client = &http.Client{Timeout: 8 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32, IdleConnTimeout: idleFor}}
	t.Cleanup(s.client.CloseIdleConnections)
	master := make([]byte, 32)
	_, _ = rand.Read(master) // never fails
	for i, address := range addresses {
		s.nodes = append(s.nodes, s.newNode(i, address, base64.StdEncoding.EncodeToString(master)))
	}
	s.awaitReady(len(s.nodes))
	s.makeKey()
	for i := range c.groups {
		s.groups = append(s.groups, s.startGroup(i))
	}
	return s
}

func (s *stage) openStores() {
	if c := s.setting.postgres; c != nil {
		c.TCP = true
		s.postgres = rig.Postgres(s.T, *c)
		s.database = s.postgres.NewDatabase(s.T)
	}
	if c := s.setting.redis; c != nil {
		c.TCP = true
		s.redis = rig.Redis(s.T, *c)
	}
}

// newNode lays out a node and starts it.
func (s *stage) newNode(i int, address, master string) *node {
	n := &node{T: s.T, name: fmt.Sprintf("node-%d", i+1), address: address, admin: freeAddress(s.T)}
	n.dir, n.log = filepath.Join(s.dir, n.name), filepath.Join(s.dir, n.name+".log")
	if err := os.Mkdir(n.dir, 0o700); err != nil {
		s.Fatal(err)
	}
	n.env = []string{"TANDEM_LEASE=" + lease.String(), "TANDEM_ISSUER=" + s.issuer, "TANDEM_MASTER_KEY=" + master,
		"TANDEM_LIMITS_SIGN_IN_PER_ADDRESS=1000000", "TANDEM_LIMITS_SIGN_IN_PER_ACCOUNT=1000000"}
	if s.drain > 0 {
		n.env = append(n.env, "TANDEM_DRAIN="+s.drain.String())
	}
	if s.postgres != nil {
		n.stores = newLink(s.postgres.Address())
		through := newWire(s.T, nil, n.stores)
		n.env = append(n.env, "TANDEM_STORE="+s.postgres.Through(through.address(), s.database))
		if !s.setting.postgres.Durable {
			n.env = append(n.env, "TANDEM_INSECURE_ALLOW_ASYNC_COMMIT=true")
		}
	}
	if s.redis != nil {
		n.redis = newLink(s.redis.Address())
		through := newWire(s.T, nil, n.redis)
		n.env = append(n.env, "TANDEM_SESSIONS_STORE="+s.redis.Through(through.address()))
		if s.setting.redis.AppendFsync == "" {
			n.env = append(n.env, "TANDEM_SESSIONS_INSECURE_ALLOW_VOLATILE=true")
		}
	}
	n.begin()
	s.Cleanup(n.kill)
	return n
}

// awaitReady waits until so many nodes are ready.
func (s *stage) awaitReady(want int) time.Duration {
	s.Helper()
	began := time.Now()
	for s.balancer.ready() < want {
		if time.Since(began) > patience {
			for _, n := range s.nodes {
				s.Logf("%s last said:\n%s", n.name, n.tail())
			}
			s.Fatalf("%d of %d nodes are ready after %v", s.balancer.ready(), want, patience)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(began)
}

// makeKey makes an API key as the operator of the first node's machine.
func (s *stage) makeKey() {
	socket := filepath.Join(s.nodes[0].dir, "tandem.sock")
	operator := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	a := exchange(operator, "POST", "http://operator/v1/admin/api-keys", "", map[string]any{"name": "chaos"})
	if s.key = a.text("secret"); s.key == "" {
		s.Fatalf("make an API key: %d %v", a.code, a.body)
	}
}

func (s *stage) startGroup(i int) *group {
	g := &group{log: filepath.Join(s.dir, fmt.Sprintf("verifiers-%d.log", i+1)), lines: make(chan string, 10_000), states: make(chan []state, 16)}
	o := orders{Issuer: s.issuer, Log: g.log, Lease: lease, AskServer: s.asking, Callers: s.callers}
	for k := range s.perGroup {
		who := identity{Number: i*s.perGroup + k, Name: fmt.Sprintf("verifier-%d", i*s.perGroup+k+1)}
		app := s.operate("POST", "/v1/admin/apps", map[string]any{"name": who.Name, "kind": "resource"})
		if app.code != http.StatusCreated {
			s.Fatalf("register %s: %d %v", who.Name, app.code, app.body)
		}
		who.ClientID, who.Secret = app.text("app.id"), app.text("client_secret")
		door := s.balancer.door()
		who.Door = door.address()
		g.doors, g.numbers = append(g.doors, door), append(g.numbers, who.Number)
		o.Verifiers = append(o.Verifiers, who)
	}
	text, err := json.Marshal(o)
	if err != nil {
		s.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env, cmd.Stderr = append(environment(), verifierEnv+"="+string(text)), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		s.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.Fatal(err)
	}
	if g.proc, err = start(cmd); err != nil {
		s.Fatal(err)
	}
	g.talk(s, in, out)
	return g
}

// talk feeds the process lines and reads its answers, until it ends.
func (g *group) talk(s *stage, in io.WriteCloser, out io.Reader) {
	var talking sync.WaitGroup
	talking.Go(func() {
		defer in.Close()
		for line := range g.lines {
			_, _ = io.WriteString(in, line+"\n") // fails once it was killed
		}
	})
	ready := make(chan bool, 1)
	talking.Go(func() {
		defer close(g.states)
		lines := bufio.NewScanner(out)
		ready <- lines.Scan() && lines.Text() == "ready"
		for lines.Scan() {
			var all []state
			if err := json.Unmarshal(lines.Bytes(), &all); err != nil {
				s.Errorf("a process of verifiers said %q", lines.Text())
			}
			g.states <- all
		}
	})
	g.end = sync.OnceFunc(func() {
		close(g.lines)
		g.proc.signal(syscall.SIGCONT)
		if err := g.proc.end(); err != nil {
			s.Errorf("verifiers: %v", err)
		}
		talking.Wait()
	})
	s.Cleanup(g.end)
	if !<-ready {
		s.Fatal("a process of verifiers does not come up")
	}
}

// ask has each verifier say how it is.
func (s *stage) ask() (all []state) {
	for _, g := range s.groups {
		g.lines <- "?"
		select {
		case some := <-g.states:
			all = append(all, some...)
		case <-time.After(patience):
			s.Fatal("a process of verifiers does not answer")
		}
	}
	return all
}

// awaitVerifiers waits until every verifier decides by itself again.
func (s *stage) awaitVerifiers() time.Duration {
	s.Helper()
	began := time.Now()
	for {
		var waiting []state
		for _, v := range s.ask() {
			if !v.Ready {
				waiting = append(waiting, v)
			}
		}
		if len(waiting) == 0 {
			return time.Since(began)
		}
		if time.Since(began) > patience {
			s.Fatalf("verifiers are not ready %v after all was healed: %+v", patience, waiting)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// show has every verifier asked about a credential from now on.
func (s *stage) show(c *issued) *issued {
	c = s.add(c)
	for _, g := range s.groups {
		g.lines <- fmt.Sprintf("+%d %s", c.id, c.text)
	}
	return c
}

// retire leaves credentials about which nothing more is to be learnt.
func (s *stage) retire(old func(*issued) bool) {
	for _, id := range s.leave(old) {
		for _, g := range s.groups {
			g.lines <- fmt.Sprintf("-%d", id)
		}
	}
}

// phase logs where the time went.
func (s *stage) phase(name string) {
	s.Logf("%5.1f s: %s", time.Since(s.began).Seconds(), name)
}

// chance is a source of randomness of its own for each of those who need one.
func (s *stage) chance(whose uint64) *mathrand.Rand {
	return mathrand.New(mathrand.NewPCG(s.seed, whose))
}
