package secret

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// MasterKeySize is the length of a master key in bytes.
const MasterKeySize = 32

// maxKeyFile bounds what is read of a key file: a path that points at something
// else by mistake must not be read into memory.
const maxKeyFile = 1024

// ErrMasterKey is wrapped by every error about the content of a master key. The
// content is never part of the message.
var ErrMasterKey = errors.New("a master key is 32 bytes as 44 characters of base64 or 64 of hex")

// KeyFileModeError says that a master key file can be read or written by others
// than its owner.
type KeyFileModeError struct {
	Path string
	Mode fs.FileMode // permission bits only
}

// Error names the file, its mode and the command that puts it right.
func (e *KeyFileModeError) Error() string {
	return fmt.Sprintf("master key file %s has mode %#o, which lets others use it: run chmod 600 %s", e.Path, e.Mode, e.Path)
}

// ParseMasterKey reads a master key from text: base64 of either alphabet, with
// or without padding, or hex; white space around it is ignored. A key of one
// repeated byte is refused, since it was not made by a random generator.
func ParseMasterKey(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	var key []byte
	var err error
	if len(text) == hex.EncodedLen(MasterKeySize) {
		key, err = hex.DecodeString(text)
	} else {
		// Base64 of 32 bytes is 43 characters, so 64 of hex are no base64.
		plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimSuffix(text, "="))
		key, err = base64.RawStdEncoding.Strict().DecodeString(plain)
	}
	// Line breaks inside are looked for, since base64 skips them.
	if err != nil || len(key) != MasterKeySize || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("reading a master key of %d characters: %w", len(text), ErrMasterKey)
	}
	if bytes.Count(key, key[:1]) == len(key) {
		return nil, fmt.Errorf("reading a master key: one byte repeated: %w", ErrMasterKey)
	}
	return key, nil
}

// LoadMasterKey reads the master key from the file at path. A file that anyone
// but its owner may read or write is refused with a *KeyFileModeError; one that
// does not exist gives an error that matches fs.ErrNotExist.
func LoadMasterKey(path string) ([]byte, error) {
	// Asked before opening too, because opening a named pipe would wait.
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading the master key: %s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	defer func() { _ = f.Close() }() // only read: nothing to lose
	// The mode of what was opened counts, not of what stood there before.
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, &KeyFileModeError{Path: path, Mode: mode}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("reading the master key: %s is longer than %d bytes: %w", path, maxKeyFile, ErrMasterKey)
	}
	key, err := ParseMasterKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("master key file %s: %w", path, err)
	}
	return key, nil
}

// CreateMasterKey makes a random master key, writes it to a new file at path
// with mode 0600 and returns it once file and directory are on disk. If
// something stands at path already, it is left alone and the error matches
// fs.ErrExist: of two processes that start at once one creates, the other
// loads.
//
// The file appears under its name complete or not at all, whenever the process
// dies: it is written beside under another name and then linked.
func CreateMasterKey(path string) (key []byte, err error) {
	defer func() {
		if err != nil {
			key, err = nil, fmt.Errorf("creating the master key: %w", err)
		}
	}()
	if _, err := os.Lstat(path); err == nil {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	key = Random(MasterKeySize)
	dir, base := filepath.Split(filepath.Clean(path))
	if dir == "" {
		dir = "."
	}
	beside := filepath.Join(dir, "."+base+"."+strings.ToLower(rand.Text()))
	if err := writeKeyFile(beside, base64.StdEncoding.EncodeToString(key)+"\n"); err != nil {
		return nil, err
	}
	defer func() {
		if removeErr := os.Remove(beside); err == nil {
			err = removeErr
		}
	}()
	// Unlike rename, link refuses to replace what stands at path.
	if err := os.Link(beside, path); err != nil {
		return nil, err
	}
	return key, syncDir(dir)
}

// writeKeyFile writes a new file that only its owner can read, and waits until
// it is on disk. If that fails nothing is left behind.
func writeKeyFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
