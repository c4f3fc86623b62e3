package main

// Mutations of relays: of the age that they add, and of what they acknowledge.
var relayMutations = []mutation{
	{ages, "relay: an answer does not say how old it is", []edit{
		{"internal/relay/mirror.go", "m.marks(ask)), Age: age}", "m.marks(ask)), Age: 0 * age}"},
	}, ".", "./internal/relay", "TestChainKeepsTheBound"},
	{ages, "relay: the age counts from when upstream's answer arrived", []edit{
		{"internal/relay/mirror.go", "m.lease = rep.Lease(sent)", "m.lease = rep.Lease(received)"},
	}, ".", "./internal/relay", "TestChainKeepsTheBound"},
	{ages, "relay: the same, seen in each answer", []edit{
		{"internal/relay/mirror.go", "m.lease = rep.Lease(sent)", "m.lease = rep.Lease(received)"},
	}, ".", "./internal/relay", "TestAgeIsNeverYoungerThanTheTruth"},
	{ages, "relay: the age that upstream owned to is left out", []edit{
		{"internal/relay/mirror.go", "m.lease = rep.Lease(sent)", "rep.AgeMS = 0\n	m.lease = rep.Lease(sent)"},
	}, ".", "./internal/relay", "TestChainKeepsTheBound|TestAgeIsNeverYoungerThanTheTruth"},
	{ages, "feed: the age of a read is not told", []edit{
		{"internal/feed/service.go", "AgeMS: int64((page.Age", "AgeMS: 0 * int64((page.Age"},
	}, ".", "./internal/feed", "TestAgeOfAReadIsToldAsOfTheRequest"},
	{ages, "feed: the age is rounded down", []edit{
		{"internal/feed/service.go", "page.Age + time.Millisecond - 1", "page.Age"},
	}, ".", "./internal/feed", "TestAgeOfAReadIsToldAsOfTheRequest"},
	{suspend, "relay: a sleep that was seen is forgotten once the wall clock is set back", []edit{
		{"verify/revocation/clock.go", "r := old.Reading(now)", "r := now"},
	}, ".", "./internal/relay", "TestSleepDoesNotMakeTheMirrorYounger"},
	{unauthentic, "relay: upstream's replies are not checked", []edit{
		{"internal/relay/upstream.go", "if err := jws.VerifyDetached(signature, body, \"revocation-sync\", key); err != nil {", "if err := jws.VerifyDetached(signature, body, \"revocation-sync\", key); err != nil && false {"},
		{"internal/relay/upstream.go", "if key, ok = u.keys.Find(header.KeyID); !ok {", "if key, ok = u.keys.Find(header.KeyID); !ok && false {"},
	}, ".", "./internal/relay", "TestReplyOfAnotherKeyIsRefused"},
	{receipts, "relay: it acknowledges what its zone has not", []edit{
		{"internal/relay/follow.go", "		acked = l.acked\n", "		acked = req.Position\n"},
	}, ".", "./internal/relay", "TestReceiptWaitsForTheZoneOfARelay"},
	{receipts, "relay: one that is restarted takes the place of the one before", []edit{
		{"internal/relay/follow.go", "revocation.NewFollower(r.Name, rand.Text(),", "revocation.NewFollower(r.Name, r.Name,"},
	}, ".", "./internal/relay", "TestReceiptOutlivesARelay"},
	{receipts, "what a relay acknowledges for its zone is passed over", []edit{
		{"verify/revocation/wire.go", "return min(r.Position, *r.Acknowledged)", "return r.Position"},
	}, ".", "./internal/feed", "TestAcknowledgementOfThoseBehindCounts"},
}
