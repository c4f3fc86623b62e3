package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"

	"tandem.example/tandem"
)

// Row 15: how long the credentials of a default server are, for a person with two roles.
func sizes(b *bench) error {
	server, err := b.open(filepath.Join(b.dir, "sizes"))
	if err != nil {
		return err
	}
	return errors.Join(b.sizesOf(server), server.Close())
}

func (b *bench) sizesOf(server *tandem.Server) error {
	ask := func(h http.Handler, path, delivery string, more map[string]any) (*http.Response, map[string]any, error) {
		in := map[string]any{"email": email, "password": password}
		if delivery != "" {
			in["delivery"] = delivery
		}
		for k, v := range more {
			in[k] = v
		}
		text, err := json.Marshal(in)
		if err != nil {
			return nil, nil, err
		}
		req := httptest.NewRequestWithContext(b.ctx, http.MethodPost, server.Issuer()+path, bytes.NewReader(text))
		req.Header.Set("Content-Type", "application/json")
		req.RemoteAddr = "127.0.0.1:1"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code/100 != 2 {
			return nil, nil, fmt.Errorf("%s: status %d: %s", path, w.Code, w.Body)
		}
		answer := map[string]any{}
		return w.Result(), answer, json.Unmarshal(w.Body.Bytes(), &answer)
	}
	if _, _, err := ask(server.Local(), "/v1/admin/users", "", map[string]any{"roles": []string{"customer", "support"}}); err != nil {
		return err
	}
	_, answer, err := ask(server, "/v1/sign-in", "body", nil)
	if err != nil {
		return err
	}
	access, _ := answer["access_token"].(string)
	response, _, err := ask(server, "/v1/sign-in", "cookie", nil)
	if err != nil {
		return err
	}
	cookie := ""
	for _, c := range response.Cookies() {
		if strings.HasSuffix(c.Name, "tandem_session") {
			cookie = c.Value
		}
	}
	if access == "" || cookie == "" {
		return errors.New("signing in handed out no access token or no cookie")
	}
	b.add(result{Row: "15", Work: "access token, ES256, two roles", Floor: "-", Ours: fmt.Sprint(len(access), " B"), Value: float64(len(access)), Budget: new(atMost(600, "B"))})
	b.add(result{Row: "15", Work: "session cookie's value", Floor: "-", Ours: fmt.Sprint(len(cookie), " B"), Value: float64(len(cookie)), Budget: new(atMost(80, "B"))})
	return nil
}
