package httpapi

import (
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// TestRulesQuoteNothing goes through what huma may say of a value, with the value in it.
func TestRulesQuoteNothing(t *testing.T) {
	t.Parallel()
	for _, message := range []string{
		"canary", "parsing time canary", validation.MsgExpectedDuration, validation.MsgExpectedRFC3986URI, validation.MsgExpectedRFC5322Email,
		validation.MsgExpectedConst, "json: cannot unmarshal canary into Go value", "invalid value: canary",
	} {
		message = strings.ReplaceAll(message, "%v", "canary")
		got := brokenRule(&huma.ErrorDetail{Location: "body.name", Message: message, Value: "canary"})
		if got.Field != "name" || got.Rule != "is not valid" {
			t.Errorf("%q: %+v", message, got)
		}
	}
}

func TestRulesInOurWords(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"expected required property name to be present":          "is required",
		"required query parameter is missing":                    "is required",
		validation.MsgUnexpectedProperty:                         "is not known here",
		validation.MsgExpectedString:                             "must be of type string",
		validation.MsgExpectedArray:                              "must be of type array",
		"invalid integer":                                        "must be of type integer",
		"expected number <= 200":                                 "must be <= 200",
		"expected length <= 500":                                 "must have a length <= 500",
		`expected value to be one of "a, b"`:                     `must be one of "a, b"`,
		validation.MsgExpectedRFC3339DateTime:                    "must be a time as in RFC 3339",
		"invalid date/time for format 2006-01-02T15:04:05Z07:00": "must be a time as in RFC 3339",
	} {
		if got := brokenRule(&huma.ErrorDetail{Location: "query.x", Message: message}); got.Rule != want {
			t.Errorf("%q: %q", message, got.Rule)
		}
	}
	nested := brokenRule(&huma.ErrorDetail{Location: "body.refresh", Message: "expected required property grace to be present"})
	if nested.Field != "refresh.grace" {
		t.Errorf("%+v", nested)
	}
}

// FuzzReadStrictly looks for panics, for what encoding/json would not take, and for a second meaning.
func FuzzReadStrictly(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1,"a":2}`, `[[[[]]]]`, `{"A":"\u0000"}`, `"x"`, `nul`, `{"a":[1,{"b":null}]} `, `1e999`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := readStrictly(data)
		if err != nil {
			return
		}
		var loose any
		if err := strictJSON.Unmarshal(data, &loose); err != nil {
			t.Fatalf("read strictly, but not as huma does: %v", err)
		}
		if _, isObject := value.(map[string]any); isObject && !strings.HasPrefix(strings.TrimSpace(string(data)), "{") {
			t.Fatalf("%q is an object", data)
		}
	})
}
