package process

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"tandem.example/tandem/verify"
)

// orders is what a verifier process is told at its start.
type orders struct {
	Issuer, Name     string
	ClientID, Secret string
	Proxy            string // the address to dial, whatever the issuer's is
	Log              string // the file for what was decided
	Lease            time.Duration
}

// Between two rounds of checks a verifier rests, so that it does not take the processor from everybody else. Each check
// of a session token that has ended asks the server.
const (
	restAccess  = 3 * time.Millisecond
	restSession = 15 * time.Millisecond
)

// beVerifier is the verifier process. It reads lines from in ("+id credential" to check a credential from now on, "-id"
// to leave it) and ends when in does.
func beVerifier(text string, in io.Reader, out io.Writer) error {
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	log, err := os.OpenFile(o.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	v, err := verify.New(ctx, verify.Config{
		Issuer: o.Issuer, Audience: o.Issuer, Name: o.Name, ClientID: o.ClientID, ClientSecret: o.Secret,
		Freshness: o.Lease, Logger: slog.New(slog.DiscardHandler),
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, o.Proxy)
		}}},
	})
	if err != nil {
		return err
	}
	defer v.Close()
	fmt.Fprintln(out, "ready")

	access, session := &desk{v: v, lease: o.Lease, log: log}, &desk{v: v, lease: o.Lease, log: log}
	var working sync.WaitGroup
	failed := make(chan error, 2)
	working.Go(func() { failed <- access.work(ctx, restAccess) })
	working.Go(func() { failed <- session.work(ctx, restSession) })
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		if strings.Contains(line, " tds_") {
			session.take(line)
			continue
		}
		access.take(line)
		if line[0] == '-' {
			session.take(line)
		}
	}
	stop()
	working.Wait()
	return errors.Join(lines.Err(), <-failed, <-failed)
}

// desk checks one kind of credentials, in turn.
type desk struct {
	v     *verify.Verifier
	lease time.Duration
	log   *os.File

	mu   sync.Mutex
	list []presented
}

type presented struct {
	id   int
	text string
}

// take follows one line of the parent.
func (d *desk) take(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	number, text, _ := strings.Cut(line[1:], " ")
	id, err := strconv.Atoi(number)
	if err != nil {
		return
	}
	if line[0] == '+' {
		d.list = append(d.list, presented{id, text})
		return
	}
	var kept []presented
	for _, p := range d.list {
		if p.id != id {
			kept = append(kept, p)
		}
	}
	d.list = kept
}

func (d *desk) work(ctx context.Context, rest time.Duration) error {
	var lines []byte
	for ctx.Err() == nil {
		d.mu.Lock()
		list := d.list[:len(d.list):len(d.list)]
		d.mu.Unlock()
		lines = lines[:0]
		for _, p := range list {
			begin := now()
			_, err := d.v.Verify(ctx, p.text, verify.Within(d.lease))
			lines = decision{p.id, begin, now(), verdictOf(err)}.append(lines)
		}
		if _, err := d.log.Write(lines); err != nil {
			return err
		}
		time.Sleep(rest)
	}
	return nil
}

// decision is a line of a verifier's log.
type decision struct {
	id         int
	begin, end moment
	verdict    string // "ok", or status and reason
}

func (d decision) append(b []byte) []byte {
	b = strconv.AppendInt(b, int64(d.id), 10)
	b = strconv.AppendInt(append(b, ' '), int64(d.begin), 10)
	b = strconv.AppendInt(append(b, ' '), int64(d.end), 10)
	return append(append(append(b, ' '), d.verdict...), '\n')
}

func parseDecision(line string) (d decision, err error) {
	_, err = fmt.Sscan(line, &d.id, &d.begin, &d.end, &d.verdict)
	return d, err
}

const accepted = "ok"

func verdictOf(err error) string {
	var refused *verify.Refusal
	switch {
	case err == nil:
		return accepted
	case errors.As(err, &refused):
		return strconv.Itoa(refused.Status) + ":" + refused.Reason
	}
	return "error"
}
