package postgres

import "time"

// rideOut is for how long callers wait for a server that cannot be reached, from the first of them who noticed: long
// enough for a restart, which then nobody notices. After that it is down, and everybody is told at once, rather than
// piled up.
const rideOut = 2 * time.Second

// stayedDown notes that the server cannot be reached, and reports whether that has lasted for longer than is waited.
func (s *Store) stayedDown() bool {
	now := time.Now().UnixNano()
	s.down.CompareAndSwap(0, now)
	since := s.down.Load()
	return since != 0 && time.Duration(now-since) > rideOut
}

// reached notes that the server answers.
func (s *Store) reached() {
	if s.down.Load() != 0 {
		s.down.Store(0)
	}
}
