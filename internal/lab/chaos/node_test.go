package chaos

import (
	"fmt"
	"math/rand/v2"
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

const patience = 40 * time.Second // for a process to come up or to end

// process is a child that cannot outlive this one.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how; to be read after done
}

// start runs a command. The death signal comes when the thread ends that started the process, so that thread is kept.
func start(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	return p, <-started
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) } // it may have ended

// kill ends it without a chance to say goodbye.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// end waits until it has ended by itself, and kills it if it does not.
func (p *process) end() error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("it did not end within %v", patience)
	}
}

// node is a tandem server with a link to each of its stores.
type node struct {
	*testing.T
	name           string
	dir, log       string
	address, admin string
	env            []string
	stores, redis  *link

	mu     sync.Mutex
	proc   *process
	wanted bool // whoever supervises it starts it again when it ends
	watch  sync.WaitGroup
}

// begin starts the process, or starts it again. It may come up later; one that ends by itself, as when its store is gone
// at the start, is started again, as by any supervisor.
func (n *node) begin() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wanted = true
	n.launch()
}

// launch is for who holds the lock.
func (n *node) launch() {
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		n.Errorf("%s: %v", n.name, err)
		return
	}
	defer log.Close()
	cmd := exec.Command(tandemBinary(n.T), "serve", "--data-dir", n.dir, "--listen", n.address, "--admin-listen", n.admin)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = n.dir, append(environment(), n.env...), log, log
	proc, err := start(cmd)
	if err != nil {
		n.Errorf("start %s: %v", n.name, err)
		return
	}
	n.proc = proc
	n.watch.Go(func() {
		<-proc.done
		time.Sleep(200 * time.Millisecond)
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.wanted && n.proc == proc {
			n.launch()
		}
	})
}

func (n *node) process() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc
}

// kill ends it without a chance to say goodbye, for good.
func (n *node) kill() { n.finish(syscall.SIGKILL) }

// finish sends a signal that ends it, and waits for that.
func (n *node) finish(s syscall.Signal) {
	n.mu.Lock()
	n.wanted = false
	proc := n.proc
	n.mu.Unlock()
	proc.signal(s)
	if s == syscall.SIGKILL {
		<-proc.done
	} else if err := proc.end(); err != nil {
		n.Errorf("%s, told to end: %v; it last said:\n%s", n.name, err, n.tail())
	}
	n.watch.Wait()
}

// said counts the lines of its log with that text.
func (n *node) said(text string) (lines int) {
	b, err := os.ReadFile(n.log)
	if err != nil {
		n.Errorf("%s: %v", n.name, err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		if strings.Contains(line, text) {
			lines++
		}
	}
	return lines
}

// tail is the end of its log.
func (n *node) tail() string {
	b, _ := os.ReadFile(n.log) // empty if it has none
	return string(b[max(0, len(b)-4<<10):])
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

// handedOut are the ports that were given to nodes.
var handedOut sync.Map

// freeAddress is below the ports that the kernel gives to outgoing connections, so that a node that is started again
// finds its port as it left it.
func freeAddress(t *testing.T) string {
	for range 100 {
		port := 3000 + rand.IntN(7000)
		if _, twice := handedOut.LoadOrStore(port, true); twice { // to a node that does not listen at this moment
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port on loopback")
	return ""
}

// logDirectory is kept if the test fails: the failure names it.
func logDirectory(t *testing.T) string {
	dir, err := os.MkdirTemp("", "chaos-"+strings.ReplaceAll(filepath.Base(t.Name()), "/", "-")+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the logs of nodes and verifiers are in %s", dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	return dir
}
