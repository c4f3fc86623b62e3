// Command tandem is the server, its administration and its demonstration, one verb each.
//
// Each verb is a small file: it parses, calls, prints. `tandem serve` runs package tandem; verbs that administer call
// the administration API of the server that runs on the data directory (over its unix socket), of a remote one
// (--server), or, when none runs, of one that is opened in this process for the moment.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"tandem.example/tandem/internal/config"
)

// commands are the verbs.
type commands struct {
	globals

	Serve   serveCmd   `cmd:"" help:"Run the server."`
	Demo    demoCmd    `cmd:"" help:"Play the situations that must go right, with real processes, and measure."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// globals are the flags of every verb.
type globals struct {
	Config  string `short:"c" placeholder:"FILE" help:"Configuration file (default: $TANDEM_CONFIG, else tandem.yaml if it is there)."`
	DataDir string `placeholder:"DIR" help:"Data directory of the embedded store."`
	Server  string `placeholder:"URL" env:"TANDEM_SERVER" help:"Administer the server at URL; the API key comes from $TANDEM_API_KEY."`
	JSON    bool   `name:"json" help:"Print data as JSON."`
}

// app is what a verb works with.
type app struct {
	globals
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	env            []string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// errUsage marks errors of the command line or the configuration: exit code 2.
var errUsage = errors.New("usage")

// errSilent is a failure that has been reported already.
var errSilent = errors.New("failed")

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	var c commands
	exited := -1
	parser, err := kong.New(&c, kong.Name("tandem"), kong.UsageOnError(),
		kong.Description("One sign-in, three credentials, and revocation that proves itself."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(stderr, "tandem:", err)
		return 2
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "tandem: %v\nSee tandem --help.\n", err)
		return 2
	}
	a := &app{globals: c.globals, ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, env: os.Environ()}
	return a.exit(parsed.Run(a))
}

// exit reports an error and answers the exit code.
func (a *app) exit(err error) int {
	var bad *config.Error
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errSilent):
		return 1
	case errors.As(err, &bad), errors.Is(err, errUsage):
		fmt.Fprintln(a.stderr, "tandem:", err)
		return 2
	}
	fmt.Fprintln(a.stderr, "tandem:", err)
	return 1
}
