package demo

import (
	"context"
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
	"time"
)

// stage is what the scenes play on.
type stage struct {
	ctx     context.Context
	config  Config
	dir     string
	address string // of the server
	admin   string
	issuer  string
	output  *recorder // what the server printed
	server  *exec.Cmd
	banks   []*bankProcess
	load    *load
	api     *http.Client
	local   *http.Client // over the unix socket: the operator
	secrets []string     // every secret that was handed out
	mu      sync.Mutex
}

type bankProcess struct {
	name string
	url  string
	cmd  *exec.Cmd
}

func setUp(ctx context.Context, c Config) (*stage, error) {
	dir, err := temporary()
	if err != nil {
		return nil, err
	}
	s := &stage{ctx: ctx, config: c, dir: dir, output: &recorder{}}
	if s.address, err = freeAddress(); err != nil {
		return s, err
	}
	if s.admin, err = freeAddress(); err != nil {
		return s, err
	}
	s.issuer = "http://" + s.address
	s.api = &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	s.local = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(s.dir, "tandem.sock"))
		},
	}}
	if err := s.startServer(); err != nil {
		return s, err
	}
	app := s.order("POST", "/v1/admin/apps", map[string]any{"name": mobileApp, "kind": "user", "mode": "jwt", "refresh": map[string]any{"grace": grace.String()}})
	if app.code != http.StatusCreated {
		return s, fmt.Errorf("make the mobile application: %d %v", app.code, app.body)
	}
	for i := range banks {
		if err := s.startBank(fmt.Sprintf("bank-%d", i+1)); err != nil {
			return s, err
		}
	}
	s.load, err = s.startLoad()
	return s, err
}

// start runs the tandem binary.
func (s *stage) start(out io.Writer, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(s.config.Executable, args...)
	cmd.Dir = s.dir
	for _, kv := range os.Environ() { // the demo's server is its own, whatever is configured around it
		if !strings.HasPrefix(kv, "TANDEM_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "TANDEM_LEASE="+lease.String(), "TANDEM_LIMITS_SIGN_IN_PER_ADDRESS=100000")
	if s.config.Verbose {
		out = io.MultiWriter(out, os.Stderr)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing outlives the demo
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start tandem %s: %w", args[0], err)
	}
	return cmd, nil
}

func (s *stage) startServer() (err error) {
	s.server, err = s.start(s.output, "serve", "--dev", "--data-dir", s.dir, "--listen", s.address, "--admin-listen", s.admin, "--issuer", s.issuer)
	if err != nil {
		return err
	}
	return s.await("the server", s.issuer+"/readyz")
}

func (s *stage) startBank(name string) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	b := &bankProcess{name: name, url: "http://" + address}
	if b.cmd, err = s.start(&recorder{}, "demo", "--bank", name, "--bank-issuer", s.issuer, "--bank-listen", address); err != nil {
		return err
	}
	s.banks = append(s.banks, b)
	return s.await(name, b.url+"/status")
}

// await asks until the process answers.
func (s *stage) await(what, url string) error {
	var last error
	for range 200 {
		res, err := s.api.Get(url)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("status %d", res.StatusCode)
		}
		last = err
		select {
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		case <-time.After(25 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not answer: %w\n%s", what, last, s.output)
}

func (s *stage) tearDown() {
	if s.load != nil {
		s.load.stop()
	}
	for _, b := range s.banks {
		kill(b.cmd)
	}
	kill(s.server)
	_ = os.RemoveAll(s.dir)
}

// kill ends a process by its own id and waits for it.
func kill(cmd *exec.Cmd) {
	if cmd != nil && cmd.Process != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// freeAddress is a loopback address nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// recorder keeps what a process printed.
type recorder struct {
	mu  sync.Mutex
	buf strings.Builder
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(b)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}
