// Package pages owns what a person sees in a browser: sign-up, sign-in, a forgotten password, step-up, sign-out, the
// account page, and the pages that say what went wrong.
//
// Every act is a plain form that is posted and answered with a redirect, so all of it works without script; passkeys,
// which browsers offer to script only, are the one exception. Nothing that somebody typed ever stands in an URL. Who
// may do what is decided in signin: pages ask it, show what it answers, and know no policy of their own.
package pages
