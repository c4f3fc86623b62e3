package revocation_test

import (
	"fmt"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// A verifier follows the log and decides. Transport, signature and clocks are its own affair; here the reply is at hand
// and a second passes between any two steps.
func Example() {
	var seconds time.Duration
	clocks := func() revocation.Reading {
		seconds++
		return revocation.Reading{Mono: seconds * time.Second, Wall: seconds * time.Second}
	}
	set := revocation.NewSet(0)
	follower := revocation.NewFollower("bank", "a random name", set)

	// Sync: read the clocks, send, verify the signature, apply, and only then let the lease count.
	sent := clocks()
	request := follower.Request("a random nonce", 2*time.Second)
	log := newLog("4jq0x8zr7c2v5n9m1k3t6w8y0b")
	log.append(revocation.SessionEvent("ses_1"))
	reply := log.reply(request)
	if _, err := follower.Apply(request, reply, clocks().Mono); err != nil {
		fmt.Println(err)
		return
	}
	published := reply.Lease(sent)

	// Decide: take the lease, look into the set, and ask last whether that lease holds.
	decide := func(session string) {
		lease := published
		verdict := set.Check(&revocation.Token{
			SessionID: revocation.Hash(session), Subject: revocation.Hash("usr_1"), ClientID: revocation.Hash("app_1"),
			KeyID: revocation.Hash("key_1"), Epoch: "4jq0x8zr", Seq: 1,
		})
		fmt.Println(session, verdict, lease.Holds(clocks()))
	}
	decide("ses_1")
	decide("ses_2")
	seconds += 10
	decide("ses_2")
	// Output:
	// ses_1 revoked true
	// ses_2 clear true
	// ses_2 clear false
}
