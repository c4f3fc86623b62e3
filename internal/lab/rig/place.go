package rig

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
)

// maxPlace is how long the path of this process's directory may be, so that those of the sockets in it stay under 100
// bytes; a socket's may have 108 with its terminating zero.
const maxPlace = 64

// guard ends what this process leaves behind when it ends without a word, as after a timeout or a panic: its standard
// input is then closed. It kills whoever still works in the directory, paused backends of PostgreSQL among them, gives
// back shared memory, and removes the directory.
const guard = `
read -r _
for try in 1 2 3 4 5 6 7 8 9 10; do
	for p in /proc/[0-9]*; do
		case $(readlink "$p/cwd") in "$1"/*) kill -KILL "${p#/proc/}" ;; esac
	done
	for f in "$1"/*/data/postmaster.pid; do
		[ -f "$f" ] && ipcrm -m "$(sed -n '7s/.* //p' "$f")"
	done
	rm -rf "$1" && exit
	sleep 0.2
done
`

// place is the directory of everything that this process starts. Others than its owner may pass through it, since
// PostgreSQL does not run as root, but not look around.
var place = sync.OnceValues(func() (string, error) {
	base, err := base()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(base, "rig-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", err
	}
	watch := exec.Command("/bin/sh", "-c", guard, "sh", dir)
	watch.Dir = "/"
	watch.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // whoever interrupts the tests does not mean it
	in, err := watch.StdinPipe()
	if err != nil {
		return "", err
	}
	leash.Store(&in)
	if err := watch.Start(); err != nil {
		return "", fmt.Errorf("start the guard of %s: %w", dir, err)
	}
	return dir, nil
})

// leash holds the guard's standard input, which is closed when this process ends, and not before.
var leash atomic.Pointer[io.WriteCloser]

// base is a directory for temporary files whose path is short and which every user may enter.
func base() (string, error) {
	for _, dir := range []string{os.TempDir(), "/tmp"} {
		if dir, err := filepath.EvalSymlinks(dir); err == nil && filepath.IsAbs(dir) && len(dir) < maxPlace-16 && enterable(dir) {
			return dir, nil
		}
	}
	return "", errors.New("no directory for temporary files has a short path that every user may enter: set TMPDIR to one")
}

func enterable(dir string) bool {
	if os.Geteuid() != 0 {
		return true // servers run as who runs the tests
	}
	for ; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == "/" {
			return true
		}
	}
}

var placed atomic.Int64

// newDirectory makes a directory for one server, which only its user may enter.
func newDirectory(as *syscall.Credential) (string, error) {
	dir, err := place()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, strconv.FormatInt(placed.Add(1), 10))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	if as != nil {
		err = os.Chown(dir, int(as.Uid), int(as.Gid))
	}
	return dir, err
}
