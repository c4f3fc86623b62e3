package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The programs that are measured from outside.
const (
	tandemBinary = "./cmd/tandem"
	bareBinary   = "./internal/lab/bench/bare"
)

// build compiles a package of this repository once and answers where the binary is.
func (b *bench) build(pkg string) (string, error) {
	if path := b.built[pkg]; path != "" {
		return path, nil
	}
	root, err := moduleRoot(b.ctx)
	if err != nil {
		return "", err
	}
	path := filepath.Join(b.dir, "bin-"+filepath.Base(pkg))
	cmd := exec.CommandContext(b.ctx, "go", "build", "-o", path, pkg)
	cmd.Dir = root // and its environment is ours: what was compiled for this program is not compiled again
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	b.built[pkg] = path
	return path, nil
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "tandem.example/tandem").Output()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w (run this inside of it)", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// process is a program under measurement.
type process struct {
	cmd     *exec.Cmd
	address string
	dir     string // data directory, for tandem
	began   time.Time
	output  bytes.Buffer
}

// startBare starts the floor.
func (b *bench) startBare() (*process, error) {
	path, err := b.build(bareBinary)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return startProcess(&process{address: address, cmd: exec.Command(path, address)}, "/")
}

// startTandem starts `tandem serve` on the data directory, without limits on guessing, and waits until it is ready.
func (b *bench) startTandem(dir string, flags ...string) (*process, error) {
	return b.startTandemWith(nil, dir, flags...)
}

// startTandemWith does the same with more in its environment.
func (b *bench) startTandemWith(env []string, dir string, flags ...string) (*process, error) {
	path, err := b.build(tandemBinary)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddress()
	if err != nil {
		return nil, err
	}
	args := append([]string{"serve", "--data-dir", dir, "--listen", address, "--admin-listen", admin, "--log-level", "warn"}, flags...)
	cmd := exec.Command(path, args...)
	cmd.Env = env
	return startProcess(&process{address: address, dir: dir, cmd: cmd}, "/readyz")
}

// startPatience is for how long a program may take to answer.
const startPatience = 60 * time.Second

func startProcess(p *process, ready string) (*process, error) {
	for _, kv := range os.Environ() { // its configuration is its own, whatever is configured around it
		if !strings.HasPrefix(kv, "TANDEM_") {
			p.cmd.Env = append(p.cmd.Env, kv)
		}
	}
	p.cmd.Env = append(p.cmd.Env, "TANDEM_LIMITS_ENABLED=false")
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing outlives the measuring
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	ask := request("GET", p.address, ready, "", "")
	for time.Since(p.began) < startPatience {
		c, err := dial("tcp", p.address)
		if err == nil {
			status, err := c.do(ask, nil)
			c.conn.Close()
			if err == nil && status/100 == 2 {
				return p, nil
			}
		}
		if p.cmd.Process.Signal(syscall.Signal(0)) != nil {
			break
		}
		time.Sleep(500 * time.Microsecond)
	}
	p.stop()
	return nil, fmt.Errorf("%s did not answer\n%s", filepath.Base(p.cmd.Path), p.output.String())
}

// stop ends the process by its own id, gently if it obeys.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(5*time.Second, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait()
	kill.Stop()
}

// cpu is the processor time used so far.
func (p *process) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick
}

// memory is a figure of /proc/PID/status in bytes: VmRSS is resident, VmHWM the most that ever was.
func (p *process) memory(name string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib * 1024, err
		}
	}
	return 0, errors.New("the system does not tell a process' " + name)
}

// resetPeak has VmHWM begin again.
func (p *process) resetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0)
}

// operate orders something over the local socket, as the operator.
func (p *process) operate(ctx context.Context, method, path string, body any) error {
	return p.ask(ctx, method, path, body, nil)
}

// ask does the same and reads the answer, unless into is nil.
func (p *process) ask(ctx context.Context, method, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(p.dir, "tandem.sock"))
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: status %d", method, path, res.StatusCode)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(into)
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
