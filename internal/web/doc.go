// Package web owns what everything that Tandem serves over HTTP shares: the exchange that accompanies a request
// (its id, where it comes from, what becomes of it), handlers that return errors, problems as RFC 9457 has them,
// finding the one credential of a request, cookies, the protection against other origins, and the server with its
// timeouts.
//
// It knows no domain service: which error is which problem, and who a credential belongs to, is for the transports
// (httpapi) to say. It is called by them and by package tandem.
package web
