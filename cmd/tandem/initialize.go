package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tandem.example/tandem/internal/config"
)

type initCmd struct {
	Issuer  string `placeholder:"URL" help:"Public URL of the server; http://localhost:8484 for a trial."`
	Clients string `enum:",browsers,machines,both" default:"" placeholder:"WHO" help:"Who signs in: browsers, machines (apps, scripts, other programs) or both."`
	Others  string `enum:",yes,no" default:"" placeholder:"yes|no" help:"Whether other services check who is signed in."`
	Origin  string `placeholder:"URL" help:"Where the pages of a browser application come from, if not from the server's own host."`
	Output  string `short:"o" type:"path" default:"tandem.yaml" placeholder:"FILE" help:"File to write."`
	Force   bool   `help:"Write over a file that is there."`
	Yes     bool   `short:"y" help:"Ask nothing: take the default of what is not given."`
}

func (initCmd) Help() string {
	return `Examples:
  tandem init
  tandem init --issuer https://auth.example.com --clients browsers --others yes --origin https://app.example.com`
}

// question is something init wants to know.
type question struct {
	text, def string
	answer    *string
	allowed   []string
}

func (c initCmd) Run(a *app) error {
	if !c.Force {
		if _, err := os.Lstat(c.Output); err == nil {
			return fmt.Errorf("%s is there already: name another file with --output, or write over it with --force", c.Output)
		}
	}
	questions := []question{
		{"Public URL of this server", "http://localhost:8484", &c.Issuer, nil},
		{"Who signs in: browsers, machines (apps, scripts, other programs) or both", "browsers", &c.Clients, []string{"browsers", "machines", "both"}},
		{"Do other services check who is signed in (yes or no)", "yes", &c.Others, []string{"yes", "no"}},
	}
	in := bufio.NewReader(io.LimitReader(a.stdin, maxLine))
	if err := a.ask(in, questions, c.Yes); err != nil {
		return err
	}
	if c.Clients != "machines" {
		own := []question{{"Where do the pages come from, if not from " + c.Issuer + " (empty: from there)", "", &c.Origin, nil}}
		if err := a.ask(in, own, c.Yes); err != nil {
			return err
		}
	}
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	if err := c.write(cfg); err != nil {
		return err
	}
	mode, why := c.mode()
	fmt.Fprintf(a.stdout, "Wrote %s.\n\nMode: %s, because %s\n", c.Output, mode, why)
	c.next(a.stdout, mode)
	return nil
}

// ask asks what is not given yet. Where nobody can be asked, or --yes says not to, the default counts.
func (a *app) ask(in *bufio.Reader, questions []question, yes bool) error {
	_, person := a.terminal()
	for _, q := range questions {
		for *q.answer == "" && (q.def != "" || person) {
			if yes || !person {
				*q.answer = q.def
				break
			}
			fmt.Fprintf(a.stderr, "%s [%s]: ", q.text, q.def)
			line, err := in.ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return fmt.Errorf("read answer: %w", err)
			}
			line = strings.TrimSpace(line)
			if line == "" {
				*q.answer = q.def
				break
			}
			if len(q.allowed) > 0 && !slices.Contains(q.allowed, line) {
				fmt.Fprintf(a.stderr, "Please answer %s.\n", strings.Join(q.allowed, ", "))
				continue
			}
			*q.answer = line
		}
	}
	return nil
}

func (c initCmd) configuration() (config.Config, error) {
	cfg := config.Config{Issuer: strings.TrimSuffix(c.Issuer, "/")}
	if c.Origin != "" && c.Origin != cfg.Issuer {
		cfg.AllowedOrigins = []string{strings.TrimSuffix(c.Origin, "/")}
	}
	if u, err := url.Parse(cfg.Issuer); err == nil && u.Scheme == "https" {
		cfg.TrustedProxies = []string{"127.0.0.0/8"} // TLS ends at a proxy, on this machine until said otherwise
	} else if err == nil && u.Port() != "" {
		cfg.Listen = "127.0.0.1:" + u.Port()
	}
	return cfg, cfg.Validate()
}

// mode picks what sign-in returns, and says why.
func (c initCmd) mode() (mode, why string) {
	switch {
	case c.Clients == "machines":
		return "jwt", "there is no browser to keep a cookie: programs hold an access token of 5 minutes and a refresh token,\nand services check the access token without asking this server."
	case c.Others == "no":
		return "session", "one server does it all: a session token in a cookie is the least that can go wrong, and the server\nknows at once when it has been ended."
	case c.Clients == "both":
		return "hybrid", "browsers get a session cookie, and whoever calls your services gets access tokens made from it:\nthey check those in memory and obey a revocation within 10 s. Register your programs as applications of mode jwt."
	}
	return "hybrid", "browsers keep a session cookie, and your services check access tokens made from it in memory:\nno question to this server for each request, and a revocation is obeyed within 10 s."
}

// write writes the file whole or not at all.
func (c initCmd) write(cfg config.Config) (err error) {
	var text bytes.Buffer
	if err := config.Write(&text, cfg); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(c.Output), ".tandem-init-*")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: the directory %s is not there: make it first", c.Output, filepath.Dir(c.Output))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", c.Output, err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text.Bytes())
	if err = errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", c.Output, err)
	}
	if c.Force {
		err = os.Rename(file.Name(), c.Output)
	} else {
		err = os.Link(file.Name(), c.Output) // which, unlike a rename, writes over nothing
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", c.Output, err)
	}
	return nil
}

// next says what to do now.
func (c initCmd) next(w io.Writer, mode string) {
	steps := []string{"tandem doctor", "tandem user create --email you@example.com --role admin", "tandem serve"}
	if mode != "hybrid" {
		steps = append(steps, "tandem app create APP --mode "+mode+"   # sign in with \"app\": \"APP\"; the application `default` is hybrid")
	}
	if c.Others == "yes" {
		steps = append(steps, "tandem app create SERVICE --kind resource   # client id and secret for each service that checks tokens")
	}
	fmt.Fprintln(w, "\nNext:")
	for _, s := range steps {
		fmt.Fprintln(w, "  "+s)
	}
}
