package token

import (
	"errors"

	"tandem.example/tandem/verify/internal/strictjson"
)

// Decode reads the payload of an access token. It is strict: one JSON object
// of at most MaxPayload bytes, valid UTF-8, no member named twice at any depth,
// the required claims present, each known claim of its type and each time an
// integer. Claims it does not know are checked for well-formedness and ignored.
// It checks no signature and decides nothing. The error is an *Error.
//
// The strings of the result share one copy of the payload.
func Decode(payload []byte) (Claims, error) {
	if len(payload) > MaxPayload {
		return Claims{}, errTooLong
	}
	var d decoder
	var current string
	err := strictjson.Read(&d.reader, string(payload), func(name string) error {
		current = name
		return d.member(name)
	})
	if err != nil {
		return Claims{}, explain(current, err)
	}
	for _, claim := range [...]struct {
		name string
		bit  seen
	}{{"iat", sawIssuedAt}, {"exp", sawExpiresAt}, {"rv", sawRevision}} {
		if d.seen&claim.bit == 0 {
			return Claims{}, &Error{claim.name, ruleRequired}
		}
	}
	if err := d.claims.check(); err != nil {
		return Claims{}, err
	}
	return d.claims, nil
}

// explain turns a rule that was broken while claim was read into an *Error. A
// name that is not one of ours came from outside and is not repeated.
func explain(claim string, err error) error {
	var ours *Error
	if errors.As(err, &ours) {
		return ours
	}
	switch err {
	case strictjson.ErrString, strictjson.ErrInteger, strictjson.ErrArray:
		return &Error{claim, err.Error()}
	}
	return &Error{"", err.Error()}
}

// seen marks required claims whose zero value could also be their absence.
type seen uint8

const (
	sawIssuedAt seen = 1 << iota
	sawExpiresAt
	sawRevision
)

type decoder struct {
	reader strictjson.Reader
	claims Claims
	seen   seen
	lists  []string // backs aud, amr and roles with one allocation
}

func (d *decoder) member(name string) (err error) {
	c, r := &d.claims, &d.reader
	switch name {
	case "iss":
		c.Issuer, err = r.String()
	case "sub":
		c.Subject, err = r.String()
	case "aud":
		if r.Peek() == '"' {
			c.Audience, err = d.single()
		} else {
			c.Audience, err = d.list()
		}
	case "client_id":
		c.ClientID, err = r.String()
	case "iat":
		d.seen |= sawIssuedAt
		c.IssuedAt, err = r.Integer()
	case "exp":
		d.seen |= sawExpiresAt
		c.ExpiresAt, err = r.Integer()
	case "jti":
		c.ID, err = r.String()
	case "sid":
		c.SessionID, err = r.String()
	case "rv":
		d.seen |= sawRevision
		c.Revision, err = d.revision()
	case "auth_time":
		c.AuthTime, err = r.Integer()
	case "acr":
		c.ACR, err = r.String()
	case "amr":
		c.AMR, err = d.list()
	case "scope":
		c.Scope, err = r.String()
	case "roles":
		c.Roles, err = d.list()
	}
	return err
}

func (d *decoder) revision() (Revision, error) {
	s, err := d.reader.String()
	if err != nil {
		return Revision{}, err
	}
	return ParseRevision(s)
}

func (d *decoder) single() ([]string, error) {
	s, err := d.reader.String()
	if err != nil {
		return nil, err
	}
	return d.keep(d.start(), s), nil
}

func (d *decoder) list() ([]string, error) {
	start := d.start()
	err := d.reader.Array(func() error {
		s, err := d.reader.String()
		d.lists = append(d.lists, s)
		return err
	})
	if err != nil || start == len(d.lists) {
		return nil, err
	}
	return d.lists[start:len(d.lists):len(d.lists)], nil
}

// start returns where the next list begins in lists, which it makes if needed.
func (d *decoder) start() int {
	if d.lists == nil {
		d.lists = make([]string, 0, 8)
	}
	return len(d.lists)
}

func (d *decoder) keep(start int, s string) []string {
	d.lists = append(d.lists, s)
	return d.lists[start:len(d.lists):len(d.lists)]
}
