package verifytest

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
)

// Server is a Tandem server in memory. It is safe for concurrent use.
type Server struct {
	fatal    func(format string, args ...any)
	settings settings
	issuer   string
	client   *http.Client
	network  network

	mu       sync.Mutex
	log      log
	holders  map[string]*holder // by instance
	signer   jws.Signer         // of token keys, the current one
	keys     jws.Set            // the token keys that are published
	feed     jws.Signer
	users    map[string]*User
	sessions map[string]*Session
	tamper   func(*revocation.Reply)
	offset   time.Duration // of the server's clock
	delay    time.Duration // of sync replies, after they were made
	requests map[string]int
}

type settings struct {
	audience         string
	lease            time.Duration
	ttl, maxToken    time.Duration
	algorithm        jws.Algorithm
	client, password string
	inMemory         bool
}

// Option changes what NewServer makes.
type Option func(*settings)

// Audience sets the audience of tokens; "https://api.example.test" without it.
func Audience(a string) Option { return func(s *settings) { s.audience = a } }

// Lease sets for how long a verifier may decide offline; 10 s without it.
func Lease(d time.Duration) Option { return func(s *settings) { s.lease = d } }

// Lifetime sets how long access tokens live; 5 min without it. It is also the
// longest lifetime that verifiers are told of, unless that is 15 min already.
func Lifetime(d time.Duration) Option {
	return func(s *settings) { s.ttl, s.maxToken = d, max(d, s.maxToken) }
}

// Algorithm sets how tokens are signed; jws.ES256 without it. HS256 keys are
// not published: give TokenKey().Key() to the verifier.
func Algorithm(a jws.Algorithm) Option { return func(s *settings) { s.algorithm = a } }

// Credentials makes the feed demand a client id and secret.
func Credentials(id, secret string) Option {
	return func(s *settings) { s.client, s.password = id, secret }
}

// InMemory has no sockets: the server is reached through Client only. Needed
// inside testing/synctest.
func InMemory() Option { return func(s *settings) { s.inMemory = true } }

// NewServer starts a server that ends with the test, and that fails the test if
// it is used wrongly.
func NewServer(t testing.TB, options ...Option) *Server {
	t.Helper()
	s, stop := open(t.Fatalf, options)
	t.Cleanup(stop)
	return s
}

// Start starts a server for a program without a test, such as an example, and
// returns the function that ends it. It panics if the server is used wrongly.
func Start(options ...Option) (s *Server, stop func()) {
	return open(func(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }, options)
}

func open(fatal func(string, ...any), options []Option) (*Server, func()) {
	s := &Server{
		fatal: fatal,
		settings: settings{
			audience: "https://api.example.test", lease: 10 * time.Second,
			ttl: 5 * time.Minute, maxToken: 15 * time.Minute, algorithm: jws.ES256,
		},
		holders: make(map[string]*holder), users: make(map[string]*User), sessions: make(map[string]*Session),
		requests: make(map[string]int),
	}
	for _, o := range options {
		o(&s.settings)
	}
	s.network.init()
	s.log.begin()
	s.feed = s.generate("feed-"+rand.Text(), jws.EdDSA)
	s.signer = s.generate("key-"+rand.Text(), s.settings.algorithm)
	s.keys = jws.Set{s.signer.Key()}
	return s, s.listen()
}

func (s *Server) generate(kid string, alg jws.Algorithm) jws.Signer {
	signer, err := jws.Generate(kid, alg)
	if err != nil {
		s.fatal("verifytest: %v", err)
	}
	return signer
}

// listen starts to serve, on a socket or in memory, until stop is called.
func (s *Server) listen() (stop func()) {
	var listener net.Listener
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	if s.settings.inMemory {
		pipes := newPipes()
		listener, transport.DialContext = pipes, pipes.dial
		s.issuer = "http://tandem.localhost"
	} else {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.fatal("verifytest: %v", err)
		}
		listener = l
		s.issuer = "http://" + l.Addr().String()
	}
	s.client = &http.Client{Transport: transport}
	server := &http.Server{Handler: s.network.wrap(s.routes()), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends by Close
	}()
	return func() {
		s.network.close()
		_ = server.Close()
		<-done
		transport.CloseIdleConnections()
	}
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			s.requests[r.URL.Path]++
			s.mu.Unlock()
			h(w, r)
		})
	}
	handle("GET /.well-known/oauth-authorization-server", s.serveMetadata)
	handle("GET /.well-known/jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		keys := s.keys
		s.mu.Unlock()
		s.serveKeys(w, keys)
	})
	handle("GET /.well-known/tandem-feed-jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		s.serveKeys(w, jws.Set{s.feed.Key()})
	})
	handle("POST /v1/revocations/sync", s.serveSync)
	handle("GET /v1/session", s.serveSession)
	return mux
}

func (s *Server) serveMetadata(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                     s.issuer,
		"jwks_uri":                   s.issuer + "/.well-known/jwks.json",
		"tandem_revocation_endpoint": s.issuer + "/v1/revocations/sync",
		"tandem_feed_jwks_uri":       s.issuer + "/.well-known/tandem-feed-jwks.json",
	})
}

func (s *Server) serveKeys(w http.ResponseWriter, keys jws.Set) {
	body, err := keys.Marshal()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_, _ = w.Write(body)
}

// Issuer is the server's URL, for verify.Config.
func (s *Server) Issuer() string { return s.issuer }

// Audience is whom its tokens are for, for verify.Config.
func (s *Server) Audience() string { return s.settings.audience }

// Client reaches the server, for verify.Config.
func (s *Server) Client() *http.Client { return s.client }

// Requests is how often a path has been asked for.
func (s *Server) Requests(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[path]
}

// SetClock sets by how much the server's clock is ahead of the test's.
func (s *Server) SetClock(ahead time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset = ahead
}

// Now is the server's time.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

func (s *Server) now() time.Time { return time.Now().Add(s.offset) }
