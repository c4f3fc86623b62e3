package credential

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"tandem.example/tandem/internal/secret"
)

// MaxPassword is the longest password in bytes that is ever hashed: no one's
// password is longer, and hashing megabytes is work that an attacker would
// choose for us.
const MaxPassword = 1024

// ErrPasswordTooLong is returned by Hash for more than MaxPassword bytes.
var ErrPasswordTooLong = fmt.Errorf("password is longer than %d bytes", MaxPassword)

// HasherConfig configures a Hasher. The zero value is what production wants.
type HasherConfig struct {
	// Parallel is how many hashes are computed at once; zero means as many
	// as cores (GOMAXPROCS at the time). More only costs memory. While that
	// many run, every other goroutine waits up to 10 ms for a processor of
	// the Go scheduler: a server that must stay quick sets Parallel to the
	// cores and raises GOMAXPROCS by as many.
	Parallel int
	// MaxWaiting is how many callers may wait for their turn; zero means 512.
	MaxWaiting int
	// MaxWait is how long one may wait; zero means 10 seconds.
	MaxWait time.Duration
	// Cost of new hashes; zero means DefaultCost.
	Cost Cost
	// InsecureAllowCheap lets Cost be below DefaultCost, for tests.
	InsecureAllowCheap bool
}

// Hasher computes password hashes, as many at once as configured: the others
// wait in the order of their arrival, or are turned away with an
// *OverloadedError. So any number of sign-ins at once costs the memory of a few
// hashes. It is safe for concurrent use and has nothing to close.
type Hasher struct {
	cost   Cost
	absent argon2Hash
	queue  *queue
}

// NewHasher makes a Hasher. It fails if c contradicts itself.
func NewHasher(c HasherConfig) (*Hasher, error) {
	if c.Parallel < 0 || c.MaxWaiting < 0 || c.MaxWait < 0 {
		return nil, errors.New("configuring the password hasher: negative bound")
	}
	if c.Cost == (Cost{}) {
		c.Cost = DefaultCost
	}
	if err := c.Cost.validate(); err != nil {
		return nil, fmt.Errorf("configuring the password hasher: %w", err)
	}
	if !c.InsecureAllowCheap && !(argon2Hash{cost: c.Cost, salt: make([]byte, argon2Salt), key: make([]byte, argon2Key)}).atLeast(DefaultCost) {
		return nil, errors.New("configuring the password hasher: cost is below the default")
	}
	if c.Parallel == 0 {
		c.Parallel = runtime.GOMAXPROCS(0)
	}
	if c.MaxWaiting == 0 {
		c.MaxWaiting = 512
	}
	if c.MaxWait == 0 {
		c.MaxWait = 10 * time.Second
	}
	return &Hasher{
		cost: c.Cost,
		// A hash that no password has, as far as anyone can know: the key is
		// random instead of computed.
		absent: argon2Hash{cost: c.Cost, salt: secret.Random(argon2Salt), key: secret.Random(argon2Key)},
		queue:  newQueue(c.Parallel, c.MaxWaiting, c.MaxWait),
	}, nil
}

// Hash computes a new hash of password under a fresh salt. Whether the password
// is any good is for Policy to say; Hash refuses only what Verify could not
// check, with ErrPasswordTooLong. Other errors are those of waiting: an
// *OverloadedError, or that of ctx.
func (h *Hasher) Hash(ctx context.Context, password secret.Text) (PHC, error) {
	if len(password.Reveal()) > MaxPassword {
		return PHC{}, fmt.Errorf("hashing a password: %w", ErrPasswordTooLong)
	}
	var made argon2Hash
	err := h.queue.do(ctx, func() error {
		made = hashArgon2id([]byte(password.Reveal()), h.cost)
		return nil
	})
	if err != nil {
		return PHC{}, fmt.Errorf("hashing a password: %w", err)
	}
	return newPHC(made.encode()), nil
}

// Verify reports whether password is the one that stored was made of, and if
// so, whether stored is weaker than what Hash makes and should be replaced by
// Hash(password). The zero PHC matches nothing, at the cost of a hash. Errors
// are those of waiting, as for Hash, or wrap ErrMalformedHash.
func (h *Hasher) Verify(ctx context.Context, stored PHC, password secret.Text) (ok, rehash bool, err error) {
	if stored.Empty() {
		return false, false, h.VerifyAbsent(ctx, password)
	}
	parsed, err := parseHash(stored.Reveal())
	if err != nil {
		return false, false, fmt.Errorf("verifying a password: %w", err)
	}
	ok, err = h.verify(ctx, parsed, password)
	return ok, ok && !parsed.atLeast(h.cost), err
}

// VerifyAbsent does for a user that does not exist, or has no password, what
// Verify does for one that has: the same waiting, the same hash, the same
// errors. Only the outcome is always no.
func (h *Hasher) VerifyAbsent(ctx context.Context, password secret.Text) error {
	_, err := h.verify(ctx, h.absent, password)
	return err
}

func (h *Hasher) verify(ctx context.Context, stored hash, password secret.Text) (ok bool, err error) {
	text := password.Reveal()
	if len(text) > MaxPassword {
		// Nothing stored was made of it. The short cut tells nothing, since
		// it is taken for every user alike.
		return false, nil
	}
	err = h.queue.do(ctx, func() error {
		ok, err = stored.matches([]byte(text))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("verifying a password: %w", err)
	}
	return ok, nil
}

// Stats returns figures for metrics, all taken at about the same moment.
func (h *Hasher) Stats() HasherStats { return h.queue.stats() }
