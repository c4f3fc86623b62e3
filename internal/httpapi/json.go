package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// strictJSON reads what clients send more strictly than encoding/json does: a member that occurs twice means nothing
// certain, and nothing is as deep as an attacker would have it.
var strictJSON = huma.Format{
	Marshal: huma.DefaultJSONFormat.Marshal,
	Unmarshal: func(data []byte, v any) error {
		if whole, ok := v.(*any); ok { // huma first reads a body into this, to validate it
			value, err := readStrictly(data)
			*whole = value
			return err
		}
		return json.Unmarshal(data, v)
	},
}

// maxDepth bounds how deeply arrays and objects nest.
const maxDepth = 16

var (
	errJSON  = errors.New("the body is not valid JSON")
	errDepth = fmt.Errorf("the body nests deeper than %d levels", maxDepth)
	errTwice = errors.New("the body holds a field twice")
)

func readStrictly(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	value, err := readValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errJSON
	}
	return value, nil
}

func readValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	t, err := d.Token()
	if err != nil {
		return nil, errJSON
	}
	switch t {
	case json.Delim('{'):
		return readObject(d, depth)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := readValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, closing(d)
	}
	return t, nil
}

func readObject(d *json.Decoder, depth int) (any, error) {
	object := map[string]any{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errJSON
		}
		if name != strings.ToLower(name) {
			// All names are lower case, and huma would take Email for email: so spelled it is no name at all.
			name += "\x00"
		}
		if _, twice := object[name]; twice {
			return nil, errTwice
		}
		v, err := readValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		object[name] = v
	}
	return object, closing(d)
}

func closing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errJSON
	}
	return nil
}
