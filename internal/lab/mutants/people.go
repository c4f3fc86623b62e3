package main

// Mutations of how people prove who they are.
var peopleMutations = []mutation{
	{replays, "the step of a one-time code is not spent", []edit{
		{"internal/signin/prove_second.go", "		err = s.Codes.SpendStep(ctx, user.ID, step)\n", "		_ = step\n"},
	}, ".", "./internal/signin", "TestOneTimeCodeIsGoodOnce"},
	{replays, "the attempt is finished after the session was begun", []edit{
		{"internal/signin/settle.go", "	if err := s.finish(ctx, t); err != nil {\n		return Progress{}, err\n	}\n	var (", "	var ("},
		{"internal/signin/settle.go", "	return t.done(g), nil\n}\n\nfunc (s *Service) finish", "	if err := s.finish(ctx, t); err != nil {\n		return Progress{}, err\n	}\n	return t.done(g), nil\n}\n\nfunc (s *Service) finish"},
	}, ".", "./internal/signin", "TestAnAttemptBeginsOneSession"},
	{replays, "the counter of a passkey is ignored", []edit{
		{"internal/credential/webauthn.go", "if err == nil && used.Authenticator.CloneWarning {", "if false {"},
	}, ".", "./internal/signin", "TestPasskeys"},
	{guesses, "a mailed code is compared before the guess is counted", []edit{
		{"internal/signin/prove_code.go", "	if err := s.Attempts.Try(ctx, t.kept.ID, codeTries); err != nil {\n		return Progress{}, fmt.Errorf(\"count a guess: %w\", err)\n	}\n	// What counts", "	// What counts"},
		{"internal/signin/prove_code.go", "		return Progress{}, s.wrongCode(ctx, t)\n	}\n	s.refund(ctx, tried)\n", "		if err := s.Attempts.Try(ctx, t.kept.ID, codeTries); err != nil {\n			return Progress{}, fmt.Errorf(\"count a guess: %w\", err)\n		}\n		return Progress{}, s.wrongCode(ctx, t)\n	}\n	s.refund(ctx, tried)\n"},
	}, ".", ".", "TestMailedCodeIsGuessedFiveTimes"},
	{guesses, "guesses at a second factor are counted by attempt alone", []edit{
		{"internal/signin/prove_second.go", "limit.Key(\"second factor\", string(user.ID))", "limit.Key(\"second factor\", c.RequestID)"},
	}, ".", ".", "TestSecondFactorIsGuessedTenTimes"},
	{guesses, "guesses at a second factor are not counted by attempt", []edit{
		{"internal/signin/prove_second.go", "	if err := s.Attempts.Try(ctx, t.kept.ID, codeTries); err != nil {\n		return nil, fmt.Errorf(\"count a guess: %w\", err)\n	}\n", ""},
	}, ".", ".", "TestAttemptHasFiveGuessesAtASecondFactor"},
	{tells, "no mail goes to an address without an account", []edit{
		{"internal/signin/prove_code.go", "	s.tell(ctx, m)\n", "	if !t.state.Code.Void {\n		s.tell(ctx, m)\n	}\n"},
	}, ".", ".", "TestPagesTellNothingOfAccounts"},
	{tells, "nothing is hashed for a user who is not there", []edit{
		{"internal/signin/enter.go", "		if err := s.Hasher.VerifyAbsent(ctx, password); err != nil {\n			return account.User{}, 0, err\n		}\n		return account.User{}, 0, ErrInvalidCredentials", "		return account.User{}, 0, ErrInvalidCredentials"},
	}, ".", ".", "TestPagesTellNothingOfAccounts"},
	{links, "any link is taken in any attempt that waits for one", []edit{
		{"internal/signin/prove_code.go", "if err != nil || !kept.Equal(secret.Sum(random)) {", "if _ = secret.Sum(random); err != nil || kept.IsZero() {"},
	}, ".", ".", "TestPrefetchedLink"},
	{links, "a link is used up when it is fetched", []edit{
		{"internal/pages/prove.go", "	link := v.r.URL.Query().Get(\"token\")\n", "	link := v.r.URL.Query().Get(\"token\")\n	if held, err := v.resume(); err == nil && asks(held, application.EmailCode) {\n		v.r.PostForm = v.r.URL.Query()\n		return v.proveLink()\n	}\n"},
	}, ".", ".", "TestPrefetchedLink"},
	{claims, "a claimed account keeps what was set up before", []edit{
		{"internal/signin/claim.go", "DropCredentials: true, ", ""},
	}, ".", ".", "TestPreparedAccount"},
	{claims, "a claimed account keeps its sessions", []edit{
		{"internal/signin/claim.go", "EndSessions: string(session.AccountClaimed),", "EndSessions: string(session.AccountClaimed)[:0],"},
	}, ".", ".", "TestPreparedAccount"},
	{claims, "an account at a provider is connected by an address that nobody vouches for", []edit{
		{"internal/signin/prove_provider.go", "if !who.EmailVerified || account.CheckEmail", "if account.CheckEmail"},
	}, ".", "./internal/signin", "TestProvider"},
	{claims, "an account at a provider is connected by the address of a user here", []edit{
		{"internal/signin/prove_provider.go", "	case user.EmailVerified || user.Status != account.Active:\n", "	case user.Status != account.Active:\n"},
	}, ".", "./internal/signin", "TestProvider"},
	{skipped, "the API asks for no second factor", []edit{
		{"internal/signin/enter.go", "	e.ACR, err = s.secondFactor(ctx, &e, in, c)\n", "	e.ACR, err = oneFactor, error(nil)\n"},
	}, ".", "./internal/httpapi", "TestSecondFactor"},
	{skipped, "a session is begun although the policy asks for a second factor", []edit{
		{"internal/signin/policy.go", "	case level == twoFactors, r.SecondFactor == application.Never:\n", "	case level == twoFactors, r.SecondFactor == application.Never, len(a.Proofs) > 0 && a.Proofs[0].Method == application.EmailCode:\n"},
	}, ".", "./internal/signin", "TestEvery"},
	{skipped, "a factor is set up by whoever has one already", []edit{
		{"internal/signin/enrol.go", "	return v.Enrol && slices.Contains(v.Ask, m)\n", "	return slices.Contains(v.Ask, m)\n"},
	}, ".", ".", "TestNoStepIsSkipped"},
	{skipped, "a second factor is proven before the first", []edit{
		{"internal/signin/prove_second.go", "	if !s.asks(t, m) {\n		return nil, ErrNotNow\n	}\n", ""},
	}, ".", ".", "TestNoStepIsSkipped"},
	{skipped, "a remembered device is remembered whatever changes", []edit{
		{"internal/signin/remember.go", "\"%s.%s.%d\", at, user, revision)", "\"%s.%s.%d\", at, user, 0)"},
	}, ".", ".", "TestRememberedDevice"},
	{skipped, "a remembered device is remembered for everybody", []edit{
		{"internal/signin/remember.go", "\"%s.%s.%d\", at, user, revision)", "\"%s.%s.%d\", at, \"\", revision)"},
	}, ".", ".", "TestRememberedDevice"},
	{attempts, "the secret of an attempt is not compared", []edit{
		{"internal/signin/step.go", "	if !digest.Equal(kept.Digest) {\n", "	if digest.IsZero() {\n"},
	}, ".", "./internal/signin", "TestTokenOfAnAttempt"},
	{attempts, "the attempt of a session goes on without the session", []edit{
		{"internal/pages/attempt.go", "|| err == nil && who.View.Session.ID != p.Session {", "&& false || who.At.IsZero() && false {"},
	}, ".", ".", "TestAttemptOfAnotherSession"},
	{attempts, "an attempt outlives what it rests on", []edit{
		{"internal/signin/step.go", "user.Revision != t.state.Revision || ", ""},
	}, ".", "./internal/signin", "TestAttemptDies|TestRecoveryIsVoid"},
	{attempts, "people are sent back anywhere", []edit{
		{"internal/signin/begin.go", "	return \"\", ErrReturnTo\n}\n", "	return to, nil\n}\n"},
	}, ".", "./internal/signin", "TestReturnTo"},
	{bindings, "a bound session needs no bound cookie", []edit{
		{"internal/signin/check.go", "id.Unbound && !p.Leaving {", "id.Unbound && p.Token.Empty() {"},
	}, ".", ".", "TestCopiedCookieOfABoundSession"},
	{bindings, "a bound cookie outlives its time", []edit{
		{"internal/session/binder.go", "bound.Reveal()); ok && now.Before(until) {", "bound.Reveal()); ok {"},
	}, ".", "./internal/session", "TestBoundCookie"},
	{rows, "a seed is not sealed for its user", []edit{
		{"internal/signin/prove_second.go", "return \"totp:\" + string(user)", "return \"totp\""},
	}, ".", ".", "TestSwappedRowsDoNotOpen"},
	{rows, "the state of an attempt is not sealed for it", []edit{
		{"internal/signin/step.go", "return \"attempt:\" + attempt", "return \"attempt\""},
	}, ".", ".", "TestSwappedRowsDoNotOpen"},
	{rows, "a message in the queue is not sealed for its row", []edit{
		{"internal/mail/outbox.go", "return \"mail:\" + id", "return \"mail\""},
	}, ".", ".", "TestSwappedRowsDoNotOpen"},
	{unrenewed, "a session that changes its factors keeps its credentials", []edit{
		{"internal/signin/prove_provider.go", "	g, err := s.renewed(ctx, t.identity(), proofs, level, t.delivery(), why, t.client)\n	if err != nil {\n		return Progress{}, err\n	}\n	return t.done(g), do()", "	_, _ = level, why\n	return t.done(Grant{}), do()"},
	}, ".", ".", "TestMatrix/(second_factor_added|passkey_added)"},
	{unrenewed, "a forgotten password ends no session", []edit{
		{"internal/signin/choose.go", "		Announce: []revocation.Event{revocation.SubjectEvent(string(t.user.ID))},\n", ""},
		{"internal/signin/choose.go", "	\"tandem.example/tandem/verify/revocation\"\n", ""},
	}, ".", ".", "TestMatrix/forgotten_password"},
}
