// Package limit decides how often something may be done: signing in to one
// account, signing in from one address.
//
// The rule is the generic cell rate algorithm (ITU-T I.371, as boulder's
// ratelimits uses it): of each key one time is kept, the moment at which its
// allowance will be whole again. Decide is that rule and nothing else: a pure
// function of what is kept, the policy and the time. Store is the port that
// applies it atomically; Memory is the store for one process.
//
// It owns neither which things are limited nor what a refusal looks like: the
// flows in package signin choose keys and policies, the transports answer. It
// reads no clock.
package limit
