package process

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy stands between one verifier and the server. It closes nothing when it cuts: bytes are held, and delivered when
// the cut ends, as a network does.
type proxy struct {
	listener net.Listener
	target   string
	pumps    sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	open   chan struct{} // closed while bytes may pass
	delay  time.Duration // of bytes from the server
	closed bool
}

func newProxy(t *testing.T, target string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, conns: make(map[net.Conn]struct{}), open: make(chan struct{})}
	close(p.open)
	p.pumps.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// cut stops the bytes of both directions, those under way too, until heal.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = make(chan struct{})
}

func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.open:
	default:
		close(p.open)
	}
}

// slow holds each byte from the server back for d. The cadence stays: what comes in every second goes out every second.
func (p *proxy) slow(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// reset ends every connection at once.
func (p *proxy) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // RST
		}
		_ = c.Close()
	}
}

func (p *proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.heal()
	p.reset()
	p.pumps.Wait()
}

func (p *proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.pumps.Go(func() { p.join(near) })
	}
}

func (p *proxy) join(near net.Conn) {
	defer near.Close()
	<-p.gate()
	far, err := net.DialTimeout("tcp", p.target, time.Second)
	if err != nil {
		return
	}
	defer far.Close()
	if !p.keep(near, far) {
		return
	}
	defer p.leave(near, far)
	var both sync.WaitGroup
	both.Go(func() { p.pump(far, near, false) })
	both.Go(func() { p.pump(near, far, true) })
	both.Wait()
}

func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = struct{}{}
	}
	return !p.closed
}

func (p *proxy) leave(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
	}
}

func (p *proxy) gate() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// parcel is bytes with the time from which they may be delivered. The last one has none.
type parcel struct {
	bytes []byte
	due   time.Time
}

// pump carries bytes from one side to the other until either is closed, then closes both.
func (p *proxy) pump(to, from net.Conn, fromServer bool) {
	parcels := make(chan parcel, 4096)
	done := make(chan struct{})
	go func() {
		defer close(parcels)
		for {
			b := make([]byte, 16<<10)
			n, err := from.Read(b)
			if n > 0 {
				due := time.Now()
				p.mu.Lock()
				if fromServer {
					due = due.Add(p.delay)
				}
				p.mu.Unlock()
				select {
				case parcels <- parcel{b[:n], due}:
				case <-done:
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	for one := range parcels {
		time.Sleep(time.Until(one.due))
		<-p.gate()
		if _, err := to.Write(one.bytes); err != nil {
			break
		}
	}
	close(done)
	<-p.gate() // the end of a connection does not cross a cut either
	_ = to.Close()
	_ = from.Close()
	for range parcels {
	}
}

// A proxy that did not do what it says would make the promise easy to keep.
func TestProxyCutsDelaysAndResets(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			})
		}
	})
	defer serving.Wait()
	defer echo.Close()
	p := newProxy(t, echo.Addr().String())
	defer p.close() // before the echo ends: it waits for its connections
	c, err := net.Dial("tcp", p.address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask := func(patience time.Duration) (time.Duration, error) {
		start := time.Now()
		if _, err := c.Write([]byte("?")); err != nil {
			return 0, err
		}
		_ = c.SetReadDeadline(start.Add(patience))
		_, err := io.ReadFull(c, make([]byte, 1))
		return time.Since(start), err
	}
	if _, err := ask(10 * time.Second); err != nil {
		t.Fatal("through an open proxy:", err)
	}
	const hold = 150 * time.Millisecond
	p.slow(hold)
	if took, err := ask(10 * time.Second); err != nil || took < hold {
		t.Errorf("a delay of %v took %v (%v)", hold, took, err)
	}
	p.slow(0)
	p.cut()
	var timeout net.Error
	if _, err := ask(50 * time.Millisecond); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("through a cut: %v, want nothing to come", err)
	}
	p.heal()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Error("what was held by the cut did not come:", err)
	}
	p.reset()
	if _, err := ask(10 * time.Second); err == nil {
		t.Error("a connection outlived its reset")
	}
}
