package chaos

import (
	"net"
	"sync"
	"testing"
	"time"
)

// link is what lies between one end and another: a verifier and a node, a node and its store. It closes nothing when it is
// cut: bytes are held, and delivered when the cut ends, as a network does.
type link struct {
	mu    sync.Mutex
	to    string        // host:port
	open  chan struct{} // closed while bytes may pass
	delay time.Duration // of bytes that come back
	conns map[net.Conn]struct{}
}

func newLink(to string) *link {
	l := &link{to: to, open: make(chan struct{}), conns: make(map[net.Conn]struct{})}
	close(l.open)
	return l
}

func (l *link) address() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to
}

// lead has new connections go elsewhere, and ends those that are there.
func (l *link) lead(to string) {
	l.mu.Lock()
	l.to = to
	l.mu.Unlock()
	l.reset()
}

// cut stops the bytes of both directions, those under way too, until heal.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.open:
		l.open = make(chan struct{})
	default: // it is cut
	}
}

func (l *link) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.open:
	default:
		close(l.open)
	}
}

// slow holds each byte that comes back for d. The cadence stays: what comes in every second goes out every second.
func (l *link) slow(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = d
}

// reset ends every connection at once.
func (l *link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // RST
		}
		_ = c.Close()
	}
}

func (l *link) gate() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

func (l *link) due() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Add(l.delay)
}

func (l *link) keep(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		l.conns[c] = struct{}{}
	}
}

func (l *link) leave(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		delete(l.conns, c)
	}
}

// wire is a listener whose connections go over links.
type wire struct {
	listener net.Listener
	links    []*link
	pick     func() []int // which link to take, best first
	pumps    sync.WaitGroup
	closing  chan struct{}
}

// newWire starts a wire. A nil pick takes the first link.
func newWire(t *testing.T, pick func() []int, links ...*link) *wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if pick == nil {
		pick = func() []int { return []int{0} }
	}
	w := &wire{listener: l, links: links, pick: pick, closing: make(chan struct{})}
	w.pumps.Go(w.accept)
	t.Cleanup(w.close)
	return w
}

func (w *wire) address() string { return w.listener.Addr().String() }

func (w *wire) each(do func(*link)) {
	for _, l := range w.links {
		do(l)
	}
}

func (w *wire) close() {
	close(w.closing)
	_ = w.listener.Close()
	w.each((*link).heal)
	done := make(chan struct{})
	go func() {
		w.pumps.Wait()
		close(done)
	}()
	for { // who was just being joined is not known yet
		w.each((*link).reset)
		select {
		case <-done:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (w *wire) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.pumps.Go(func() { w.join(near) })
	}
}

// join connects to the first link that leads somewhere. A cut one holds: nobody knows that it is cut.
func (w *wire) join(near net.Conn) {
	defer near.Close()
	for _, i := range w.pick() {
		l := w.links[i]
		select {
		case <-l.gate():
		case <-w.closing:
			return
		}
		far, err := net.DialTimeout("tcp", l.address(), time.Second)
		if err != nil {
			continue
		}
		defer far.Close()
		l.keep(near, far)
		defer l.leave(near, far)
		var both sync.WaitGroup
		both.Go(func() { w.pump(l, far, near, false) })
		both.Go(func() { w.pump(l, near, far, true) })
		both.Wait()
		return
	}
}

// parcel is bytes with the time from which they may be delivered.
type parcel struct {
	bytes []byte
	due   time.Time
}

// pump carries bytes from one side to the other until either is closed, then closes both.
func (w *wire) pump(l *link, to, from net.Conn, back bool) {
	parcels := make(chan parcel, 256)
	done := make(chan struct{})
	go func() {
		defer close(parcels)
		for {
			b := make([]byte, 16<<10)
			n, err := from.Read(b)
			if n > 0 {
				p := parcel{bytes: b[:n]}
				if back {
					p.due = l.due()
				}
				select {
				case parcels <- p:
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
		if !one.due.IsZero() {
			time.Sleep(time.Until(one.due))
		}
		<-l.gate()
		if _, err := to.Write(one.bytes); err != nil {
			break
		}
	}
	close(done)
	<-l.gate() // the end of a connection does not cross a cut either
	_ = to.Close()
	_ = from.Close()
	for range parcels {
	}
}
