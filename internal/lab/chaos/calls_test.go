package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// answer is a decoded response. A code of 0 means that none came, and so that nobody knows whether it was done.
type answer struct {
	code   int
	header http.Header
	body   map[string]any
}

// text finds a text in an answer by its dotted path.
func (a answer) text(path string) string {
	m, keys := a.body, strings.Split(path, ".")
	for _, k := range keys[:len(keys)-1] {
		m, _ = m[k].(map[string]any)
	}
	text, _ := m[keys[len(keys)-1]].(string)
	return text
}

func (a answer) position() uint64 {
	n, _ := a.body["position"].(float64)
	return uint64(n)
}

// unknown reports whether nobody knows what became of the request, or it is to be sent again.
func (a answer) unknown() bool { return a.code == 0 || a.code == http.StatusServiceUnavailable }

// operate calls as an operator, call as a client with a bearer credential; any node answers.
func (s *stage) operate(method, path string, body any) answer {
	return exchange(s.client, method, s.issuer+path, s.key, body)
}

func (s *stage) call(method, path, bearer string, body any) answer {
	return exchange(s.client, method, s.issuer+path, bearer, body)
}

func exchange(client *http.Client, method, url, bearer string, body any) answer {
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err) // bodies are literals
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, url, sent)
	if err != nil {
		panic(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}
	}
	a := answer{code: res.StatusCode, header: res.Header}
	_ = json.Unmarshal(b, &a.body) // some answers are empty
	return a
}

// tally counts answers by what was asked.
type tally struct {
	mu     sync.Mutex
	counts map[string]map[string]int
}

func (t *tally) count(what string, a answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = make(map[string]map[string]int)
	}
	if t.counts[what] == nil {
		t.counts[what] = make(map[string]int)
	}
	kind := fmt.Sprint(a.code)
	switch code := a.text("code"); {
	case a.code == 0:
		kind = "no answer"
	case code != "":
		kind += " " + code
	}
	t.counts[what][kind]++
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	for what, kinds := range t.counts {
		var parts []string
		for kind, n := range kinds {
			parts = append(parts, fmt.Sprintf("%s x %d", kind, n))
		}
		slices.Sort(parts)
		lines = append(lines, fmt.Sprintf("  %-22s %s", what, strings.Join(parts, ", ")))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
