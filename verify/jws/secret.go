package jws

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"slices"
	"sync"
)

// secret is an HS256 key. The bytes are behind a function because fmt, asked to
// print a struct that holds a Key in an unexported field, does not ask Key how
// and follows pointers, but never calls. A keyed HMAC that is reset costs two
// blocks and five allocations less than a new one, so they are kept for the
// next call.
type secret struct {
	raw  func() []byte
	macs sync.Pool
}

func acceptSecret(b []byte) (material, error) {
	if len(b) < MinSecret {
		return nil, &fault{ErrKey, "an HS256 secret is at least 32 bytes"}
	}
	// A key file read as bytes and handed over as a secret: the public half of
	// it would then sign tokens (RFC 8725 §2.1).
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("-----BEGIN ")) {
		return nil, &fault{ErrKey, "an HS256 secret must not be a PEM file"}
	}
	b = slices.Clone(b)
	s := &secret{raw: func() []byte { return b }}
	s.macs.New = func() any { return hmac.New(sha256.New, b) }
	return s, nil
}

// sum returns the HMAC of signed.
func (s *secret) sum(signed []byte) []byte {
	mac := s.macs.Get().(hash.Hash)
	mac.Write(signed)
	out := mac.Sum(make([]byte, 0, sha256.Size))
	mac.Reset()
	s.macs.Put(mac)
	return out
}
