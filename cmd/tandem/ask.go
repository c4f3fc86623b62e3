package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"tandem.example/tandem/internal/secret"
)

// maxLine bounds what is read of a line from standard input, in bytes.
const maxLine = 64 << 10

// terminal answers the file descriptor of standard input if a person sits there.
func (a *app) terminal() (fd int, ok bool) {
	f, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	return int(f.Fd()), true
}

// password asks for a new password twice, without echo, or takes the first line of standard input. It is never an
// argument, which other users of the machine could read.
func (a *app) password(of string, fromStdin bool) (secret.Text, error) {
	if fromStdin {
		return a.secretLine("password")
	}
	fd, ok := a.terminal()
	if !ok {
		return secret.Text{}, fmt.Errorf("%w: there is no terminal to ask for the password: send it with --password-stdin", errUsage)
	}
	first, err := a.hidden(fd, "Password for "+printable(of)+": ")
	if err != nil {
		return secret.Text{}, err
	}
	second, err := a.hidden(fd, "Once more: ")
	if err != nil {
		return secret.Text{}, err
	}
	if !first.Equal(second) {
		return secret.Text{}, errors.New("the two passwords differ: nothing was changed")
	}
	return first, nil
}

func (a *app) hidden(fd int, prompt string) (secret.Text, error) {
	fmt.Fprint(a.stderr, prompt)
	text, err := term.ReadPassword(fd)
	fmt.Fprintln(a.stderr)
	if err != nil {
		return secret.Text{}, fmt.Errorf("read password: %w", err)
	}
	return secret.NewText(string(text)), nil
}

// secretLine takes the first line of standard input.
func (a *app) secretLine(what string) (secret.Text, error) {
	line, err := bufio.NewReader(io.LimitReader(a.stdin, maxLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return secret.Text{}, fmt.Errorf("read %s: %w", what, err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return secret.Text{}, fmt.Errorf("%w: standard input holds no %s", errUsage, what)
	}
	return secret.NewText(line), nil
}

// confirm asks before what cannot be taken back. Where nobody can be asked it takes --yes.
func (a *app) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if _, ok := a.terminal(); !ok {
		return fmt.Errorf("%w: %s Say so with --yes", errUsage, question)
	}
	fmt.Fprintf(a.stderr, "%s Type yes to go on: ", printable(question))
	answer, err := bufio.NewReader(io.LimitReader(a.stdin, maxLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read answer: %w", err)
	}
	if strings.TrimSpace(answer) != "yes" {
		return errors.New("nothing was changed")
	}
	return nil
}
