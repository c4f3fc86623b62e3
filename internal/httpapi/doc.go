// Package httpapi is the JSON API of Tandem: the first-party API, the administration API, what verifiers and machines
// call, and the handler of the admin listener (metrics and profiling).
//
// It parses requests, calls a domain service and writes the answer; it decides nothing about users or sessions. Which
// error becomes which problem stands in one table (problems.go). The OpenAPI document is generated from the types by
// huma; the one route that is too busy for that is written by hand and described to it.
//
// It is called by package tandem, which wires it.
package httpapi
