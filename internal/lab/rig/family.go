package rig

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// kill ends the process and those it started, without a chance to say goodbye, and waits until they are gone.
func (c *child) kill() error {
	if !c.alive() {
		return nil
	}
	family, err := c.hold()
	if err != nil {
		return fmt.Errorf("kill %s: %w", c.name, err)
	}
	_ = syscall.Kill(c.pid, syscall.SIGKILL) // first, so that it does not mourn its children; fails if it ended just now
	for _, pid := range family {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		gone := !c.alive()
		for _, pid := range family {
			state, _ := status(pid)
			gone = gone && (state == 0 || state == 'Z')
		}
		if gone {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("kill %s: it or one of %v is still there after %v", c.name, family, patience)
		}
	}
}

// pause stops the process and those it started in their tracks.
func (c *child) pause() error {
	if _, err := c.hold(); err != nil {
		return fmt.Errorf("pause %s: %w", c.name, err)
	}
	c.paused = true
	return nil
}

// resume has all of them go on.
func (c *child) resume() error {
	family, err := children(c.pid)
	if err != nil {
		return fmt.Errorf("resume %s: %w", c.name, err)
	}
	for _, pid := range append(family, c.pid) {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil && err != syscall.ESRCH {
			return fmt.Errorf("resume %s: %w", c.name, err)
		}
	}
	c.paused = false
	return nil
}

// hold stops the process, which then starts no others, and then those it has started. It names them.
func (c *child) hold() ([]int, error) {
	if err := freeze(c.pid); err != nil {
		return nil, err
	}
	family, err := children(c.pid)
	if err != nil {
		return nil, err
	}
	for _, pid := range family {
		if err := freeze(pid); err != nil {
			return nil, err
		}
	}
	return family, nil
}

// freeze stops one process and waits until it stands. One that is gone does.
func freeze(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil && err != syscall.ESRCH {
		return err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		switch state, _ := status(pid); state {
		case 'T', 't', 'Z', 'X', 0:
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d does not stop", pid)
		}
	}
}

// children are the processes that a process has started.
func children(parent int) (pids []int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			if _, p := status(pid); p == parent {
				pids = append(pids, pid)
			}
		}
	}
	return pids, nil
}

// status is the state of a process, as in the third field of proc(5)'s /proc/pid/stat, and its parent's id; zeros if
// there is no such process.
func status(pid int) (state byte, parent int) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0
	}
	// The second field, the name, is in parentheses and may hold some itself.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 2 {
		return 0, 0
	}
	parent, _ = strconv.Atoi(string(fields[1])) // a number, says the kernel
	return fields[0][0], parent
}
