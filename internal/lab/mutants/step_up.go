package main

// Mutations of how people prove anew who they are, and of what takes a new proof.
var stepUpMutations = []mutation{
	{stepUps, "one factor renews a session of two", []edit{
		{"internal/signin/policy_step_up.go", "	case verified, own && (first || recent):", "	case verified, own && (first || recent), first && level == twoFactors:"},
	}, ".", "./internal/signin", "TestEveryStepUp|TestStepUp"},
	{stepUps, "a second factor renews itself without the first", []edit{
		{"internal/signin/policy_step_up.go", "recent := level == oneFactor && a.Since", "recent := a.Since"},
	}, ".", "./internal/signin", "TestEveryStepUp|TestStepUp"},
	{stepUps, "the first factor of a session counts however old it is", []edit{
		{"internal/signin/policy_step_up.go", "recent := level == oneFactor && a.Since < freshFor", "recent := level == oneFactor"},
	}, ".", "./internal/signin", "TestEveryStepUp|TestStepUp"},
	{stepUps, "a mailed code is taken from whoever has a password", []edit{
		{"internal/signin/policy_step_up.go", "[]application.Method{application.Password, application.EmailCode} {", "[]application.Method{application.EmailCode, application.Password} {"},
	}, ".", "./internal/signin", "TestEveryStepUp|TestStepUp"},
	{stepUps, "a program steps up by what pages would not take", []edit{
		{"internal/signin/renew.go", "	case !v.Done:\n		return Grant{}, &SecondFactorError{Factors: v.Ask}\n	}", "	case !v.Done:\n		v.ACR = twoFactors\n	}"},
	}, ".", "./internal/httpapi", "TestSecondFactor"},
	{stepUps, "a level stays when its factor is gone", []edit{
		{"internal/signin/settle.go", "			before = nil // what", "			before = who.View.Session.AMR // what"},
	}, ".", "./internal/signin", "TestStepUpWithout"},
	{stepUps, "a provider that asked nobody is believed", []edit{
		{"internal/signin/prove_provider.go", "!sent.IsZero() && who.AuthTime.After(sent.Add(-skew)) && ", "!sent.IsZero() && "},
	}, ".", "./internal/pages", "TestStepUpAtAProvider"},
	{stepUps, "a provider that asked tomorrow is believed", []edit{
		{"internal/signin/prove_provider.go", " && who.AuthTime.Before(now.Add(skew))", ""},
	}, ".", "./internal/signin", "TestStepUpAtAProvider"},
	{stepUps, "a provider is not told to ask again", []edit{
		{"internal/federate/connect.go", "oauth2.SetAuthURLParam(\"prompt\", \"login\"), ", ""},
	}, ".", "./internal/federate", "TestAskedAgain"},
	{stepUps, "a provider that cannot be told is asked as any other", []edit{
		{"internal/signin/service.go", "			if p.Again {\n", "			if p.Again || p.Name != \"\" {\n"},
	}, ".", "./internal/pages", "TestStepUpAtAProvider"},
	{stepUps, "a password is changed without the second factor", []edit{
		{"internal/signin/renew.go", "if has.enrolled() && !fresh(", "if has.enrolled() && next.Empty() && !fresh("},
	}, ".", "./internal/httpapi", "TestPasswordIsChanged"},
	{stepUps, "a change of password counts as a proof of both factors", []edit{
		{"internal/signin/renew.go", "		if keep.ACR == twoFactors {", "		if keep.ACR == \"\" {"},
	}, ".", "./internal/httpapi", "TestPasswordIsChanged"},
	{stepUps, "a factor that is set up counts as a proof of the person", []edit{
		{"internal/signin/settle.go", "			renewal.AuthenticatedAt = who.View.Session.AuthenticatedAt // setting", "			// setting"},
	}, ".", "./internal/signin", "TestPasswordIsChanged"},
	{guesses, "each known device has guesses of its own at a second factor", []edit{
		{"internal/signin/prove_second.go", "limit.Key(\"second factor of a known device\", string(user.ID))", "limit.Key(\"second factor of a known device\", c.DeviceToken)"},
	}, ".", "./internal/signin", "TestKnownDevices"},
	{guesses, "whoever knows the password locks the owner out of the second factor", []edit{
		{"internal/signin/prove_second.go", "	if err != nil || !known {\n		return denied, err\n	}\n	return", "	if err != nil || known || !known {\n		return denied, err\n	}\n	return"},
	}, ".", ".", "TestSecondFactorIsGuessedTenTimes"},
	{claims, "an address that an operator changes stays verified", []edit{
		{"internal/operator/users.go", "			a.EmailVerified = new(bool)\n", "			a.EmailVerified = p.EmailVerified\n"},
	}, ".", "./internal/httpapi", "TestUsers"},
}
