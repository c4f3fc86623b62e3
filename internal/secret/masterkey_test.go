package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tandem.example/tandem/internal/secret"
)

func TestParseMasterKey(t *testing.T) {
	key := bytes.Repeat([]byte{0xfb, 0xff, 0x01, 0x00}, 8) // spelled with + and / in base64
	good := map[string]string{
		"base64":             base64.StdEncoding.EncodeToString(key),
		"base64 unpadded":    base64.RawStdEncoding.EncodeToString(key),
		"base64url":          base64.URLEncoding.EncodeToString(key),
		"base64url unpadded": base64.RawURLEncoding.EncodeToString(key),
		"hex":                hex.EncodeToString(key),
		"HEX":                strings.ToUpper(hex.EncodeToString(key)),
		"white space":        "  " + hex.EncodeToString(key) + "\r\n",
	}
	for name, text := range good {
		if got, err := secret.ParseMasterKey(text); err != nil || !bytes.Equal(got, key) {
			t.Errorf("%s: %v", name, err)
		}
	}
	std := base64.StdEncoding.EncodeToString(key)
	bad := map[string]string{
		"empty":               "",
		"a passphrase":        "correct horse battery staple",
		"31 bytes of base64":  base64.StdEncoding.EncodeToString(key[:31]),
		"33 bytes of base64":  base64.StdEncoding.EncodeToString(append(bytes.Clone(key), 1)),
		"16 bytes of hex":     hex.EncodeToString(key[:16]),
		"31 bytes of hex":     hex.EncodeToString(key[:31]),
		"64 of no hex":        strings.Repeat("xy", 32),
		"line break in it":    std[:20] + "\n" + std[20:],
		"bits that are spare": std[:42] + "B=",
		"doubled padding":     std + "=",
		"zeros":               hex.EncodeToString(make([]byte, 32)),
		"one byte":            hex.EncodeToString(bytes.Repeat([]byte{7}, 32)),
	}
	for name, text := range bad {
		_, err := secret.ParseMasterKey(text)
		if !errors.Is(err, secret.ErrMasterKey) {
			t.Errorf("%s: ParseMasterKey = %v, want ErrMasterKey", name, err)
		}
		if text != "" && err != nil && strings.Contains(err.Error(), strings.TrimSpace(text)) {
			t.Errorf("%s: the error quotes the key: %v", name, err)
		}
	}
}

func TestCreateThenLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "master.key")
	key, err := secret.CreateMasterKey(path)
	if err != nil || len(key) != secret.MasterKeySize {
		t.Fatalf("CreateMasterKey = %d bytes, %v", len(key), err)
	}
	loaded, err := secret.LoadMasterKey(path)
	if err != nil || !bytes.Equal(key, loaded) {
		t.Fatalf("LoadMasterKey: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v; want -rw-------", info.Mode(), err)
	}
	if _, err := secret.CreateMasterKey(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("creating again = %v, want fs.ErrExist", err)
	}
	if again, err := secret.LoadMasterKey(path); err != nil || !bytes.Equal(key, again) {
		t.Error("creating again changed the key")
	}
	onlyFile(t, dir, "master.key")
}

func TestCreateLeavesWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "master.key")
	if err := os.Symlink("nowhere", path); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.CreateMasterKey(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("creating over a dangling link = %v, want fs.ErrExist", err)
	}
	onlyFile(t, dir, "master.key")
	if _, err := secret.CreateMasterKey(filepath.Join(dir, "missing", "master.key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("creating in a missing directory = %v, want fs.ErrNotExist", err)
	}
}

func TestOneOfManyCreates(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "master.key")
	var wg sync.WaitGroup
	keys := make([][]byte, 8)
	created := make([]bool, len(keys))
	for i := range keys {
		wg.Go(func() {
			key, err := secret.CreateMasterKey(path)
			created[i] = err == nil
			if errors.Is(err, fs.ErrExist) {
				key, err = secret.LoadMasterKey(path)
			}
			if err != nil {
				t.Errorf("start %d: %v", i, err)
			}
			keys[i] = key
		})
	}
	wg.Wait()
	creators := 0
	for i, key := range keys {
		if created[i] {
			creators++
		}
		if !bytes.Equal(key, keys[0]) {
			t.Error("two starts have different keys")
		}
	}
	if creators != 1 {
		t.Errorf("%d starts created the key, want 1", creators)
	}
	onlyFile(t, dir, "master.key")
}

func TestLoadRefusesWhatOthersCanRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	if _, err := secret.CreateMasterKey(path); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o644, 0o640, 0o604, 0o620, 0o602, 0o666, 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := secret.LoadMasterKey(path)
		var refused *secret.KeyFileModeError
		if !errors.As(err, &refused) || refused.Path != path || refused.Mode != mode {
			t.Errorf("mode %o: LoadMasterKey = %v, want *KeyFileModeError", mode, err)
			continue
		}
		if text := err.Error(); !strings.Contains(text, path) || !strings.Contains(text, "chmod 600") {
			t.Errorf("mode %o: %q does not name the file and the remedy", mode, text)
		}
	}
	for _, mode := range []fs.FileMode{0o600, 0o400} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := secret.LoadMasterKey(path); err != nil {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, path := range []string{
		filepath.Join(dir, "missing"),
		dir,
		write("empty", ""),
		write("short", "abcdef"),
		write("huge", strings.Repeat("0", 1<<20)),
	} {
		_, err := secret.LoadMasterKey(path)
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("LoadMasterKey(%s) = %v, want an error that names the file", path, err)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.LoadMasterKey(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory gives %v", err)
	}
	if _, err := secret.LoadMasterKey(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file gives %v, want fs.ErrNotExist", err)
	}
}

func FuzzParseMasterKey(f *testing.F) {
	f.Add(base64.StdEncoding.EncodeToString(secret.Random(32)))
	f.Add(hex.EncodeToString(secret.Random(32)))
	f.Fuzz(func(t *testing.T, text string) {
		key, err := secret.ParseMasterKey(text)
		if err != nil {
			if !errors.Is(err, secret.ErrMasterKey) {
				t.Errorf("error without ErrMasterKey: %v", err)
			}
			return
		}
		again, err := secret.ParseMasterKey(base64.StdEncoding.EncodeToString(key))
		if err != nil || !bytes.Equal(key, again) {
			t.Errorf("key of %q does not survive being written: %v", text, err)
		}
	})
}

func onlyFile(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != name {
			t.Errorf("%s is left behind", e.Name())
		}
	}
}
