package rig

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// clusterBus is how far a Redis cluster's own port lies above the one for clients.
const clusterBus = 10_000

// freeAddress is a host:port on loopback that nobody listens on, nor on the port of a cluster's bus that goes with it.
// Both are below those that the kernel gives to outgoing connections, so that a server that is started again finds its
// port as it left it.
func freeAddress() (string, error) {
	for range 100 {
		port := 11_000 + rand.IntN(10_000)
		if free(port) && free(port+clusterBus) {
			return fmt.Sprintf("127.0.0.1:%d", port), nil
		}
	}
	return "", errors.New("no free port on loopback")
}

func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
