package redis

import (
	"context"
	"strings"
	"sync"
	"time"

	"tandem.example/tandem/internal/feed"
)

// hints passes wake-ups between nodes by publish and subscribe. Whatever is lost costs latency alone.
type hints struct {
	mu      sync.Mutex
	commits []func()
	heard   []func(feed.Signal)
	latest  string      // the head that was told or heard of last
	out     chan string // to be published
}

// outSize is how many hints wait to be published before further ones are dropped.
const outSize = 64

func (h *hints) onCommit(hint func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commits = append(h.commits, hint)
}

// Signals answers the port to hints among nodes.
func (s *Store) Signals() feed.Signals { return &s.hints }

// Raise implements feed.Signals.
func (h *hints) Raise(signal feed.Signal) { h.publish("signal " + string(signal)) }

// Hear implements feed.Signals.
func (h *hints) Hear(heard func(feed.Signal)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = append(h.heard, heard)
}

func (h *hints) publish(message string) {
	select {
	case h.out <- message:
	default:
	}
}

// tell passes on that the log has moved, unless another node has said so.
func (s *Store) tell(head feed.Head) {
	at := head.Chain.String()
	h := &s.hints
	h.mu.Lock()
	known := h.latest == at
	first := h.latest == ""
	h.latest = at
	h.mu.Unlock()
	if !known && !first {
		h.publish("head " + at)
	}
}

// hear is called for each message, this node's own too.
func (s *Store) hear(message string) {
	what, told, _ := strings.Cut(message, " ")
	h := &s.hints
	h.mu.Lock()
	var commits []func()
	var heard []func(feed.Signal)
	switch what {
	case "head":
		if h.latest != told {
			h.latest = told
			commits = h.commits[:len(h.commits):len(h.commits)]
		}
	case "signal":
		heard = h.heard[:len(h.heard):len(h.heard)]
	}
	h.mu.Unlock()
	for _, hint := range commits {
		hint()
	}
	if commits != nil {
		s.hint()
	}
	for _, f := range heard {
		f(feed.Signal(told))
	}
}

// hint wakes the follower.
func (s *Store) hint() {
	select {
	case s.hinted <- struct{}{}:
	default:
	}
}

// publishTime bounds one publication.
const publishTime = time.Second

// publishing sends what was told until the store is closed.
func (s *Store) publishing(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case message := <-s.hints.out:
			ctx, cancel := context.WithTimeout(ctx, publishTime)
			err := s.link.client.Do(ctx, s.link.client.B().Publish().Channel(s.keys.channel()).Message(message).Build()).Error()
			cancel()
			if err != nil {
				s.log.Debug("a hint was not passed on", "error", err)
			}
		}
	}
}
