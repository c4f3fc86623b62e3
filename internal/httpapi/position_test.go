package httpapi_test

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// Whoever has just changed something reads what they changed, or is told to come again.
func TestMinPosition(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ada := r.ada()
	a := r.do(call{method: "POST", path: "/v1/admin/revocations", local: true, body: map[string]any{"kind": "authz", "id": ada.id}}).want(t, 201)
	at := int(a.get("position").(float64))
	check := func(min string) answer {
		return r.do(call{method: "GET", path: "/v1/session", bearer: ada.token, header: map[string]string{"X-Min-Position": min}})
	}
	told := check(strconv.Itoa(at)).want(t, 200).Header.Get("Tandem-Position")
	check(told).want(t, 200)
	epoch, _, _ := strings.Cut(told, ".")
	start := time.Now()
	late := check(epoch+"."+strconv.Itoa(at+1)).want(t, 503, "unavailable")
	if late.Header.Get("Retry-After") == "" || time.Since(start) < time.Second {
		t.Errorf("after %s, Retry-After %q", time.Since(start), late.Header.Get("Retry-After"))
	}
	check("00000000."+strconv.Itoa(at)).want(t, 409, "conflict")
	for _, bad := range []string{"-1", "x", "1.2.3", epoch + ".", "99999999999999999999"} {
		check(bad).want(t, 422, "invalid_request")
	}
	// It may be demanded of every request that asks who is there.
	r.do(call{method: "GET", path: "/v1/me", bearer: ada.token, header: map[string]string{"X-Min-Position": "x"}}).want(t, 422)
}
