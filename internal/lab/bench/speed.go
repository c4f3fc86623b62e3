package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"time"
)

// speed is how many times longer the reference took than where the budgets were set; never below 1, since a budget is
// not made stricter by a fast machine.
type speed struct {
	Wall float64 `json:"wall"`
	CPU  float64 `json:"cpu"`
}

// reference is what a bare ES256 verification took there, on two shared cores.
const reference = 47 * time.Microsecond

// calibrate times the reference: some milliseconds at a time, so that it meets the others who use the machine.
func (b *bench) calibrate() (speed, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return speed{}, err
	}
	digest := sha256.Sum256([]byte("reference"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		return speed{}, err
	}
	var wall, cpu []float64
	for range b.scaled(9, 1) {
		s, err := each(b.scaled(100, 10), func(int) error {
			if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
				return errors.New("the reference does not verify")
			}
			return nil
		})
		if err != nil {
			return speed{}, err
		}
		wall, cpu = append(wall, s.wallNS()), append(cpu, s.cpuNS())
	}
	return speed{max(1, median(wall)/float64(reference)), max(1, median(cpu)/float64(reference))}, nil
}
