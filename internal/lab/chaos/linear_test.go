package chaos

import (
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// What is asked of a session.
type asked struct{ session, do string }

const (
	enter = "enter"
	look  = "look"
	end   = "end"
)

// The states of a session.
const (
	unborn = iota
	living
	ended
)

// sessions is what each session must look like from outside, whichever node answers: alive from its sign-in to the order
// that ends it, and never again.
var sessions = porcupine.Model{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		at := make(map[string]int)
		for _, op := range history {
			session := op.Input.(asked).session
			i, seen := at[session]
			if !seen {
				i = len(parts)
				at[session] = i
				parts = append(parts, nil)
			}
			parts[i] = append(parts[i], op)
		}
		return parts
	},
	Init: func() any { return unborn },
	Step: func(state, input, output any) (bool, any) {
		switch input.(asked).do {
		case enter:
			return state == unborn, living
		case end:
			return true, ended
		}
		return output.(bool) == (state == living), state
	},
}

// The model itself must object to what it is there for.
func TestModelOfSessionsObjects(t *testing.T) {
	in := func(do string) asked { return asked{"s", do} }
	for name, history := range map[string][]porcupine.Operation{
		"alive after its end":         {{Input: in(enter), Call: 1, Return: 2}, {Input: in(end), Call: 3, Return: 4}, {Input: in(look), Output: true, Call: 5, Return: 6}},
		"ended before its end":        {{Input: in(enter), Call: 1, Return: 2}, {Input: in(look), Output: false, Call: 3, Return: 4}, {Input: in(end), Call: 5, Return: 6}},
		"alive again, during its end": {{Input: in(enter), Call: 1, Return: 2}, {Input: in(end), Call: 3, Return: 8}, {Input: in(look), Output: false, Call: 4, Return: 5}, {Input: in(look), Output: true, Call: 6, Return: 7}},
	} {
		if porcupine.CheckOperations(sessions, history) {
			t.Errorf("%s passes for a history of a session", name)
		}
	}
}

// played is a user on whose behalf several clients act at once, each by whichever node comes.
type played struct {
	*crowd
	*person

	mu      sync.Mutex
	held    []held
	history []porcupine.Operation
}

type held struct{ session, credential string }

// perform has clients sign a user in, end their sessions and look at them, until all stop.
func (c *crowd) perform(name string, clients int, seed uint64) {
	p := &played{crowd: c, person: c.register(name, "default")}
	c.played = append(c.played, p)
	c.running.Go(func() {
		rng := c.chance(seed)
		for c.ctx.Err() == nil {
			p.enter()
			c.rest(rng, 700*time.Millisecond)
			if one, ok := p.pick(rng); ok && rng.IntN(3) > 0 {
				p.end(one)
			}
		}
	})
	for i := range clients {
		rng := c.chance(seed + 1 + uint64(i))
		c.running.Go(func() {
			for c.ctx.Err() == nil {
				if one, ok := p.pick(rng); ok {
					p.look(i, one)
				}
				c.rest(rng, 60*time.Millisecond)
			}
		})
	}
}

// pick chooses among the newest sessions.
func (p *played) pick(rng *rand.Rand) (held, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	newest := p.held[max(0, len(p.held)-4):]
	if len(newest) == 0 {
		return held{}, false
	}
	return newest[rng.IntN(len(newest))], true
}

func (p *played) remember(op porcupine.Operation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.history = append(p.history, op)
}

// enter signs in. A session of which nobody was told has no history.
func (p *played) enter() {
	begin := now()
	if !p.signIn(p.person) {
		return
	}
	p.remember(porcupine.Operation{ClientId: 0, Input: asked{p.session, enter}, Call: int64(begin), Return: int64(now())})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = append(p.held, held{p.session, p.secret})
}

// end revokes a session and waits until that is enforced. One that is not answered may be done at any time, or never,
// which is the same as after all else.
func (p *played) end(one held) {
	op := porcupine.Operation{ClientId: 1, Input: asked{one.session, end}, Call: int64(now()), Return: math.MaxInt64}
	a := p.revoke(order{kind: "session", names: ofSession(one.session), ends: true, wait: true}, one.session)
	if a.code == http.StatusCreated {
		op.Return = int64(now())
	}
	p.remember(op)
}

// look asks about a session. What is not answered says nothing.
func (p *played) look(client int, one held) {
	op := porcupine.Operation{ClientId: 2 + client, Input: asked{one.session, look}, Call: int64(now())}
	a := p.ask("look", p.call("GET", "/v1/session", one.credential, nil))
	if op.Return = int64(now()); a.code == http.StatusOK || a.code == http.StatusUnauthorized {
		op.Output = a.code == http.StatusOK
		p.remember(op)
	}
}

// checkHistories holds what was seen against the model.
func (c *crowd) checkHistories() {
	operations := 0
	for _, p := range c.played {
		operations += len(p.history)
		result, _ := porcupine.CheckOperationsVerbose(sessions, p.history, time.Minute)
		if result == porcupine.Ok {
			continue
		}
		c.Errorf("seed %d: the history of %s's sessions is not linearizable (%v):", c.seed, p.email, result)
		for _, part := range sessions.Partition(p.history) {
			if porcupine.CheckOperations(sessions, part) {
				continue
			}
			for _, op := range part {
				c.Logf("client %d: %+v -> %v in [%d, %d]", op.ClientId, op.Input, op.Output, op.Call, op.Return)
			}
		}
	}
	if operations > 0 {
		c.Logf("%d operations of revoke(wait=enforced) and live checks by random nodes are linearizable unless said otherwise", operations)
	}
}
