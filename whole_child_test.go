package tandem

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// childDir is the environment variable that makes the test binary a server on that directory.
const childDir = "TANDEM_TEST_SERVE"

// childIssuer stays the same however often the child is started, on whatever port.
const childIssuer = "http://localhost:8484"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := serveChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveChild is the server that is killed: `tandem serve` with cheap passwords.
func serveChild(dir string) error {
	c := Config{Dev: true, DataDir: dir, Issuer: childIssuer, Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0"}
	c.Limits.Disabled = true
	s, err := Open(context.Background(), c, WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))), cheaply)
	if err != nil {
		return err
	}
	return s.Serve(context.Background(), func(at Addresses) { fmt.Println("ready at", at.API) })
}

// child is a server process.
type child struct {
	testing.TB
	cmd    *exec.Cmd
	url    string
	client *http.Client
}

// startChild starts a server on the directory and waits until it listens.
func startChild(t testing.TB, dir string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{TB: t, cmd: exec.Command(self)}
	c.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	c.cmd.Env = append(os.Environ(), childDir+"="+dir)
	var said strings.Builder
	c.cmd.Stderr = &said
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ready := strings.CutPrefix(strings.TrimSpace(line), "ready at ")
	if !ready {
		c.kill()
		t.Fatalf("the server did not start on %s: %v\n%s", dir, err, said.String())
	}
	c.url = "http://" + address
	return c
}

// kill ends the process at once, as a crash does, and waits until it is gone.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may be gone already
	_ = c.cmd.Wait()         // it was killed: an error is what is expected
	c.client.CloseIdleConnections()
}

// send sends JSON. ok is false if there was no whole answer: whether the server has done it is not known then.
func (c *child) send(method, path, bearer string, body any) (a answer, ok bool) {
	b, err := json.Marshal(body)
	if err != nil {
		c.Error(err)
		return a, false
	}
	return do(c.client, method, c.url+path, bearer, string(b))
}

// local calls as the operator of the machine, through the socket in the data directory.
func (c *child) local(dir, method, path string, body any) answer {
	c.Helper()
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, SocketName))
	}}
	defer t.CloseIdleConnections()
	b, err := json.Marshal(body)
	if err != nil {
		c.Fatal(err)
	}
	a, ok := do(&http.Client{Transport: t}, method, "http://tandem.local"+path, "", string(b))
	if !ok || a.Code/100 != 2 {
		c.Fatalf("%s %s: %d %v", method, path, a.Code, a.Body)
	}
	return a
}

func do(client *http.Client, method, url, bearer, body string) (a answer, ok bool) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return a, false
	}
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := client.Do(req)
	if err != nil {
		return a, false
	}
	defer res.Body.Close()
	a.Code = res.StatusCode
	if a.Code == http.StatusNoContent {
		return a, true
	}
	return a, json.NewDecoder(res.Body).Decode(&a.Body) == nil
}
