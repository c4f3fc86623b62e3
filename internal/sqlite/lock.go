package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// LockFile is the name of the file in the data directory whose lock says that a process uses the store.
const LockFile = "tandem.lock"

const remedyLocked = "stop that process, or administer through it"

// DirLock is the lock of a data directory, held until Release or the end of the process, however it ends.
type DirLock struct{ file *os.File }

// Lock takes the lock of the directory, which it makes (0700) if it is not there. It does not wait: a directory in
// use answers an *OpenError of ErrLocked that names the process. The command line calls it to learn whether a server
// is running.
func Lock(dir string) (*DirLock, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, LockFile)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fileError(path, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = &OpenError{Path: dir, Err: fmt.Errorf("%w%s", ErrLocked, holderOf(file)), Remedy: remedyLocked}
		} else {
			err = fileError(path, err)
		}
		return nil, errors.Join(err, file.Close())
	}
	// The number is for people who ask who holds the lock; the lock itself is the kernel's.
	if err := errors.Join(file.Truncate(0), writePID(file)); err != nil {
		return nil, errors.Join(fileError(path, err), file.Close())
	}
	return &DirLock{file: file}, nil
}

// Release gives the lock up. A second call does nothing.
func (l *DirLock) Release() error {
	if err := l.file.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return fmt.Errorf("release the lock: %w", err)
	}
	return nil
}

func writePID(file *os.File) error {
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func holderOf(file *os.File) string {
	var text [32]byte
	n, _ := file.ReadAt(text[:], 0)
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n]))); err == nil {
		return fmt.Sprintf(" (process %d)", pid)
	}
	return ""
}

// makeDir makes the directory readable by its owner alone, or checks that what is there is one.
func makeDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err == nil && !info.IsDir():
		return &OpenError{Path: dir, Err: ErrNotDirectory, Remedy: remedyDirectory}
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fileError(dir, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fileError(dir, err)
	}
	return nil
}
