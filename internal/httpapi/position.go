package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/web"
	"tandem.example/tandem/verify/token"
)

// minPosition is the request header by which whoever has just changed something makes sure that a live check knows of
// it, on whichever node it is answered: the position of the answer to the change, alone or as Tandem-Position has it.
const minPosition = "X-Min-Position"

const (
	// positionPatience is how long a check waits until the state it reads is as new as that.
	positionPatience = time.Second
	positionPause    = 20 * time.Millisecond
)

// check asks the source of truth about a credential, as of the position that the request demands at least.
func (a *API) check(x *web.Exchange, c web.Credential, leaving bool) (signin.Identity, error) {
	ctx := x.Request.Context()
	least, err := leastPosition(x.Request.Header.Values(minPosition))
	if err != nil {
		return signin.Identity{}, err
	}
	for until := time.Now().Add(positionPatience); ; {
		who, err := a.SignIn.Check(ctx, signin.Presented{Token: c.Text, Bound: c.Bound, Leaving: leaving})
		if err != nil || least == nil {
			return who, err
		}
		at := who.View.Revision
		switch {
		case least.Epoch != "" && least.Epoch != at.Epoch:
			return signin.Identity{}, web.NewProblem(http.StatusConflict, web.CodeConflict, "the position is of another epoch of the revocation log, which cannot be compared with this one")
		case at.Seq >= least.Seq:
			return who, nil
		case time.Now().After(until):
			return signin.Identity{}, later(http.StatusServiceUnavailable, web.CodeUnavailable, "what is read here is older than the position that is demanded", retrySoon)
		}
		select {
		case <-time.After(positionPause):
		case <-ctx.Done():
			return signin.Identity{}, ctx.Err()
		}
	}
}

// leastPosition reads the header: nil if it was not sent.
func leastPosition(sent []string) (*token.Revision, error) {
	if len(sent) == 0 {
		return nil, nil
	}
	text := sent[0]
	if len(sent) > 1 {
		text = "" // two demands are none that can be read
	}
	if !strings.Contains(text, ".") {
		seq, err := strconv.ParseUint(text, 10, 63)
		if err == nil {
			return &token.Revision{Seq: seq}, nil
		}
	}
	at, err := token.ParseRevision(text)
	if err != nil {
		return nil, web.Invalid(minPosition, "must be a position, or a value of Tandem-Position, once")
	}
	return &at, nil
}
