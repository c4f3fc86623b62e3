package config

import "slices"

// carriedClaims are the optional claims that every access token carries where
// they apply.
var carriedClaims = []string{"acr", "amr", "auth_time", "roles", "scope", "sid"}

// privateClaims are attributes of a person, by their names in OpenID Connect
// Core §5.1 and by those people use, which must not stand in a token that
// anyone who holds it can read.
var privateClaims = []string{
	"address", "birthdate", "birthday", "email", "email_verified", "family_name", "first_name", "full_name",
	"gender", "given_name", "ip", "last_name", "locale", "middle_name", "name", "nickname", "password",
	"password_hash", "phone", "phone_number", "phone_number_verified", "picture", "preferred_username",
	"profile", "secret", "ssn", "username", "website", "zoneinfo",
}

func checkClaim(ps *problems, claim string) {
	const key = "access_token_claims"
	switch {
	case slices.Contains(privateClaims, claim):
		ps.add(key, claim+" is private, and an access token is readable by whoever holds it: browsers, proxies and logs of every service it is sent to",
			"leave it out; a service that needs it asks GET /v1/me with the token")
	case !slices.Contains(carriedClaims, claim):
		remedy := "leave it out; tokens carry acr, amr, auth_time, roles, scope and sid anyway"
		if meant := nearest(claim, slices.Concat(carriedClaims, privateClaims)); meant != "" {
			remedy = "did you mean " + meant + "? Else leave it out"
		}
		ps.add(key, "names a claim that access tokens cannot carry", remedy)
	}
}
