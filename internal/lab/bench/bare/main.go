// Command bare is the floor for whole processes: net/http and nothing else. It answers GET / with 204, holds GET /wait
// until POST /fire has been sent more often than its query `after` says, and serves on the address it is given.
package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

func main() {
	var mu sync.Mutex
	moved, fired := make(chan struct{}), 0
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /wait", func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.Atoi(r.FormValue("after"))
		for {
			mu.Lock()
			wait, there := moved, fired > after
			mu.Unlock()
			if there {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			select {
			case <-wait:
			case <-r.Context().Done():
				return
			}
		}
	})
	mux.HandleFunc("POST /fire", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		close(moved)
		fired++
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
