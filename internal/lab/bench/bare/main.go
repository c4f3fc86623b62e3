// Command bare is the floor for whole processes: net/http and nothing else. It answers GET / with 204, holds GET /wait
// until POST /fire, and serves on the address it is given.
package main

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

func main() {
	var mu sync.Mutex
	moved := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /wait", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		wait := moved
		mu.Unlock()
		select {
		case <-wait:
			w.WriteHeader(http.StatusNoContent)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /fire", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		close(moved)
		moved = make(chan struct{})
		mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	})
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: bare ADDRESS")
		os.Exit(2)
	}
	s := &http.Server{Addr: os.Args[1], Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintln(os.Stderr, s.ListenAndServe())
	os.Exit(1)
}
