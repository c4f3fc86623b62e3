// Package verifytest is a Tandem server in memory, for tests of handlers that
// package verify guards: an issuer of tokens, its revocation log and its live
// check, over the same HTTP and with the same signatures as the real one.
//
//	server := verifytest.NewServer(t)
//	v, err := verify.New(t.Context(), verify.Config{
//		Issuer: server.Issuer(), Audience: server.Audience(), HTTPClient: server.Client(),
//	})
//	session := server.SignIn(verifytest.User{Roles: []string{"admin"}})
//	req.Header.Set("Authorization", "Bearer "+session.AccessToken())
//	...
//	server.Demote(session.User())
//	server.Settle() // until every verifier has obeyed
//
// It owns nothing that decides: no check is left out or made easier, so what a
// verifier accepts here it would accept there. It can also do what a real
// server only suffers: be partitioned, delayed, paused, restored from a backup
// or replaced by a liar (Partition, Delay, Pause, Restore, Tamper, Intercept).
//
// With InMemory it uses no sockets and runs inside testing/synctest. Everything
// ends with the test. It is no server for anything but tests: it checks no
// passwords and keeps its keys in memory.
package verifytest
