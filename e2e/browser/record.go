package browser

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Request is a request of a page, with what came of it.
type Request struct {
	ID, URL, Method string
	Kind            string            // Document, Stylesheet, Script, Image, Fetch, ... as the protocol names them
	Header          map[string]string // names in lower case; without what the browser's network adds, like Cookie
	Loader          string            // of the document that it was made for
	Blocks          bool              // nothing is painted before it has come
	At              time.Time

	Status  int // 0 if there was no answer
	Mime    string
	Answer  map[string]string // the answer's header, names in lower case
	Encoded int               // bytes on the wire, header included
	Failed  string            // why there was no answer
	From    *redirected       // what redirected to it
}

// record is what happened in a tab.
type record struct {
	mu        sync.Mutex
	requests  []*Request
	faults    []string
	dialogs   []string
	url       string
	loader    string          // of the document that is shown
	documents int             // how many were shown
	loads     map[string]bool // loaders of documents that have loaded, with all their parts
}

func (r *record) see(event any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e := event.(type) {
	case requested:
		r.request(e.request)
	case responded:
		if q := r.find(e.id); q != nil {
			q.Status, q.Mime, q.Answer = e.status, e.mime, e.header
			if e.status >= 400 && q.Kind != "Document" && q.Kind != "Fetch" && q.Kind != "XHR" {
				r.fault("%s of %s answered %d", q.Kind, q.URL, e.status)
			}
		}
	case finished:
		if q := r.find(e.id); q != nil {
			q.Encoded = e.encoded
		}
	case failed:
		if q := r.find(e.id); q != nil {
			q.Failed = e.why
			if !e.canceled && e.why != "net::ERR_ABORTED" { // by leaving the page
				r.fault("%s of %s failed: %s", q.Kind, q.URL, e.why)
			}
		}
	case navigated:
		r.url, r.loader = e.url, e.loader
		r.documents++
	case loaded:
		r.loads[e.loader] = true
	case dialog:
		r.dialogs = append(r.dialogs, e.text)
		r.fault("a dialog opened: %s", e.text)
	case complaint:
		// What the network complains of was seen with the requests; that a document is a 4xx is for the test to judge.
		if e.source != "network" {
			r.fault("%s: %s %s", e.source, e.text, e.url)
		}
	}
}

func (r *record) request(q Request) {
	if q.From != nil {
		if before := r.find(q.ID); before != nil {
			before.Status, before.Answer = q.From.status, q.From.header
		}
	}
	r.requests = append(r.requests, &q)
	if u, err := url.Parse(q.URL); err != nil || !here(u) {
		r.fault("a request for %s left for another host", q.URL)
	}
}

// here reports whether an address is one of the test's own.
func here(u *url.URL) bool {
	switch u.Scheme {
	case "data", "blob", "about":
		return true
	}
	host := u.Hostname()
	return host == "localhost" || host == "127.0.0.1" || host == "example.test" || strings.HasSuffix(host, ".example.test")
}

func (r *record) find(id string) *Request {
	for _, q := range slices.Backward(r.requests) { // a redirect's requests share an id: the last counts
		if q.ID == id {
			return q
		}
	}
	return nil
}

func (r *record) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// Faults answers what should not have happened, and forgets it: what a test has taken, it has expected.
func (t *Tab) Faults() []string {
	t.record.mu.Lock()
	defer t.record.mu.Unlock()
	faults := t.record.faults
	t.record.faults = nil
	return faults
}

// Requests answers all requests so far.
func (t *Tab) Requests() []Request {
	t.record.mu.Lock()
	defer t.record.mu.Unlock()
	return t.record.copied(func(*Request) bool { return true })
}

// Parts answers the requests of the document that is shown, itself the first.
func (t *Tab) Parts() []Request {
	t.record.mu.Lock()
	defer t.record.mu.Unlock()
	return t.record.copied(func(q *Request) bool { return q.Loader == t.record.loader })
}

// Document answers the request of the document that is shown; the zero Request if it came from no server.
func (t *Tab) Document() Request {
	for _, q := range slices.Backward(t.Parts()) {
		if q.Kind == "Document" {
			return q
		}
	}
	return Request{}
}

func (r *record) copied(which func(*Request) bool) (found []Request) {
	for _, q := range r.requests {
		if which(q) {
			one := *q
			one.Answer = maps.Clone(q.Answer)
			found = append(found, one)
		}
	}
	return found
}
