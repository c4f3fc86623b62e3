package chaos

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tandem.example/tandem/verify"
)

// orders is what a process with verifiers is told at its start.
type orders struct {
	Issuer    string
	Log       string // the file for what was decided
	Lease     time.Duration
	Verifiers []identity
	AskServer bool // when the lease is lost
	Callers   int  // who check each credential at the same time
}

// identity is one of the verifiers.
type identity struct {
	Number           int
	Name             string
	ClientID, Secret string
	Door             string // the address to dial, whatever the issuer's is
}

// How often each verifier checks a credential. A session token that has ended is asked of the server each time.
const (
	rest       = 50 * time.Millisecond
	restEnded  = 1500 * time.Millisecond
	flushEvery = 20 * time.Millisecond // of the log
)

// state is what a verifier says of itself, as a line of JSON.
type state struct {
	Number    int
	Ready     bool
	Epoch     string
	Position  uint64
	Alarms    uint64
	LastAlarm string
}

// beVerifiers is a process with verifiers. It reads lines from in ("+id credential" to check a credential from now on,
// "-id" to leave it, "?" for states) and ends when in does.
func beVerifiers(text string, in io.Reader, out io.Writer) error {
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
	d := &desk{rules: []verify.Rule{verify.Within(o.Lease)}, callers: max(1, o.Callers), log: log, stop: make(map[int]context.CancelFunc)}
	if o.AskServer {
		d.rules = append(d.rules, verify.OnLeaseLost(verify.AskServer))
	}
	for _, who := range o.Verifiers {
		c, err := newChecker(ctx, o, who)
		if err != nil {
			return err
		}
		defer c.v.Close()
		d.checkers = append(d.checkers, c)
	}
	fmt.Fprintln(out, "ready")
	flushed := make(chan error)
	go func() { flushed <- d.flush(ctx) }()
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if lines.Text() == "?" {
			d.tell(out)
			continue
		}
		d.take(ctx, lines.Text())
	}
	stop()
	d.working.Wait()
	return errors.Join(lines.Err(), <-flushed, d.write())
}

// checker is a verifier with the time of the last answer that it got.
type checker struct {
	identity
	v        *verify.Verifier
	answered atomic.Int64
}

func newChecker(ctx context.Context, o orders, who identity) (c *checker, err error) {
	c = &checker{identity: who}
	transport := &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: idleFor, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, who.Door)
	}}
	c.v, err = verify.New(ctx, verify.Config{
		Issuer: o.Issuer, Audience: o.Issuer, Name: who.Name, ClientID: who.ClientID, ClientSecret: who.Secret,
		Freshness: o.Lease, Logger: slog.New(slog.DiscardHandler), HTTPClient: &http.Client{Transport: noting{transport, c}},
	})
	return c, err
}

// noting is a transport that takes note of when answers come.
type noting struct {
	http.RoundTripper
	c *checker
}

func (n noting) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := n.RoundTripper.RoundTrip(req)
	if err == nil {
		n.c.answered.Store(int64(now()))
	}
	return res, err
}

// desk has each of its verifiers check each credential over and over. None waits for another.
type desk struct {
	checkers []*checker
	rules    []verify.Rule
	callers  int // for each verifier and credential
	log      *os.File
	stop     map[int]context.CancelFunc
	working  sync.WaitGroup

	mu      sync.Mutex
	records []byte // not written yet
}

// take follows one line of the parent.
func (d *desk) take(ctx context.Context, line string) {
	number, text, _ := strings.Cut(line[1:], " ")
	id, err := strconv.Atoi(number)
	if err != nil {
		return
	}
	if line[0] == '-' {
		if stop := d.stop[id]; stop != nil {
			stop()
			delete(d.stop, id)
		}
		return
	}
	ctx, d.stop[id] = context.WithCancel(ctx)
	for _, c := range d.checkers {
		for range d.callers {
			d.working.Go(func() { d.check(ctx, c, id, text) })
		}
	}
}

func (d *desk) check(ctx context.Context, c *checker, id int, credential string) {
	rng := rand.New(rand.NewPCG(uint64(id), uint64(c.Number)))
	for ctx.Err() == nil {
		begin := now()
		_, err := c.v.Verify(ctx, credential, d.rules...)
		one := decision{id: id, verifier: c.Number, begin: begin, end: now()}
		one.status, one.reason = verdictOf(err)
		one.at = one.begin
		// One that waited for the server was made when the answer had come. One that took long all the same was kept from
		// the processor, perhaps when all was decided.
		if last := moment(c.answered.Load()); one.end.since(begin) > rest && last > begin && last < one.end {
			one.at = last
		}
		if err == nil || ctx.Err() == nil {
			d.mu.Lock()
			d.records = one.append(d.records)
			d.mu.Unlock()
		}
		pause := rest
		if strings.HasPrefix(credential, "tds_") && one.status == http.StatusUnauthorized {
			pause = restEnded
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause*3/4 + time.Duration(rng.Int64N(int64(pause/2)))):
		}
	}
}

func (d *desk) tell(out io.Writer) {
	all := make([]state, len(d.checkers))
	for i, c := range d.checkers {
		s := c.v.Status()
		all[i] = state{c.Number, s.Ready, s.Epoch, s.Position, s.Alarms, s.LastAlarm}
	}
	text, err := json.Marshal(all)
	if err == nil {
		fmt.Fprintln(out, string(text))
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
	_, err := d.log.Write(d.records)
	d.records = d.records[:0]
	return err
}

// decision is a record of the log.
type decision struct {
	id, verifier   int
	begin, at, end moment // at: when it was made, as far as its process can tell
	status         int    // accepted, or that of the refusal
	reason         string
}

const accepted = 0

// reasons are those of refusals that a credential which was good once can meet.
var reasons = []string{"", "revoked", "stale", "expired", "ahead", "unknown", "key", "other"}

const recordBytes = 8 + 8 + 8 + 4 + 2 + 2 + 1

func (d decision) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(d.begin))
	b = binary.LittleEndian.AppendUint64(b, uint64(d.at))
	b = binary.LittleEndian.AppendUint64(b, uint64(d.end))
	b = binary.LittleEndian.AppendUint32(b, uint32(d.id))
	b = binary.LittleEndian.AppendUint16(b, uint16(d.verifier))
	b = binary.LittleEndian.AppendUint16(b, uint16(d.status))
	return append(b, byte(slices.Index(reasons, d.reason)))
}

func readDecision(b []byte) decision {
	return decision{
		begin: moment(binary.LittleEndian.Uint64(b)), at: moment(binary.LittleEndian.Uint64(b[8:])), end: moment(binary.LittleEndian.Uint64(b[16:])),
		id: int(binary.LittleEndian.Uint32(b[24:])), verifier: int(binary.LittleEndian.Uint16(b[28:])),
		status: int(binary.LittleEndian.Uint16(b[30:])), reason: reasons[b[32]],
	}
}

// verdictOf is a refusal in few words; one that is none of ours is a 500.
func verdictOf(err error) (status int, reason string) {
	var refused *verify.Refusal
	switch {
	case err == nil:
		return accepted, ""
	case !errors.As(err, &refused):
		return http.StatusInternalServerError, "other"
	case !slices.Contains(reasons, refused.Reason):
		return refused.Status, "other"
	}
	return refused.Status, refused.Reason
}
