package config

import "slices"

// PrivateClaims are the attributes of a person that must not stand in an
// access token, for tools that look at one.
func PrivateClaims() []string { return slices.Clone(privateClaims) }
