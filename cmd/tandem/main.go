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
	Serve serveCmd `cmd:"" help:"Run the server."`
	Relay relayCmd `cmd:"" help:"Relay the revocation log of a server to the verifiers of a zone."`
	Demo  demoCmd  `cmd:"" help:"Show what Tandem promises, and measure whether it holds."`
	Init  initCmd  `cmd:"" help:"Ask a few questions and write tandem.yaml."`

	User     userCmd     `cmd:"" group:"administer" help:"Register, show, lock, change and delete users."`
	Session  sessionCmd  `cmd:"" group:"administer" help:"See who is signed in now; end a session."`
	App      appCmd      `cmd:"" group:"administer" help:"Register and show applications, renew their secrets."`
	APIKey   apiKeyCmd   `cmd:"" name:"apikey" group:"administer" help:"Make and revoke the keys with which machines administer."`
	Key      keyCmd      `cmd:"" group:"administer" help:"List, rotate and revoke signing keys."`
	Revoke   revokeCmd   `cmd:"" group:"administer" help:"Revoke a session, a user's sessions, an application, a key or everything."`
	Verifier verifierCmd `cmd:"" group:"administer" help:"See which services follow the revocation log, and how far they are."`
	Audit    auditCmd    `cmd:"" group:"administer" help:"Read the audit trail: who did what to whom, and why."`

	Watch watchCmd `cmd:"" group:"look" help:"Follow the revocation log: each event, with its delay."`
	Token tokenCmd `cmd:"" group:"look" help:"Take a token apart."`

	Doctor  doctorCmd  `cmd:"" group:"maintain" help:"Look for what is wrong, and say how to mend it."`
	Migrate migrateCmd `cmd:"" group:"maintain" help:"Bring the schema of the store up to date."`
	Backup  backupCmd  `cmd:"" group:"maintain" help:"Copy the database, while the server runs or not."`
	Restore restoreCmd `cmd:"" group:"maintain" help:"Put a backup in the place of the database."`

	Completion completionCmd `cmd:"" help:"Print the completion script of a shell."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// groups are the headings of the help.
var groups = map[string]string{
	"administer": "Administer a server:",
	"look":       "Look at tokens and the revocation log:",
	"maintain":   "Maintain the store:",
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
	parser, err := newParser(&c, kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code }))
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

// newParser makes the parser of the command line.
func newParser(c *commands, more ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append(more, kong.Name("tandem"), kong.ExplicitGroups(explain(groups)),
		kong.Description("One sign-in, three credentials, and revocation that proves itself."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 110}))...)
}

func explain(titles map[string]string) (groups []kong.Group) {
	for key, title := range titles {
		groups = append(groups, kong.Group{Key: key, Title: title})
	}
	return groups
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
		fmt.Fprintln(a.stderr, "tandem:", printableLines(err.Error()))
		return 2
	}
	fmt.Fprintln(a.stderr, "tandem:", printableLines(err.Error()))
	return 1
}
