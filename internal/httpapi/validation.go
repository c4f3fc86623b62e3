package httpapi

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tandem.example/tandem/internal/web"
)

// retell turns what huma says of a request that breaks the rules into a problem. Huma would repeat the values that
// were sent, passwords too.
func (a *API) retell(ctx huma.Context, _ string, v any) (any, error) {
	told, ok := v.(huma.StatusError)
	if !ok {
		return v, nil
	}
	p, ours := v.(*web.Problem)
	if !ours {
		p = invalidRequest(told)
	}
	if x := web.Of(ctx.Context()); x != nil {
		p.RequestID = x.ID
		x.Problem = p
	}
	return p, nil
}

func invalidRequest(told huma.StatusError) *web.Problem {
	status := told.GetStatus()
	p := web.NewProblem(status, web.CodeInvalidRequest, "")
	model, _ := told.(*huma.ErrorModel)
	if model != nil {
		for _, e := range model.Errors {
			if e != nil {
				p.Errors = append(p.Errors, brokenRule(e))
			}
		}
	}
	switch status {
	case http.StatusUnprocessableEntity:
		p.Detail = "the request breaks a rule"
		if len(p.Errors) == 1 {
			p.Detail = p.Errors[0].Field + " " + p.Errors[0].Rule
		}
		return p
	case http.StatusRequestEntityTooLarge:
		return web.TooLarge()
	case http.StatusRequestTimeout:
		p.Detail = "the body did not arrive in time"
	case http.StatusBadRequest:
		p.Detail = malformedBody(model)
	case http.StatusUnsupportedMediaType:
		p.Detail = "Content-Type must be application/json"
	case http.StatusNotAcceptable:
		p.Detail = "answers are application/json"
	default:
		p.Detail = "the body could not be read"
	}
	p.Errors = nil
	return p
}

// malformedBody says why a body is not what was expected, in one of our own sentences.
func malformedBody(model *huma.ErrorModel) string {
	if model == nil || len(model.Errors) == 0 {
		return "a JSON body is required"
	}
	for _, known := range []error{errDepth, errTwice} {
		if model.Errors[0] != nil && model.Errors[0].Message == known.Error() {
			return known.Error()
		}
	}
	return errJSON.Error()
}

// maxFieldName bounds how much of an unknown field's name is repeated.
const maxFieldName = 64

// brokenRule names field and rule, and nothing of the value.
func brokenRule(e *huma.ErrorDetail) web.FieldError {
	field := e.Location
	for _, place := range []string{"body.", "query.", "path.", "header."} {
		if rest, ok := strings.CutPrefix(field, place); ok {
			field = rest
			break
		}
	}
	message := e.Message
	if rest, ok := strings.CutPrefix(message, "expected required property "); ok {
		name, _, _ := strings.Cut(rest, " ")
		if field == "body" {
			field = name
		} else {
			field += "." + name
		}
		message = "required"
	}
	field = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return -1
		}
		return c
	}, field)
	if len(field) > maxFieldName {
		field = field[:maxFieldName]
	}
	return web.FieldError{Field: field, Rule: ruleOf(message)}
}

// ruleOf words a rule of huma's as the rest of the API does. Messages that are not known may quote the value.
func ruleOf(message string) string {
	switch {
	case message == "required" || strings.HasPrefix(message, "required "):
		return "is required"
	case message == "unexpected property" || message == "unknown query parameter":
		return "is not known here"
	case strings.HasPrefix(message, "expected value to be one of "):
		return "must be one of " + strings.TrimPrefix(message, "expected value to be one of ")
	case strings.HasPrefix(message, "expected number "):
		return "must be " + strings.TrimPrefix(message, "expected number ")
	case strings.HasPrefix(message, "expected array length "), strings.HasPrefix(message, "expected length "):
		_, bound, _ := strings.Cut(message, "length ")
		return "must have a length " + bound
	case strings.HasPrefix(message, "invalid date/time"), message == "expected string to be RFC 3339 date-time":
		return "must be a time as in RFC 3339"
	}
	for _, kind := range []string{"string", "boolean", "integer", "number", "array", "object"} {
		if message == "expected "+kind || message == "invalid "+kind {
			return "must be of type " + kind
		}
	}
	return "is not valid"
}
