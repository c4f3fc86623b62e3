package httpapi_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkLiveCheck is GET /v1/session beside its floor, a bare handler that writes an answer of the same size: over
// HTTP, and in process.
func BenchmarkLiveCheck(b *testing.B) {
	r := newRig(b)
	r.level.Set(slog.LevelInfo)
	ada := r.ada()
	size := len(r.whoami(ada.token).text)
	body := make([]byte, size)
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
	for _, c := range []struct {
		name string
		http.Handler
	}{{"floor", bare}, {"ours", r.api.Handler()}} {
		b.Run("http/"+c.name, func(b *testing.B) { overHTTP(b, c.Handler, ada.token) })
		b.Run("process/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			req := httptest.NewRequest("GET", issuer+"/v1/session", nil)
			req.Header.Set("Authorization", "Bearer "+ada.token)
			for b.Loop() {
				c.ServeHTTP(&discard{header: make(http.Header, 8)}, req)
			}
		})
	}
}

func overHTTP(b *testing.B, h http.Handler, token string) {
	s := httptest.NewServer(h)
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			req, err := http.NewRequest("GET", s.URL+"/v1/session", nil)
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+token)
			res, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if res.StatusCode != http.StatusOK {
				b.Errorf("answered %d", res.StatusCode)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// discard is a ResponseWriter that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
