package httpapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"tandem.example/tandem/internal/web"
)

// schemaOf answers the schema of a type, by reference where it has a name.
func (a *API) schemaOf(t reflect.Type) *huma.Schema {
	return a.huma.OpenAPI().Components.Schemas.Schema(t, true, "")
}

// problemResponse describes what a refused request is answered.
func (a *API) problemResponse() *huma.Response {
	return &huma.Response{
		Description: "A problem (RFC 9457). Its code says which.",
		Content:     map[string]*huma.MediaType{web.ProblemType: {Schema: a.schemaOf(reflect.TypeFor[web.Problem]())}},
	}
}

// answers describes the JSON that a route served by hand answers.
func (a *API) answers(d huma.Operation, status int, body reflect.Type) huma.Operation {
	d.Responses[strconv.Itoa(status)] = &huma.Response{
		Description: http.StatusText(status),
		Content:     map[string]*huma.MediaType{"application/json": {Schema: a.schemaOf(body)}},
	}
	return d
}

// publishOpenAPI serves the document that describes all routes registered before.
func (a *API) publishOpenAPI() {
	d := a.describe(operation{id: "openapi", method: http.MethodGet, path: "/openapi.json", tag: tagServer, summary: "This description."})
	d = a.answers(d, http.StatusOK, reflect.TypeFor[map[string]any]())
	var document []byte
	a.plain(d, func(x *web.Exchange, _ *http.Request) error {
		return writeDocument(x, document)
	})
	// Huma registers its own error model, which nothing here answers.
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} {
		delete(a.huma.OpenAPI().Components.Schemas.Map(), unused)
	}
	var err error
	if document, err = json.Marshal(a.huma.OpenAPI()); err != nil {
		panic(err) // made of the types of this package alone
	}
}

// writeDocument answers a document that may be kept but must be asked for anew each time.
func writeDocument(x *web.Exchange, body []byte) error {
	h := x.Header()
	h.Set("Cache-Control", "no-cache")
	return writeJSON(x, http.StatusOK, body)
}

func writeJSON(x *web.Exchange, status int, body []byte) error {
	h := x.Header()
	h["Content-Type"] = jsonType
	if len(body) > sniffed {
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	x.WriteHeader(status)
	_, _ = x.Write(body) // the client is gone if this fails
	return nil
}

// sniffed is up to where net/http itself finds out the length of an answer. A header less keeps the map of headers
// small, which is felt in the live check.
const sniffed = 2048

var jsonType = []string{"application/json"}
