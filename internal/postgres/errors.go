package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tandem.example/tandem/internal/outage"
)

// What can be wrong with a store that is to be opened. An *OpenError carries them with the remedy.
var (
	// ErrNewer: the schema needs a later version of Tandem.
	ErrNewer = errors.New("schema needs a newer version")
	// ErrOlder: the schema is older than this version needs, and Config.NoMigrate forbids to change it.
	ErrOlder = errors.New("schema is older than this version needs")
	// ErrNotDurable: the server acknowledges commits that a crash takes back.
	ErrNotDurable = errors.New("server does not keep what it acknowledges")
	// ErrNotStore: the schema holds something else.
	ErrNotStore = errors.New("schema is not a store of Tandem")
)

// ErrClosed is answered by every verb after Close.
var ErrClosed = errors.New("postgres store is closed")

// OpenError says why a store cannot be opened and what can be done. It unwraps to the cause.
type OpenError struct {
	Where  string // host and database, without credentials
	Err    error
	Remedy string
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("open PostgreSQL store at %s: %v; %s", e.Where, e.Err, e.Remedy)
}

func (e *OpenError) Unwrap() error { return e.Err }

// SQLSTATE codes, https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	codeUnique        = "23505"
	codeSerialization = "40001"
	codeDeadlock      = "40P01"
	codeQueryCanceled = "57014"
	codeIdleInTx      = "25P03"
	codeReadOnly      = "25006"
	codeNoPrivilege   = "42501"
	codeUnknownDB     = "3D000"
	codeBadPassword   = "28P01"
	codeBadUser       = "28000"
	codeTooMany       = "53300"
	classConnection   = "08"
	classIntervention = "57"
	classInsufficient = "53"
	codeLockNotAvail  = "55P03"
)

// code is the SQLSTATE of a server's error, empty for others.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// unique reports whether a unique key was violated, and its name.
func unique(err error) (key string, violated bool) {
	var e *pgconn.PgError
	if errors.As(err, &e) && e.Code == codeUnique {
		return e.ConstraintName, true
	}
	return "", false
}

// unreachable reports whether the error tells of the server rather than of what it was asked.
func unreachable(err error) bool {
	if err == nil || errors.Is(err, pgx.ErrNoRows) {
		return false
	}
	if c := code(err); c != "" {
		class := c[:2]
		return class == classConnection || class == classIntervention || class == classInsufficient ||
			c == codeReadOnly || c == codeIdleInTx || c == codeLockNotAvail || c == codeSerialization || c == codeDeadlock
	}
	var refused *pgconn.ConnectError
	return errors.As(err, &refused) || broken(err) || errors.Is(err, context.DeadlineExceeded)
}

// named gives an error of the driver the form in which transports know that the store cannot be reached. What ended
// because the caller went away is answered as just that.
func named(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	if unreachable(err) {
		return &outage.Error{Store: "PostgreSQL", Err: err}
	}
	return err
}
