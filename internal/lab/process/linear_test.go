package process

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/verify"
)

// The history of a user's sessions: what was asked, and what was answered.
type (
	asked struct {
		user    string
		do      string // enter, look, end, or end all
		session string // which; of enter, the answer
	}
	alive map[string]bool // sessions that were begun and not ended
)

// sessions is what the sessions of one user must look like from outside, as if everything happened one after the other:
// a session is alive from its sign-in to the first order that ends it, and never again.
var sessions = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		users := make(map[string][]porcupine.Operation)
		for _, op := range history {
			user := op.Input.(asked).user
			users[user] = append(users[user], op)
		}
		var parts [][]porcupine.Operation
		for _, part := range users {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return alive{} },
	Step: func(state, input, output any) (bool, any) {
		now, in := state.(alive), input.(asked)
		next := alive{}
		for session := range now {
			if in.do == "enter" || in.do == "look" || in.do == "end" && session != in.session {
				next[session] = true
			}
		}
		switch in.do {
		case "enter":
			next[in.session] = true
		case "look":
			return output.(bool) == now[in.session], now
		}
		return true, next
	},
	Equal: func(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }, // maps print in order
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%+v -> %v", input, output)
	},
}

// The model itself must object to what it is there for.
func TestModelOfSessionsObjects(t *testing.T) {
	enter, end := asked{"u", "enter", "s"}, asked{"u", "end", "s"}
	look := asked{"u", "look", "s"}
	for name, history := range map[string][]porcupine.Operation{
		"alive after its end":         {{Input: enter, Call: 1, Return: 2}, {Input: end, Call: 3, Return: 4}, {Input: look, Output: true, Call: 5, Return: 6}},
		"ended before its end":        {{Input: enter, Call: 1, Return: 2}, {Input: look, Output: false, Call: 3, Return: 4}, {Input: end, Call: 5, Return: 6}},
		"alive again, during its end": {{Input: enter, Call: 1, Return: 2}, {Input: end, Call: 3, Return: 8}, {Input: look, Output: false, Call: 4, Return: 5}, {Input: look, Output: true, Call: 6, Return: 7}},
	} {
		if porcupine.CheckOperations(sessions, history) {
			t.Errorf("%s passes for a history of sessions", name)
		}
	}
}

// bench is a server in this process with verifiers that follow it.
type bench struct {
	*testing.T
	issuer string
	server *tandem.Server
	local  *httptest.Server // the operator's door
	client *http.Client
	checks []*verify.Verifier

	mu      sync.Mutex
	history []porcupine.Operation
}

func openBench(t *testing.T) *bench {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, issuer: "http://" + l.Addr().String(), client: &http.Client{Timeout: patience}}
	log := slog.New(slog.DiscardHandler)
	b.server, err = tandem.Open(t.Context(), tandem.Config{Dev: true, DataDir: t.TempDir(), Listen: l.Addr().String(), Issuer: b.issuer,
		Limits: config.Limits{Disabled: true}}, tandem.WithLogger(log))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.server.Close() })
	public := httptest.NewUnstartedServer(b.server)
	_ = public.Listener.Close()
	public.Listener = l
	public.Start()
	t.Cleanup(public.Close)
	b.local = httptest.NewServer(b.server.Local())
	t.Cleanup(b.local.Close)
	t.Cleanup(b.client.CloseIdleConnections)
	for i := range 2 {
		v, err := verify.New(t.Context(), verify.Config{Issuer: b.issuer, Audience: b.issuer, Name: fmt.Sprint("verifier ", i), Logger: log})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(v.Close)
		b.checks = append(b.checks, v)
	}
	return b
}

// note does something and adds it to the history.
func (b *bench) note(client int, in asked, do func(in *asked) any) {
	op := porcupine.Operation{ClientId: client, Call: int64(now())}
	op.Output = do(&in)
	op.Input, op.Return = in, int64(now())
	b.mu.Lock()
	defer b.mu.Unlock()
	b.history = append(b.history, op)
}

