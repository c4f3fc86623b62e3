package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/sqlite"
	"tandem.example/tandem/verify/revocation"
)

// receipts measures what one receipt costs while everybody acknowledges, for each pair of verifiers.
func receipts(ctx context.Context, c *Costs) error {
	const n = 2000
	r, err := newRig(ctx, Target())
	if err != nil {
		return err
	}
	defer r.close() //nolint:errcheck // a store in memory
	all := make([]*follower, n)
	each := func() error {
		for _, f := range all {
			if err := f.poll(ctx, r.service, 0); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range all {
		all[i] = newFollower()
	}
	if err := each(); err != nil {
		return err
	}
	round := func(receipt bool) (time.Duration, error) {
		commit, err := r.revoke(ctx, 1)
		if err != nil {
			return 0, err
		}
		if err := each(); err != nil { // all receive it
			return 0, err
		}
		before, done := cpuTime(), make(chan error, 1)
		if receipt {
			go func() { _, err := r.service.Enforced(ctx, commit); done <- err }()
		} else {
			done <- nil
		}
		if err := each(); err != nil { // all acknowledge it
			return 0, err
		}
		return cpuTime() - before, errors.Join(<-done)
	}
	var more []time.Duration
	for range rounds {
		without, err := round(false)
		if err != nil {
			return err
		}
		with, err := round(true)
		if err != nil {
			return err
		}
		more = append(more, with-without)
	}
	slices.Sort(more) // which of the two others disturb is chance: the median
	c.Settle = max(0, float64(more[len(more)/2])/(n*n))
	return nil
}

// overHTTP measures a poll of the whole server on the loopback, with a client that does next to nothing: both ends'
// processor time, and the bytes of the headers.
func overHTTP(ctx context.Context, c *Costs) error {
	server, err := tandem.Open(ctx, tandem.Config{Store: "memory", Dev: true, Limits: config.Limits{Disabled: true}}, quiet)
	if err != nil {
		return err
	}
	defer server.Close() //nolint:errcheck // a store in memory
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	site := &http.Server{Handler: server, ReadHeaderTimeout: time.Second}
	go site.Serve(listener) //nolint:errcheck // it ends with Close
	defer site.Close()      //nolint:errcheck // nothing is lost
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is lost
	counted := &countedConn{Conn: conn}
	in := bufio.NewReader(counted)
	f := newFollower()
	f.req.Nonce = "0123456789abcdefghijklmnop"
	var bodies int64
	poll := func() error {
		body, err := json.Marshal(f.req)
		if err != nil {
			return err
		}
		var out bytes.Buffer
		fmt.Fprintf(&out, "POST /v1/revocations/sync HTTP/1.1\r\nHost: auth.example.com\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		if _, err := counted.Write(out.Bytes()); err != nil {
			return err
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return err
		}
		defer res.Body.Close() //nolint:errcheck // it is read to its end
		answer, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			return errors.Join(fmt.Errorf("sync: status %d: %s", res.StatusCode, answer), err)
		}
		bodies += int64(len(body) + len(answer) + len(res.Header.Get("Tandem-Signature")))
		var head struct {
			Epoch, Chain string
			To           uint64
		}
		if err := json.Unmarshal(answer, &head); err != nil {
			return err
		}
		f.req.Epoch, f.req.Chain, f.req.Position = head.Epoch, head.Chain, head.To
		return nil
	}
	if err := poll(); err != nil {
		return err
	}
	bodies = 0
	counted.bytes.Store(0)
	const n = 500
	c.HTTP, err = cpu(n, poll)
	c.HeaderBytes = float64(counted.bytes.Load()-bodies) / (rounds * n)
	return err
}

var quiet = tandem.WithLogger(slog.New(slog.DiscardHandler))

// countedConn counts what passes, both ways.
type countedConn struct {
	net.Conn
	bytes atomic.Int64
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.bytes.Add(int64(n))
	return n, err
}

// stored is how many rows of a kind the embedded store gets.
const stored = 20_000

// onDisk measures rows in the embedded store.
func onDisk(ctx context.Context, c *Costs) error {
	dir, err := os.MkdirTemp("", "tandem-scale")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // temporary
	server, err := tandem.Open(ctx, tandem.Config{DataDir: dir}, quiet)
	if err == nil { // it makes the schema, the keys and the default application
		err = server.Close()
	}
	if err != nil {
		return err
	}
	st, err := sqlite.Open(ctx, sqlite.Config{Dir: dir, MirrorSessions: -1})
	if err != nil {
		return err
	}
	if err := fillSessions(ctx, st); err != nil {
		return errors.Join(err, st.Close())
	}
	before, err := tables(ctx, dir)
	if err == nil {
		err = parallel(stored, func(i int) error {
			now := time.Now()
			entry := audit.New(audit.SessionEnded, now)
			entry.Actor, entry.User, entry.Target = string(account.NewID(now)), string(account.NewID(now)), string(session.NewID(now))
			entry.IP, entry.Reason = "203.0.113.77", "signed out by its user"
			_, err := st.Log().Append(ctx, feed.Append{Events: []revocation.Event{revocation.SessionEvent(entry.Target)}, Audit: []audit.Entry{entry}, At: now})
			return err
		})
	}
	if err = errors.Join(err, st.Close()); err != nil {
		return err
	}
	after, err := tables(ctx, dir)
	c.SessionRow, c.SignInTrail = after["sessions"]/stored, before["audit"]/stored
	c.EventRow, c.AuditRow = after["events"]/stored, (after["audit"]-before["audit"])/stored
	return err
}

// fillSessions signs people in, as internal/signin does, to sessions with a session token.
func fillSessions(ctx context.Context, st *sqlite.Store) error {
	app, err := st.Applications().Find(ctx, application.DefaultName)
	if err != nil {
		return err
	}
	users := make([]account.ID, stored/10)
	err = parallel(len(users), func(i int) error {
		now := time.Now()
		u := account.User{ID: account.NewID(now), Email: fmt.Sprintf("person%d@example.com", i), Name: "A Person", Status: account.Active, CreatedAt: now, Revision: 1}
		users[i] = u.ID
		return st.SignIn().Register(ctx, signin.Registration{User: u})
	})
	if err != nil {
		return err
	}
	return parallel(stored, func(i int) error {
		now := time.Now()
		one := session.Session{ID: session.NewID(now), User: users[i%len(users)], Application: app.ID, ACR: "1", AMR: []string{"pwd"}, Device: "Firefox on Linux", IP: "203.0.113.77", Version: 1}
		session.Standard.Deadlines(&one, now)
		_, one.Token = session.NewToken(one.ID)
		entry := audit.New(audit.SignedIn, now)
		entry.User, entry.Actor, entry.Target, entry.IP = string(one.User), string(one.User), string(one.ID), one.IP
		_, err := st.Sessions().Start(ctx, session.Start{Session: one, AccountRevision: 1, Audit: entry})
		return err
	})
}

// tables is the bytes of each table with its indexes.
func tables(ctx context.Context, dir string) (sizes map[string]float64, err error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, sqlite.DatabaseFile)+"?_pragma=query_only(1)")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, `SELECT m.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_schema m ON m.name = d.name GROUP BY m.tbl_name`)
	if err != nil {
		return nil, fmt.Errorf("ask for the size of tables: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	sizes = map[string]float64{}
	for rows.Next() {
		var name string
		var size float64
		if err := rows.Scan(&name, &size); err != nil {
			return nil, err
		}
		sizes[name] = size
	}
	return sizes, rows.Err()
}

// parallel runs 64 at once, so that they share commits.
func parallel(n int, f func(int) error) error {
	var wg sync.WaitGroup
	var next atomic.Int64
	errs := make([]error, 64)
	for w := range errs {
		wg.Go(func() {
			for errs[w] == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				errs[w] = f(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
