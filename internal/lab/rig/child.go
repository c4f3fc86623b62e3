package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	patience = 30 * time.Second      // with a server that comes up, ends, or does what it was told
	glance   = 15 * time.Millisecond // between two looks at it
)

// child is a server process with the processes that it starts itself.
type child struct {
	name   string
	pid    int
	log    string // the file it writes to
	paused bool
	done   chan struct{} // closed when it has ended
	err    error         // how it ended; to be read after done
}

// launch starts a server that cannot outlive this process. Its output is added to the file log.
//
// The death signal comes when the thread ends that started a process, not when the parent does. So the thread is kept:
// it starts the process and waits for its end.
func launch(name, log, dir string, as *syscall.Credential, program string, args ...string) (*child, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := command(context.Background(), dir, as, program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	c := &child{name: name, log: log, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
			close(c.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c.pid = cmd.Process.Pid
	return c, nil
}

// command is a command with nothing of our environment but PATH: variables like PGPORT would change what it does.
func command(ctx context.Context, dir string, as *syscall.Credential, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	return cmd
}

// run runs a command to its end.
func run(dir string, as *syscall.Credential, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	if out, err := command(ctx, dir, as, program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

func (c *child) alive() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// await asks until what is awaited is so. The question must come back by itself.
func (c *child) await(what string, ask func() error) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(glance) {
		err := ask()
		switch {
		case err == nil:
			return nil
		case !c.alive():
			return fmt.Errorf("%s ended (%v) before it %s; it last said:\n%s", c.name, c.err, what, c.said())
		case time.Now().After(deadline):
			return fmt.Errorf("%s has not %s within %v: %w; it last said:\n%s", c.name, what, patience, err, c.said())
		}
	}
}

// stop sends a signal that asks the process to end, and sees to it that it does.
func (c *child) stop(sig syscall.Signal) error {
	if c.paused {
		if err := c.resume(); err != nil {
			return err
		}
	}
	if err := syscall.Kill(c.pid, sig); err != nil && c.alive() {
		return fmt.Errorf("stop %s: %w", c.name, err)
	}
	select {
	case <-c.done:
		return nil
	case <-time.After(patience):
		said := c.said()
		return fmt.Errorf("%s did not stop within %v and was killed (%v); it last said:\n%s", c.name, patience, c.kill(), said)
	}
}

// said is the end of the log.
func (c *child) said() string {
	const most = 4 << 10
	b, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	if len(b) > most {
		b = b[len(b)-most:]
	}
	return strings.TrimSpace(string(b))
}