// Sign-ins, live checks and revocations of several users by several clients at once look as if they had happened one
// after the other; and once a revocation is said to be enforced, no verifier accepts what it ended.
func TestRevokeAndCheckAreLinearizable(t *testing.T) {
	if testing.Short() {
		t.Log("hashes dozens of passwords: left to the full run")
		return
	}
	b := openBench(t)
	var clients sync.WaitGroup
	for u := range 2 {
		email := fmt.Sprintf("user%d@example.com", u)
		code, user := exchange(b.client, "POST", b.local.URL+"/v1/admin/users", "", map[string]any{"email": email, "password": password})
		if code != http.StatusCreated {
			t.Fatalf("register: %d %v", code, user)
		}
		p := &played{bench: b, email: email, id: field(user, "id")}
		p.enter(u * 10)
		for i := range 4 {
			client := u*10 + i
			clients.Go(func() { p.play(client, i, rand.New(rand.NewPCG(uint64(client), 3))) })
		}
	}
	clients.Wait()
	result, info := porcupine.CheckOperationsVerbose(sessions, b.history, time.Minute)
	t.Logf("%d operations: %v", len(b.history), result)
	if result != porcupine.Ok {
		for _, op := range b.history {
			t.Logf("client %d: %+v -> %v in [%d, %d]", op.ClientId, op.Input, op.Output, op.Call, op.Return)
		}
		t.Errorf("the history is not that of sessions; linearizable parts: %v", info.PartialLinearizations())
	}
}

// played is a user on whose behalf several clients act.
type played struct {
	*bench
	email, id string

	mu   sync.Mutex
	held []grant
}

type grant struct{ session, token, access string }

// play has one client do a number of things. The first one signs in, the second one revokes, the others look.
func (p *played) play(client, role int, rng *rand.Rand) {
	for n := range 12 {
		switch {
		case role == 0:
			p.enter(client)
		case role == 1 && n%4 == 3:
			p.end(client, p.pick(rng), true)
		case role == 1:
			p.end(client, p.pick(rng), false)
		default:
			for range 20 {
				p.look(client, p.pick(rng))
			}
		}
	}
}

// pick chooses among the newest sessions.
func (p *played) pick(rng *rand.Rand) grant {
	p.mu.Lock()
	defer p.mu.Unlock()
	newest := p.held[max(0, len(p.held)-3):]
	return newest[rng.IntN(len(newest))]
}

func (p *played) enter(client int) {
	p.note(client, asked{user: p.email, do: "enter"}, func(in *asked) any {
		code, got := exchange(p.client, "POST", p.issuer+"/v1/sign-in", "", map[string]any{"email": p.email, "password": password, "delivery": "body"})
		if code != http.StatusOK {
			p.Errorf("sign in: %d %v", code, got)
		}
		in.session = field(got, "session.id")
		p.mu.Lock()
		defer p.mu.Unlock()
		p.held = append(p.held, grant{in.session, field(got, "session_token"), field(got, "access_token")})
		return nil
	})
}

// look asks the server about a session by one of its credentials.
func (p *played) look(client int, g grant) {
	p.note(client, asked{p.email, "look", g.session}, func(*asked) any {
		credential := g.token
		if client%2 == 1 {
			credential = g.access
		}
		code, got := exchange(p.client, "GET", p.issuer+"/v1/session", credential, nil)
		if code != http.StatusOK && code != http.StatusUnauthorized {
			p.Errorf("look: %d %v", code, got)
		}
		return code == http.StatusOK
	})
}

// end revokes a session, or all of the user's, and waits until that is enforced.
func (p *played) end(client int, g grant, all bool) {
	in := asked{p.email, "end", g.session}
	body := map[string]any{"kind": "session", "id": g.session, "wait": "enforced"}
	if all {
		in.do = "end all"
		body["kind"], body["id"] = "subject", p.id
	}
	p.mu.Lock()
	ended := []grant{g}
	if all {
		ended = append(ended, p.held...)
	}
	p.mu.Unlock()
	p.note(client, in, func(*asked) any {
		code, got := exchange(p.client, "POST", p.local.URL+"/v1/admin/revocations", "", body)
		if _, ok := got["receipt"]; code != http.StatusCreated || !ok {
			p.Errorf("revoke: %d %v", code, got)
		}
		return nil
	})
	for _, g := range ended[max(0, len(ended)-4):] {
		for i, v := range p.checks {
			for _, credential := range []string{g.token, g.access} {
				if token, err := v.Verify(p.Context(), credential); err == nil {
					p.Errorf("verifier %d accepts %v after its revocation was said to be enforced", i, token)
				}
			}
		}
	}
}
