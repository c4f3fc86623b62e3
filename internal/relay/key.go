package relay

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tandem.example/tandem/verify/jws"
)

// keyFile holds the feed key, in the data directory.
const keyFile = "relay-feed-key.pem"

const keyBlock = "PRIVATE KEY" // PKCS #8 (RFC 7468 §10)

// OpenKey reads the relay's feed key from its data directory, and makes both on the first start, closed to others.
// Verifiers that do not know a key look for it in the published set, so a lost file costs nothing but a new key.
func OpenKey(dir string) (jws.Signer, error) {
	path := filepath.Join(dir, keyFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = makeKey(dir, path)
	}
	if err != nil {
		return jws.Signer{}, fmt.Errorf("feed key: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return jws.Signer{}, fmt.Errorf("feed key: %s is open to others on this machine: chmod 600 it", path)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != keyBlock {
		return jws.Signer{}, fmt.Errorf("feed key: %s is no PEM file with a private key: remove it to have one made", path)
	}
	signer, err := jws.ParseSigner("relay", jws.EdDSA, block.Bytes)
	if err != nil {
		return jws.Signer{}, fmt.Errorf("feed key: %s: %w", path, err)
	}
	// The id follows from the key, so that a verifier never has a key under the id of another.
	public, err := jws.Set{signer.Key()}.Marshal()
	if err != nil {
		return jws.Signer{}, fmt.Errorf("feed key: %w", err)
	}
	sum := sha256.Sum256(public)
	return jws.ParseSigner("relay-"+base64.RawURLEncoding.EncodeToString(sum[:12]), jws.EdDSA, block.Bytes)
}

// makeKey makes the key under another name first: a crash leaves no half of one.
func makeKey(dir, path string) ([]byte, error) {
	signer, err := jws.Generate("relay", jws.EdDSA)
	if err != nil {
		return nil, err
	}
	der, err := signer.MarshalPrivate()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der})
	temporary := path + "." + rand.Text()
	if err := os.WriteFile(temporary, text, 0o600); err != nil {
		return nil, err
	}
	return text, os.Rename(temporary, path)
}
