// Package e2e drives the whole product in a real Chromium: pages, flows, cookies, attacks from other origins, and what
// pages cost and whether everybody can use them. It is a module of its own, so that nothing that ships depends on the
// library that speaks to the browser.
//
// Tests stand on two packages. browser drives a Chromium as a person would; site puts up a Tandem in this process, and
// strangers' sites beside it. A test takes the browser that all of them share, and profiles of its own:
//
//	s := site.Start(t, site.Config{})                          // http://localhost:PORT; Host: "auth.example.test" for https
//	tab := chromium(t).Profile(t).Tab(t)                       // a person with a fresh browser
//	tab.Visit(s.URL + "/sign-in")
//	tab.Fill("Email", "ada@example.com")
//	tab.Follow("Continue")
//	code := s.Mail.Await(t, "ada@example.com", 0, func(m site.Message) bool { return m.Code() != "" }).Code()
//
// A test that needs flags of its own starts a browser for itself: browser.Start(t, browser.Config{Certificates:
// []string{site.KeyHash()}, Features: []string{"DeviceBoundSessions"}}).
//
// Two profiles are two people, or two devices of one: they share nothing. Two tabs of one profile share its cookies.
// Profile.Cookies shows cookies as they were stored, Profile.SetCookies carries them elsewhere, Tab.Requests shows what was
// asked (Tab.Parts: for this page), Tab.Authenticator gives a virtual authenticator, Tab.Axe runs axe-core, Tab.Weigh
// weighs. What a page must never do fails the test by itself; Tab.Faults takes what was expected.
//
// Tests need Chromium, which is found on PATH or installed when root on Debian; with -short they are skipped.
package e2e
