package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tandem.example/tandem/internal/lab/rig"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tandem": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
			stop()
			os.Exit(code)
		},
		"http": func() { os.Exit(call(os.Args[1:])) },
	})
}

// TestScripts runs the command line as people do: scripts in testdata/script, each in a directory of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PASSWORD", "willow-anchor-pebble-17")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"freeport": freePort, "ready": ready, "capture": capture, "eventually": eventually,
			"database": func(ts *testscript.TestScript, _ bool, args []string) { database(t, ts, args) },
		},
	})
}

// patient bounds every wait for another process: far more than it takes.
const patient = 30 * time.Second

// freePort NAME sets the variable to a port of 127.0.0.1 that nobody listens on.
func freePort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv(args[0], port)
}

// ready DIR waits until a server answers on the socket of the data directory.
func ready(ts *testscript.TestScript, _ bool, args []string) {
	socket := ts.MkAbs(args[0] + "/tandem.sock")
	for end := time.Now().Add(patient); ; {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			ts.Check(conn.Close())
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("no server on %s: %v", socket, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// database NAME sets the variable to the URL of an empty database of a real PostgreSQL, which the scripts share.
func database(t *testing.T, ts *testscript.TestScript, args []string) {
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	ts.Setenv(args[0], rig.SharedPostgres(t).NewDatabase(t))
}

// capture NAME REGEXP sets the variable to what the first group of the expression matches in the last standard output.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if found == nil {
		ts.Fatalf("no match for %s in:\n%s", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], found[1])
}

// eventually REGEXP PROGRAM ARGS... runs the program until its standard output matches.
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	wanted := regexp.MustCompile(args[0])
	for end := time.Now().Add(patient); ; {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && wanted.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("never matched %s: %v\n%s", args[0], err, ts.ReadFile("stdout"))
		}
	}
}

// call is the program `http METHOD URL [BODY] [NAME: VALUE]...`: it prints the body of the answer, and its status on
// standard error. It fails for a status of 400 and above.
func call(args []string) int {
	if len(args) < 2 {
		fmt.Fprintln(os.Stderr, "http METHOD URL [BODY] [NAME: VALUE]...")
		return 2
	}
	var body io.Reader
	headers := args[2:]
	if len(headers) > 0 && strings.HasPrefix(headers[0], "{") {
		body, headers = bytes.NewReader([]byte(headers[0])), headers[1:]
	}
	req, err := http.NewRequest(args[0], args[1], body)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer res.Body.Close()
	fmt.Fprintln(os.Stderr, res.StatusCode)
	if _, err := io.Copy(os.Stdout, res.Body); err != nil || res.StatusCode >= 400 {
		return 1
	}
	return 0
}

// TestCompletionOfBash asks bash itself what it would offer.
func TestCompletionOfBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal("bash is needed to test its completion: ", err)
	}
	var script bytes.Buffer
	if code := run(t.Context(), []string{"completion", "bash"}, nil, &script, os.Stderr); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	for _, c := range []struct {
		typed []string
		want  string
	}{
		{[]string{"tandem", "us"}, "user"},
		{[]string{"tandem", "--json", "user", "lo"}, "lock"},
		{[]string{"tandem", "user", "lock", "--wa"}, "--wait"},
		{[]string{"tandem", "revoke", "subj"}, "subject"},
		{[]string{"tandem", "completion", "f"}, "fish"},
		{[]string{"tandem", "restore", "--insecure"}, "--insecure-keep-sessions"},
	} {
		program := fmt.Sprintf("%s\nCOMP_WORDS=(%s)\nCOMP_CWORD=%d\n_tandem\nprintf '%%s\\n' \"${COMPREPLY[@]}\"\n",
			script.String(), strings.Join(c.typed, " "), len(c.typed)-1)
		out, err := exec.CommandContext(t.Context(), bash, "-c", program).CombinedOutput()
		if err != nil {
			t.Fatalf("bash: %v\n%s", err, out)
		}
		if got := strings.TrimSpace(string(out)); got != c.want {
			t.Errorf("%v: offers %q, want %q", c.typed, got, c.want)
		}
	}
}
