package postgres

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/id"
)

// signals wakes this node and the others. What is to be told is gathered and told in one NOTIFY after another, outside
// of every transaction: a NOTIFY takes a lock of the whole server at commit, and one in the transaction of each
// revocation would have all of them wait for each other.
type signals struct {
	node string // that this node knows its own voice by

	mu      sync.Mutex
	hints   []func()
	hearers []func(feed.Signal)
	told    []feed.Signal // to be told, each at most once

	due chan struct{} // has one token if there is something to be told
}

// logMoved is told to other nodes after a commit that appended events.
const logMoved feed.Signal = "log"

// everySignal is what may have been missed.
var everySignal = []feed.Signal{
	logMoved, feed.AcknowledgementsWanted, feed.AcknowledgementsWritten, feed.ApplicationsChanged,
}

// Signals answers the port to the hints that nodes give each other.
func (s *Store) Signals() feed.Signals { return &s.signals }

// Raise implements feed.Signals.
func (n *signals) Raise(s feed.Signal) {
	n.deliver(s)
	n.tell(s)
}

// Hear implements feed.Signals.
func (n *signals) Hear(heard func(s feed.Signal)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hearers = append(n.hearers, heard)
}

func (n *signals) onCommit(hint func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hints = append(n.hints, hint)
}

// moved is called after a commit of this node that appended events.
func (n *signals) moved() {
	n.deliver(logMoved)
	n.tell(logMoved)
}

// deliver calls those who listen in this process.
func (n *signals) deliver(s feed.Signal) {
	n.mu.Lock()
	hints, hearers := n.hints, n.hearers
	n.mu.Unlock()
	if s == logMoved {
		for _, hint := range hints {
			hint()
		}
		return
	}
	for _, heard := range hearers {
		heard(s)
	}
}

// tell has the other nodes told, soon.
func (n *signals) tell(s feed.Signal) {
	n.mu.Lock()
	known := false
	for _, other := range n.told {
		known = known || other == s
	}
	if !known {
		n.told = append(n.told, s)
	}
	n.mu.Unlock()
	select {
	case n.due <- struct{}{}:
	default:
	}
}

func (n *signals) take() []feed.Signal {
	n.mu.Lock()
	defer n.mu.Unlock()
	told := n.told
	n.told = nil
	return told
}

const (
	leastListenPause = 50 * time.Millisecond
	mostListenPause  = 5 * time.Second
	tellTime         = 5 * time.Second
)

func newSignals() signals {
	return signals{node: id.New(time.Now()), due: make(chan struct{}, 1)}
}

// channel names what the nodes of this schema listen to. Channels belong to a database.
func (s *Store) channel() string { return "tandem_" + s.config.Schema }

// keepTelling tells the other nodes what they are to be told.
func (s *Store) keepTelling(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.signals.due:
		}
		told := s.signals.take()
		words := make([]string, 0, len(told)+1)
		words = append(words, s.signals.node)
		for _, signal := range told {
			words = append(words, string(signal))
		}
		telling, cancel := context.WithTimeout(ctx, tellTime)
		_, err := s.pool.Exec(telling, `SELECT pg_notify($1, $2)`, s.channel(), strings.Join(words, " "))
		cancel()
		if err != nil && ctx.Err() == nil {
			// A lost hint costs latency.
			s.config.Logger.Debug("a hint to other nodes was lost", "error", err)
		}
	}
}

// keepListening hears what other nodes tell, on a connection of its own. One that is lost is made again, after a pause
// that grows; since hints may have been missed meanwhile, all of them are given then.
func (s *Store) keepListening(ctx context.Context) {
	pause := leastListenPause
	for {
		began := time.Now()
		err := s.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		s.config.Logger.Debug("listening to other nodes was interrupted", "error", err)
		if time.Since(began) > mostListenPause {
			pause = leastListenPause
		}
		if !wait(ctx, pause) {
			return
		}
		pause = min(2*pause, mostListenPause)
	}
}

// askAlive is how often a connection that says nothing is asked whether it is still there.
const askAlive = 10 * time.Second

func (s *Store) listen(ctx context.Context) error {
	connecting, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	c, err := s.dedicated(connecting)
	if err != nil {
		return err
	}
	defer closeConn(c)
	if _, err := c.Exec(connecting, `LISTEN `+pgx.Identifier{s.channel()}.Sanitize()); err != nil {
		return err
	}
	for _, signal := range everySignal {
		s.signals.deliver(signal)
	}
	return watch(ctx, c, func(payload string) { s.signals.heard(payload) })
}

// watch hands over what comes on the connection until that is lost or ctx ends.
func watch(ctx context.Context, c *pgx.Conn, take func(payload string)) error {
	for {
		waiting, cancel := context.WithTimeout(ctx, askAlive)
		n, err := c.WaitForNotification(waiting)
		quiet := waiting.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case quiet:
			if err := pingConn(ctx, c); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			take(n.Payload)
		}
	}
}

func pingConn(ctx context.Context, c *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	return c.Ping(ctx)
}

// closeConn says goodbye, without waiting long for an answer.
func closeConn(c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Close(ctx)
}

// heard delivers what another node has told.
func (n *signals) heard(payload string) {
	node, words, _ := strings.Cut(payload, " ")
	if node == n.node {
		return
	}
	for word := range strings.FieldsSeq(words) {
		for _, known := range everySignal {
			if word == string(known) {
				n.deliver(known)
			}
		}
	}
}
