package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	installing = 5 * time.Minute // at most, with all that is waited for
	policy     = "/usr/sbin/policy-rc.d"
)

// install installs the first of Debian's packages that can be had, unless it is there by the time it is our turn: the
// tests of several packages run at once.
func install(packages []string, there func() bool) error {
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return errors.New("it was not tried to install it, which needs root and apt-get")
	}
	ctx, cancel := context.WithTimeout(context.Background(), installing)
	defer cancel()
	unlock, err := takeTurn(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if there() {
		return nil
	}
	allow, err := forbidServices()
	if err != nil {
		return err
	}
	defer allow()
	attempt := func(packages []string) (err error) {
		for _, name := range packages {
			if err = aptGet(ctx, apt, "install", "-y", "--no-install-recommends", name); err == nil {
				return nil
			}
		}
		return err
	}
	if attempt(packages) == nil {
		return nil
	}
	if err := aptGet(ctx, apt, "update"); err != nil { // the lists may be missing or old
		return err
	}
	return attempt(packages)
}

func aptGet(ctx context.Context, apt string, args ...string) error {
	cmd := exec.CommandContext(ctx, apt, append([]string{"-q", "-o", "DPkg::Lock::Timeout=120"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // dpkg does not like to be killed
	cmd.WaitDelay = 30 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}

// takeTurn waits until no other process installs.
func takeTurn(ctx context.Context) (unlock func(), err error) {
	path := filepath.Join(os.TempDir(), "tandem-rig-install.lock")
	// Only root comes here, and must not follow what others may have put at a name that they can guess.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return func() { f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("wait for %s: %w", path, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// forbidServices keeps packages from starting, as they are installed, a server for the whole machine. A machine that
// has a policy already keeps it.
func forbidServices() (allow func(), err error) {
	f, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, os.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	// 101 is forbidden, says invoke-rc.d(8). Should we be killed, it forbids no longer than we lived.
	_, err = fmt.Fprintf(f, "#!/bin/sh\n# Tandem's tests install what they need.\n[ -d /proc/%d ] && exit 101\nexit 0\n", os.Getpid())
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		os.Remove(policy)
		return nil, err
	}
	return func() { os.Remove(policy) }, nil
}
