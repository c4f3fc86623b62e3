package verify_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"tandem.example/tandem/verify"
	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/verifytest"
)

// open returns a verifier for a server in memory, where a service would name
// its own issuer and audience.
func open(server *verifytest.Server) *verify.Verifier {
	v, err := verify.New(context.Background(), verify.Config{
		Issuer: server.Issuer(), Audience: server.Audience(), HTTPClient: server.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// request sends a request with a bearer token through a handler.
func request(h http.Handler, method, path, credential string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	if credential != "" {
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func Example() {
	server, stop := verifytest.Start()
	defer stop()
	v, err := verify.New(context.Background(), verify.Config{
		Issuer:     server.Issuer(),
		Audience:   server.Audience(),
		HTTPClient: server.Client(), // only because the server is in memory
	})
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()

	feed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := verify.FromContext(r.Context())
		fmt.Fprint(w, "hello ", token.Subject())
	})
	mux := http.NewServeMux()
	mux.Handle("GET /feed", v.Protect(feed))

	session := server.SignIn(verifytest.User{ID: "usr_ada"})
	credential := session.AccessToken()
	res := request(mux, "GET", "/feed", credential)
	body, _ := io.ReadAll(res.Body)
	fmt.Println(res.StatusCode, string(body))

	server.Revoke(revocation.KindSession, session.ID)
	server.Settle() // a test need not wait for the 10 s that the promise allows
	res = request(mux, "GET", "/feed", credential)
	fmt.Println(res.StatusCode, res.Header.Get("WWW-Authenticate"))
	// Output:
	// 200 hello usr_ada
	// 401 Bearer error="invalid_token", error_description="the token was revoked: sign in again", reason="revoked"
}

func ExampleNew() {
	_, err := verify.New(context.Background(), verify.Config{Issuer: "https://auth.example.com"})
	fmt.Println(err)
	_, err = verify.New(context.Background(), verify.Config{Issuer: "http://auth.example.com", Audience: "https://api.example.com"})
	fmt.Println(err)
	// Output:
	// verify: Config.Audience is required: it names this service
	// verify: Config.Issuer must be https unless it is on this machine (or InsecureAllowHTTP is set)
}

func ExampleVerifier_Protect() {
	server, stop := verifytest.Start()
	defer stop()
	v := open(server)
	defer v.Close()

	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux := http.NewServeMux()
	mux.Handle("GET /feed", v.Protect(ok, verify.UntilExpiry()))
	mux.Handle("GET /accounts", v.Protect(ok, verify.OnLeaseLost(verify.AskServer)))
	mux.Handle("POST /transfer", v.Protect(ok, verify.Live(), verify.AuthenticatedWithin(5*time.Minute), verify.Scope("payments")))
	mux.Handle("DELETE /users/{id}", v.Protect(ok, verify.Within(time.Second), verify.Role("admin"), verify.ACR("2")))

	session := server.SignIn(verifytest.User{Roles: []string{"admin"}})
	for _, route := range [][2]string{{"GET", "/feed"}, {"GET", "/accounts"}, {"POST", "/transfer"}, {"DELETE", "/users/7"}} {
		res := request(mux, route[0], route[1], session.AccessToken())
		fmt.Printf("%s %s %d %q\n", route[0], route[1], res.StatusCode, res.Header.Get("WWW-Authenticate"))
	}
	// Output:
	// GET /feed 204 ""
	// GET /accounts 204 ""
	// POST /transfer 403 "Bearer error=\"insufficient_scope\", error_description=\"a scope is lacking\", scope=\"payments\""
	// DELETE /users/7 401 "Bearer error=\"insufficient_user_authentication\", error_description=\"authenticate again, and as strongly as asked\", acr_values=\"2\""
}

// A stream ends by itself when its token does.
func ExampleVerifier_Protect_stream() {
	server, stop := verifytest.Start()
	defer stop()
	v := open(server)
	defer v.Close()

	started := make(chan struct{})
	stream := v.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(started)
		for n := 0; ; n++ {
			select {
			case <-time.After(time.Minute):
				fmt.Fprintf(w, "data: %d\n\n", n)
			case <-r.Context().Done():
				fmt.Println("the stream ends:", context.Cause(r.Context()))
				return
			}
		}
	}))
	session := server.SignIn(verifytest.User{})
	go func() {
		<-started
		session.End()
	}()
	request(stream, "GET", "/events", session.AccessToken())
	// Output:
	// the stream ends: the token was revoked
}

func ExampleVerifier_Verify() {
	server, stop := verifytest.Start()
	defer stop()
	v := open(server)
	defer v.Close()

	session := server.SignIn(verifytest.User{ID: "usr_ada", Roles: []string{"teller"}})
	token, err := v.Verify(context.Background(), session.Token(), verify.Role("teller"))
	fmt.Println(token.Kind(), token.Subject(), token.Roles(), err)

	_, err = v.Verify(context.Background(), session.Token(), verify.Role("admin"))
	var refused *verify.Refusal
	if errors.As(err, &refused) {
		fmt.Println(refused.Status, refused.Code, errors.Is(err, verify.ErrForbidden))
	}
	// Output:
	// session token usr_ada [teller] <nil>
	// 403 forbidden true
}

// Watch does outside HTTP what the context of a guarded request does.
func ExampleVerifier_Watch() {
	server, stop := verifytest.Start()
	defer stop()
	v := open(server)
	defer v.Close()

	session := server.SignIn(verifytest.User{})
	token, err := v.Verify(context.Background(), session.AccessToken())
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := v.Watch(context.Background(), token)
	defer cancel()
	server.Demote(session.User())
	<-ctx.Done()
	fmt.Println(context.Cause(ctx))
	// Output:
	// the token must be renewed
}

func ExampleVerifier_Status() {
	server, stop := verifytest.Start()
	defer stop()
	v := open(server)
	defer v.Close()

	server.Announce(revocation.SubjectEvent("usr_ada"))
	server.Settle()
	status := v.Status()
	fmt.Println(status.Ready, status.Position, status.Revocations, status.Alarms)
	// Output:
	// true 1 1 0
}

func ExampleFromContext() {
	server, stop := verifytest.Start()
	defer stop()
	v := open(server)
	defer v.Close()

	whoami := v.Protect(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		token, ok := verify.FromContext(r.Context())
		fmt.Println(ok, token.Subject(), token.HasRole("teller"), token.ACR())
	}))
	session := server.SignIn(verifytest.User{ID: "usr_ada", Roles: []string{"teller"}})
	request(whoami, "GET", "/", session.AccessToken())
	// Output:
	// true usr_ada true 1
}
