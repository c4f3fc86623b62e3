package sqlite

import (
	"context"
	"fmt"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

// head is the row of the same name.
type head struct {
	epoch     string
	position  uint64
	chain     revocation.Chain
	floor     uint64           // events up to here have been pruned
	anchor    revocation.Chain // after the event at the floor
	lifetime  feed.Lifetimes
	committed time.Time // the latest time that a commit carried
	ring      uint64    // version of the signing keys
}

func newHead(epoch string) head {
	genesis := revocation.Genesis(epoch)
	return head{epoch: epoch, chain: genesis, anchor: genesis}
}

// public is what the port tells of it.
func (h *head) public() feed.Head {
	return feed.Head{Epoch: h.epoch, Position: h.position, Chain: h.chain, MaxToken: h.lifetime.Longest, Ring: h.ring}
}

const selectHead = `SELECT epoch, position, chain, floor, anchor, token_longest, token_wanted, token_since,
	committed_at, ring FROM head`

func scanHead(row scanner) (h head, err error) {
	var chain, anchor []byte
	var longest, wanted, since, committed int64
	err = row.Scan(&h.epoch, &h.position, &chain, &h.floor, &anchor, &longest, &wanted, &since, &committed, &h.ring)
	if err != nil {
		return head{}, fmt.Errorf("read the head of the log: %w", err)
	}
	if len(chain) != len(h.chain) || len(anchor) != len(h.anchor) {
		return head{}, fmt.Errorf("read the head of the log: chains of %d and %d bytes", len(chain), len(anchor))
	}
	h.chain, h.anchor = revocation.Chain(chain), revocation.Chain(anchor)
	h.lifetime = feed.Lifetimes{Longest: duration(longest), Wanted: duration(wanted), Since: instant(since)}
	h.committed = instant(committed)
	return h, nil
}

// readHead reads the row, which the published head may be ahead of by nothing and behind of by a moment.
func (s *Store) readHead(ctx context.Context) (head, error) {
	if s.closed.Load() {
		return head{}, ErrClosed
	}
	return scanHead(s.read.row(ctx, selectHead))
}

const insertHead = `INSERT INTO head (epoch, position, chain, floor, anchor, token_longest, token_wanted, token_since,
	committed_at, ring, one) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`

const updateHead = `UPDATE head SET epoch = ?, position = ?, chain = ?, floor = ?, anchor = ?, token_longest = ?,
	token_wanted = ?, token_since = ?, committed_at = ?, ring = ?`

func (h *head) values() []any {
	return []any{
		h.epoch, int64(h.position), h.chain[:], int64(h.floor), h.anchor[:], h.lifetime.Longest.Milliseconds(),
		h.lifetime.Wanted.Milliseconds(), millis(h.lifetime.Since), millis(h.committed), int64(h.ring),
	}
}
