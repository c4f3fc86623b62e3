package process

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	lease     = 3 * time.Second // L
	verifiers = 3
	patience  = 30 * time.Second // for a process to come up
)

// stage is a server and its verifiers, as processes.
type stage struct {
	*testing.T
	dir, binary     string
	address, admin  string
	issuer          string
	server          *exec.Cmd
	printed         tail // by the server
	public, private *http.Client
	followers       []*follower
}

// follower is a verifier process with what lies between it and the server.
type follower struct {
	name  string
	proxy *proxy
	cmd   *exec.Cmd
	log   string
	lines chan string // to its standard input
	end   func()      // has the process write what it has not written yet, and end
}

func setUp(t *testing.T) *stage {
	s := &stage{T: t, dir: t.TempDir(), address: freeAddress(t), admin: freeAddress(t)}
	s.binary = filepath.Join(s.dir, "tandem")
	build := exec.Command("go", "build", "-o", s.binary, "tandem.example/tandem/cmd/tandem")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build tandem: %v\n%s", err, out)
	}
	s.issuer = "http://" + s.address
	s.public = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
	s.private = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(s.dir, "data", "tandem.sock"))
		},
	}}
	t.Cleanup(s.public.CloseIdleConnections)
	t.Cleanup(s.private.CloseIdleConnections)
	s.startServer()
	t.Cleanup(s.killServer)
	for i := range verifiers {
		s.followers = append(s.followers, s.startFollower(fmt.Sprintf("verifier-%d", i+1)))
	}
	return s
}

// startServer starts the server, or starts it again, and waits until it is ready.
func (s *stage) startServer() {
	s.server = exec.Command(s.binary, "serve", "--data-dir", filepath.Join(s.dir, "data"), "--listen", s.address,
		"--admin-listen", s.admin, "--issuer", s.issuer, "--log-level", "warn")
	s.server.Dir = s.dir
	s.server.Env = append(environment(), "TANDEM_LEASE="+lease.String(),
		"TANDEM_LIMITS_SIGN_IN_PER_ADDRESS=1000000", "TANDEM_LIMITS_SIGN_IN_PER_ACCOUNT=1000000")
	s.server.Stdout, s.server.Stderr = &s.printed, &s.printed
	s.start(s.server)
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		res, err := s.public.Get(s.issuer + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			s.Fatalf("the server does not come up: %v\n%s", err, &s.printed)
		}
	}
}

// killServer ends it without a chance to say goodbye.
func (s *stage) killServer() {
	_ = s.server.Process.Kill()
	_ = s.server.Wait()
}

func (s *stage) startFollower(name string) *follower {
	code, app := s.operate("POST", "/v1/admin/apps", map[string]any{"name": name, "kind": "resource"})
	if code != http.StatusCreated {
		s.Fatalf("register %s: %d %v", name, code, app)
	}
	f := &follower{name: name, proxy: newProxy(s.T, s.address), log: filepath.Join(s.dir, name+".log"), lines: make(chan string, 10_000)}
	text, err := json.Marshal(orders{Issuer: s.issuer, Name: name, ClientID: field(app, "app.id"), Secret: field(app, "client_secret"),
		Proxy: f.proxy.address(), Log: f.log, Lease: lease})
	if err != nil {
		s.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	f.cmd = exec.Command(self)
	f.cmd.Env = append(environment(), verifierEnv+"="+string(text))
	f.cmd.Stderr = os.Stderr
	in, err := f.cmd.StdinPipe()
	if err != nil {
		s.Fatal(err)
	}
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		s.Fatal(err)
	}
	s.start(f.cmd)
	var feeding sync.WaitGroup
	feeding.Go(func() {
		defer in.Close()
		for line := range f.lines {
			_, _ = io.WriteString(in, line+"\n") // fails once it was killed
		}
	})
	f.end = sync.OnceFunc(func() {
		close(f.lines)
		tooLate := time.AfterFunc(patience, func() { _ = f.cmd.Process.Kill() })
		defer tooLate.Stop()
		feeding.Wait()
		if err := f.cmd.Wait(); err != nil {
			s.Errorf("%s: %v", name, err)
		}
	})
	s.Cleanup(f.end)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		s.Fatalf("%s does not come up: %q, %v", name, line, err)
	}
	return f
}

// start runs a process that cannot outlive this one.
func (s *stage) start(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
}

// environment is that of the test without any configuration of a server.
func environment() (kept []string) {
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "TANDEM_") {
			kept = append(kept, kv)
		}
	}
	return kept
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// operate calls as the operator of the machine, call as a client with a bearer credential. A code of 0 means that no
// answer came, and so that nobody knows whether it was done.
func (s *stage) operate(method, path string, body any) (int, map[string]any) {
	return exchange(s.private, method, "http://operator"+path, "", body)
}

func (s *stage) call(method, path, bearer string, body any) (int, map[string]any) {
	return exchange(s.public, method, s.issuer+path, bearer, body)
}

func exchange(client *http.Client, method, url, bearer string, body any) (int, map[string]any) {
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err) // bodies are literals
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, url, sent)
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil
	}
	var answer map[string]any
	_ = json.Unmarshal(b, &answer) // some answers are empty
	return res.StatusCode, answer
}

// field finds a text in an answer by its dotted path.
func field(answer map[string]any, path string) string {
	keys := strings.Split(path, ".")
	for _, k := range keys[:len(keys)-1] {
		answer, _ = answer[k].(map[string]any)
	}
	text, _ := answer[keys[len(keys)-1]].(string)
	return text
}

// tail keeps the last of what a process printed.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-8<<10):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
