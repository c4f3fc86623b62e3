package site

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// built is the binary of the product, built once for all tests of the process.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// Program answers the path of the product's binary, built from this tree.
func Program(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "tandem-e2e-"); built.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", filepath.Join(built.dir, "tandem"), "tandem.example/tandem/cmd/tandem")
		if out, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build the product: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "tandem")
}

// RemoveProgram removes what Program built, at the end of all tests.
func RemoveProgram() error {
	if built.dir == "" {
		return nil
	}
	return os.RemoveAll(built.dir)
}

// Process is a running binary of the product.
type Process struct {
	Dir string // its working directory

	mu   sync.Mutex
	said strings.Builder
	done chan struct{}
	err  error
}

// Run runs the product with the arguments in a fresh directory, with nothing of our environment but PATH, until the test
// ends.
func Run(t testing.TB, args ...string) *Process {
	t.Helper()
	p := &Process{Dir: t.TempDir(), done: make(chan struct{})}
	cmd := exec.Command(Program(t), args...)
	cmd.Dir = p.Dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.Dir, "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	started := make(chan error)
	go func() { // on a thread of its own, which lives as long as the process: it dies with the thread
		runtime.LockOSThread()
		err := cmd.Start()
		w.Close()
		started <- err
		if err == nil {
			p.read(r)
			p.err = cmd.Wait()
		}
		r.Close()
		close(p.done)
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-p.done:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-p.done
			t.Errorf("tandem %s did not end when told to", strings.Join(args, " "))
		}
		if t.Failed() {
			t.Logf("tandem %s (%v) said:\n%s", strings.Join(args, " "), p.err, p.Said())
		}
	})
	return p
}

func (p *Process) read(r *os.File) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		p.mu.Lock()
		p.said.WriteString(line)
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Said is all that it has printed.
func (p *Process) Said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// Await waits until what it has printed satisfies.
func (p *Process) Await(t testing.TB, what string, so func(said string) bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(p.Said()); time.Sleep(5 * time.Millisecond) {
		select {
		case <-p.done:
			t.Fatalf("it ended (%v) before it %s; it said:\n%s", p.err, what, p.Said())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("it has not %s; it said:\n%s", what, p.Said())
		}
	}
}

// FreeAddress is a host:port on loopback that nobody listens on now.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
