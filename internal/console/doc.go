// Package console owns the operator's console: pages on which the person on call sees who is signed in, how sign-ins go
// and how far each verifier is, and on which they lock, demote, end and revoke, and watch the receipt fill.
//
// It decides nothing of its own: reading and doing are operator's and feed's. What is its own is who may come in (a
// person with the role admin, by the session cookie alone), that whoever acts has proven themselves lately, says why and
// was shown whom it touches, and that sending a form twice does a thing once. It is called by package tandem.
package console
