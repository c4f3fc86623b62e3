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

// How often a credential is checked. Each check of a session token that has ended asks the server.
const (
	restAccess  = 4 * time.Millisecond
	restSession = 60 * time.Millisecond
	flushEvery  = 20 * time.Millisecond // of the log
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

	d := &desk{v: v, lease: o.Lease, log: log, stop: make(map[int]context.CancelFunc)}
	flushed := make(chan error)
	go func() { flushed <- d.flush(ctx) }()
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		d.take(ctx, lines.Text())
	}
	stop()
	d.working.Wait()
	return errors.Join(lines.Err(), <-flushed, d.write())
}

// desk checks each of its credentials over and over. None waits for another.
type desk struct {
	v       *verify.Verifier
	lease   time.Duration
	log     *os.File
	stop    map[int]context.CancelFunc
	working sync.WaitGroup

	mu    sync.Mutex
	lines []byte // not written yet
}

// take follows one line of the parent.
func (d *desk) take(ctx context.Context, line string) {
	number, text, _ := strings.Cut(line[1:], " ")
	id, err := strconv.Atoi(number)
	if err != nil {
		return
	}
	if line[0] == '-' {
		d.stop[id]()
		return
	}
	ctx, d.stop[id] = context.WithCancel(ctx)
	d.working.Go(func() { d.check(ctx, id, text) })
}

func (d *desk) check(ctx context.Context, id int, credential string) {
	rest := restAccess
	if strings.HasPrefix(credential, "tds_") {
		rest = restSession
	}
	for ctx.Err() == nil {
		begin := now()
		_, err := d.v.Verify(ctx, credential, verify.Within(d.lease))
		if one := (decision{id, begin, now(), verdictOf(err)}); err == nil || ctx.Err() == nil {
			d.mu.Lock()
			d.lines = one.append(d.lines)
			d.mu.Unlock()
		}
		time.Sleep(rest)
	}
}

// flush writes what was decided to the log, until ctx ends.
func (d *desk) flush(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := d.write(); err != nil {
			return err
		}
		time.Sleep(flushEvery)
	}
	return nil
}

func (d *desk) write() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.log.Write(d.lines)
	d.lines = d.lines[:0]
	return err
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
