package verifytest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/verify"
	"tandem.example/tandem/verify/verifytest"
)

// guarded is the handler under test: a service's own.
func guarded(v *verify.Verifier) http.Handler {
	return v.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}), verify.Role("admin"))
}

func status(h http.Handler, credential string) int {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+credential)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// An administrator is demoted in the middle of a token's life.
func ExampleServer_Demote() {
	server, stop := verifytest.Start()
	defer stop()
	v, err := verify.New(context.Background(), verify.Config{Issuer: server.Issuer(), Audience: server.Audience(), HTTPClient: server.Client()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer v.Close()
	admin := server.SignIn(verifytest.User{Roles: []string{"admin"}})
	token := admin.AccessToken()
	fmt.Println(status(guarded(v), token))
	server.Demote(admin.User(), "teller")
	server.Settle()
	fmt.Println(status(guarded(v), token))               // to be renewed
	fmt.Println(status(guarded(v), admin.AccessToken())) // renewed, and no administrator
	// Output:
	// 204
	// 401
	// 403
}

// A partition of half a minute, in no time.
func TestPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := verifytest.NewServer(t, verifytest.InMemory())
		v, err := verify.New(t.Context(), verify.Config{Issuer: server.Issuer(), Audience: server.Audience(), HTTPClient: server.Client()})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		token := server.SignIn(verifytest.User{Roles: []string{"admin"}}).AccessToken()
		server.Partition()
		time.Sleep(30 * time.Second)
		if got := status(guarded(v), token); got != http.StatusServiceUnavailable {
			t.Errorf("in the partition: %d", got)
		}
		server.Heal()
		time.Sleep(15 * time.Second)
		if got := status(guarded(v), token); got != http.StatusNoContent {
			t.Errorf("after it: %d", got)
		}
	})
}
