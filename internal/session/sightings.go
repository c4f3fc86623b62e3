package session

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// seenEvery is how often at most a session's last-seen is written, so that reads do not become writes.
const seenEvery = time.Minute

// flushAfter is how long sightings are gathered before they are written in one batch.
const flushAfter = time.Second

// Sightings gathers the news that sessions are in use and writes it in batches. Safe for concurrent use.
type Sightings struct {
	store Store
	log   *slog.Logger

	mu      sync.Mutex
	pending map[ID]time.Time
	timer   *time.Timer
	closed  bool
	writing sync.WaitGroup
}

// NewSightings makes a gatherer that writes to the store.
func NewSightings(store Store, log *slog.Logger) *Sightings {
	return &Sightings{store: store, log: log, pending: make(map[ID]time.Time)}
}

// See notes that a living session was used. It writes nothing itself and does nothing if the stored last-seen is recent.
func (g *Sightings) See(s Session, now time.Time) {
	if now.Sub(s.LastSeenAt) < min(seenEvery, s.Idle/10) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, waiting := g.pending[s.ID]; waiting || g.closed {
		return
	}
	g.pending[s.ID] = now
	if g.timer == nil {
		g.writing.Add(1)
		g.timer = time.AfterFunc(flushAfter, func() {
			defer g.writing.Done()
			g.flush()
		})
	}
}

// Close writes what is gathered and accepts no more.
func (g *Sightings) Close() {
	g.mu.Lock()
	g.closed = true
	if g.timer != nil && g.timer.Stop() {
		g.writing.Done()
	}
	g.mu.Unlock()
	g.writing.Wait()
	g.flush()
}

func (g *Sightings) flush() {
	g.mu.Lock()
	batch := make([]Sighting, 0, len(g.pending))
	for id, at := range g.pending {
		batch = append(batch, Sighting{ID: id, At: at})
	}
	clear(g.pending)
	g.timer = nil
	g.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := g.store.Touch(ctx, batch); err != nil {
		// A lost sighting costs at most a minute of an idle deadline; the next use of the session is noted again.
		g.log.Error("sightings were not written", "sessions", len(batch), "error", err)
	}
}
