// Package browser drives a real Chromium for tests, as a person would: it visits pages, fills fields by their labels,
// clicks what has a name, and reads what is shown. It sees what a person does not: cookies as they were stored, each
// request, each complaint of the browser.
//
//	b := browser.Start(t, browser.Config{Certificates: ...})  // one process; share it
//	p := b.Profile(t)                                         // a person's browser: cookies of its own
//	tab := p.Tab(t)
//	tab.Visit(site + "/sign-in")
//	tab.Fill("Email", "ada@example.com")
//	tab.Follow("Continue")                                    // a click, and the page that it leads to
//
// Every wait is for a condition and bounded by Patience. A method that cannot do what it says fails the test. What a
// page must never do (an uncaught exception, a violation of its Content-Security-Policy, an error on the console, a
// request to another host than those of the test, a missing part) is collected, and fails the test when it ends;
// Faults takes what was expected.
//
// Nothing outside of this machine is ever asked: every name but localhost and those below example.test, which stand for
// 127.0.0.1, is unknown to the browser.
//
// Only driver.go knows the library that speaks the DevTools protocol. The other files send commands of the protocol by
// their names (Tab.Command), which are its documentation's.
package browser
