package tandem

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"syscall"
	"testing"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// A server that is told to stop says so to whoever asks whether it is ready, and serves on for a while, those who follow
// the log among them.
func TestDrain(t *testing.T) {
	const drain = 600 * time.Millisecond
	s, err := Open(t.Context(), Config{Dev: true, Store: "memory", Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", Issuer: "http://127.0.0.1:9", Drain: drain},
		WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	started, ended := make(chan Addresses, 1), make(chan error, 1)
	go func() { ended <- s.Serve(ctx, func(at Addresses) { started <- at }) }()
	base := "http://" + (<-started).API.String()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	ask := func(path string) (*http.Response, error) {
		res, err := client.Get(base + path)
		if err == nil {
			_ = res.Body.Close()
		}
		return res, err
	}
	sync := func(r revocation.Request) (reply revocation.Reply, status int) {
		r.Verifier, r.Instance, r.Nonce = "bank", "one", "0123456789abcdef"
		body, _ := json.Marshal(r) // plain data
		res, err := client.Post(base+"/v1/revocations/sync", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Error("sync:", err)
			return reply, 0
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(&reply); err != nil {
			t.Error("sync:", err)
		}
		return reply, res.StatusCode
	}
	if res, err := ask("/readyz"); err != nil || res.StatusCode != http.StatusOK || res.Close {
		t.Fatalf("before: %v, %v", res, err)
	}
	first, _ := sync(revocation.Request{})
	held := make(chan int, 1)
	go func() {
		_, status := sync(revocation.Request{Epoch: first.Epoch, Position: first.To, Chain: first.Chain, WaitMS: 20_000})
		held <- status
	}()
	time.Sleep(100 * time.Millisecond) // it is held by then, or it is answered at once: both will do
	stop()
	told := time.Now()
	if status := <-held; status != http.StatusOK || time.Since(told) > drain {
		t.Errorf("a held sync was answered with %d after %v", status, time.Since(told))
	}
	if res, err := ask("/readyz"); err != nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("while it drains, readiness: %v, %v", res, err)
	}
	if res, err := ask("/livez"); err != nil || res.StatusCode != http.StatusOK || !res.Close {
		t.Errorf("while it drains: %v, %v; want an answer that ends its connection", res, err)
	}
	if _, status := sync(revocation.Request{Epoch: first.Epoch, Position: first.To, Chain: first.Chain, WaitMS: 20_000}); status != http.StatusOK {
		t.Errorf("while it drains, a sync was answered with %d", status)
	}
	if err := <-ended; err != nil || time.Since(told) < drain {
		t.Errorf("it ended after %v: %v", time.Since(told), err)
	}
	if _, err := ask("/livez"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after its end: %v", err)
	}
}
