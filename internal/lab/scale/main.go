// Command scale says what gives way first when Tandem grows: it measures what the parts cost, with the code that ships
// and in this run, puts the costs into a model of a deployment, and prints the tables of docs/scale.md. `make scale`
// runs it.
//
// It owns the model and the measuring. The model is pure: the same inputs and costs give the same tables, and what
// queues is simulated event by event from a seed. What the model says of polls is held against the real feed.Service,
// here by the clock and in the tests by a clock that does not depend on the machine. Capacities that cannot be
// measured here are those of docs/performance, and named so.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	d := Target()
	flags := flag.NewFlagSet("scale", flag.ExitOnError)
	flags.Float64Var(&d.Sessions, "sessions", d.Sessions, "sessions alive")
	flags.IntVar(&d.Verifiers, "verifiers", d.Verifiers, "verifiers")
	flags.Float64Var(&d.Revocations, "revocations", d.Revocations, "revocations a second")
	flags.Float64Var(&d.Active, "active", d.Active, "share of the sessions that are in use")
	flags.DurationVar(&d.Commit, "commit", d.Commit, "for which a commit holds the head row")
	flags.DurationVar(&d.MaxToken, "max-token", d.MaxToken, "longest life of an access token")
	flags.IntVar(&d.Nodes, "nodes", d.Nodes, "nodes of Tandem")
	flags.Float64Var(&d.Cores, "cores", d.Cores, "cores of a node")
	fleet := flags.Duration("fleet", 4*time.Second, "for how long a thousand real followers are watched; 0 for none")
	_ = flags.Parse(args) // it exits by itself
	costs, err := measure(ctx, d)
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	r := report{w: os.Stdout, c: costs, d: d}
	r.all()
	if *fleet > 0 {
		return r.real(ctx, *fleet)
	}
	return nil
}
