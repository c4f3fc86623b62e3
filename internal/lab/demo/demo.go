// Package demo plays the situations that Tandem must get right, against real processes: a server, the bank of
// examples/bank behind three verifiers, and customers who keep using it. Each scene prints what it measured and holds
// or fails. `tandem demo` runs it.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Config says how to play.
type Config struct {
	// Executable is the tandem binary; it is started as `serve` and as `demo --bank`.
	Executable string
	Out        io.Writer
	// Verbose shows what the processes print.
	Verbose bool
}

const (
	lease     = 4 * time.Second // shorter than the default, so that the outage can be watched
	banks     = 3
	customers = 40
	mobileApp = "mobile" // in mode jwt, with a short grace for its refresh tokens
	grace     = time.Second
	deadline  = 55 * time.Second
)

// ErrFailed is answered when a scene did not hold.
var ErrFailed = errors.New("a scene did not hold")

// scene is one situation.
type scene struct {
	title string
	play  func(*stage, *report)
}

var scenes = []scene{
	{"The bank customer: an account is locked during load", bankCustomer},
	{"The demoted administrator: a role is taken away, nobody is signed out", demotedAdministrator},
	{"The stolen signing key: replaced by one command", stolenKey},
	{"The lost phone: one device is ended, the other stays", lostPhone},
	{"The stolen refresh token: two tabs are not theft, two parties are", stolenRefreshToken},
	{"The copied database: nothing in it can act as anyone", copiedDatabase},
	{"The outage: the server is killed, and comes back", outage},
}

// Run plays every scene and answers ErrFailed if one did not hold. All it starts has ended when it returns.
func Run(ctx context.Context, c Config) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	start := time.Now()
	fmt.Fprintf(c.Out, "Starting a server, %d verifiers and %d customers who keep using the bank (lease %s) ...\n", banks, customers, lease)
	s, err := setUp(ctx, c)
	if s != nil {
		defer s.tearDown()
	}
	if err != nil {
		return err
	}
	held := 0
	for i, sc := range scenes {
		r := &report{out: c.Out}
		fmt.Fprintf(c.Out, "\n%d. %s\n", sceneNumber(i), sc.title)
		sc.play(s, r)
		r.verdict(s.load.bystanders())
		if !r.failed {
			held++
		}
	}
	sum := s.load.stop()
	fmt.Fprintf(c.Out, "\n%d of %d scenes held in %.1f s; %d requests of %d customers in the background, %d refused wrongly.\n",
		held, len(scenes), time.Since(start).Seconds(), sum.requests, customers, sum.wrong)
	if held < len(scenes) || sum.wrong > 0 {
		return ErrFailed
	}
	return nil
}

// sceneNumber is the number the scene has in the product's list: 1 to 6 and 9.
func sceneNumber(i int) int {
	if i == 6 {
		return 9
	}
	return i + 1
}

// report gathers what a scene found.
type report struct {
	out    io.Writer
	failed bool
}

// measured prints a finding.
func (r *report) measured(format string, args ...any) {
	fmt.Fprintf(r.out, "   "+format+"\n", args...)
}

// want prints a finding and fails the scene if it is not so.
func (r *report) want(ok bool, format string, args ...any) {
	mark := "ok  "
	if !ok {
		mark, r.failed = "FAIL", true
	}
	fmt.Fprintf(r.out, "   "+mark+" "+format+"\n", args...)
}

func (r *report) verdict(wrong []string) {
	if len(wrong) > 0 {
		r.want(false, "%d other customers were refused: %s", len(wrong), strings.Join(wrong, "; "))
	}
	if r.failed {
		fmt.Fprintln(r.out, "   => DID NOT HOLD")
		return
	}
	fmt.Fprintln(r.out, "   => held")
}

// temporary makes the directory of the run.
func temporary() (string, error) { return os.MkdirTemp("", "tandem-demo-") }
