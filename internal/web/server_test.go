package web_test

import (
	"net/http"
	"testing"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/web"
)

func TestServerHasEveryTimeout(t *testing.T) {
	t.Parallel()
	s := web.NewServer(http.NotFoundHandler(), nil)
	for name, d := range map[string]time.Duration{
		"ReadHeaderTimeout": s.ReadHeaderTimeout, "ReadTimeout": s.ReadTimeout, "WriteTimeout": s.WriteTimeout, "IdleTimeout": s.IdleTimeout,
	} {
		if d <= 0 || d > 5*time.Minute {
			t.Errorf("%s is %s", name, d)
		}
	}
	if longest := max(feed.MaxWait, time.Minute); s.WriteTimeout < longest+10*time.Second {
		t.Errorf("WriteTimeout %s cuts off what may be held for %s", s.WriteTimeout, longest)
	}
	if s.MaxHeaderBytes <= 16<<10 || s.MaxHeaderBytes > 1<<20 {
		t.Errorf("MaxHeaderBytes is %d", s.MaxHeaderBytes)
	}
}
