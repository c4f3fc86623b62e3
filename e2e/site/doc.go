// Package site puts up what browsers meet in tests: a whole Tandem in this process, on http://localhost or on https below
// example.test, with the messages that it sends caught; and sites of strangers beside it.
package site
