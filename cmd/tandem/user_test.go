package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRolesAreChangedByTheServer shows that roles are added and taken away by name: what another operator changes
// between the reading and the writing is not undone.
func TestRolesAreChangedByTheServer(t *testing.T) {
	var sent string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			sent = string(body)
		}
		_, _ = io.WriteString(w, `{"id":"usr_1","email":"ana@example.com","roles":["teller"]}`)
	}))
	defer server.Close()
	t.Setenv("TANDEM_API_KEY", "tdk_test")
	for arguments, want := range map[string]string{
		"--add admin --remove clerk": `{"roles_add":["admin"],"roles_remove":["clerk"]}`,
		"--add admin":                `{"roles_add":["admin"]}`,
		"--remove clerk":             `{"roles_remove":["clerk"]}`,
		"admin clerk":                `{"roles":["admin","clerk"]}`,
		"--none":                     `{"roles":[]}`,
	} {
		var out bytes.Buffer
		args := append([]string{"--server", server.URL, "user", "roles", "ana@example.com"}, strings.Fields(arguments)...)
		if code := run(t.Context(), args, strings.NewReader(""), &out, &out); code != 0 {
			t.Fatalf("%s: exit code %d: %s", arguments, code, out.String())
		}
		if diff := cmp.Diff(want, sent); diff != "" {
			t.Errorf("%s (-want +got):\n%s", arguments, diff)
		}
	}
}
