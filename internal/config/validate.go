package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Validate reports what is wrong with c, completed by WithDefaults, as an
// *Error that holds every problem. It is pure: it asks neither files nor
// network, so a file that is missing or a port in use is found later.
func (c Config) Validate() error { return c.WithDefaults().check().err() }

// check applies every rule to a completed Config.
func (c Config) check() problems {
	var ps problems
	c.checkIssuer(&ps)
	c.checkListeners(&ps)
	c.checkStores(&ps)
	c.checkTokens(&ps)
	c.checkBrowsers(&ps)
	c.checkLimits(&ps)
	c.checkLifetimes(&ps)
	c.checkProxies(&ps)
	c.checkMail(&ps)
	c.checkProviders(&ps)
	c.checkSignIn(&ps)
	oneOf(&ps, "log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf(&ps, "log.format", c.Log.Format, "text", "json")
	return ps
}

// oneOf refuses a text that is none of those allowed.
func oneOf(ps *problems, key, text string, allowed ...string) {
	if slices.Contains(allowed, text) {
		return
	}
	last := len(allowed) - 1
	remedy := "write " + allowed[0]
	if meant := nearest(text, allowed); meant != "" {
		remedy = "did you mean " + meant + "?"
	}
	ps.add(key, "must be "+strings.Join(allowed[:last], ", ")+" or "+allowed[last], remedy)
}

// between refuses a duration outside its bounds.
func between(ps *problems, key string, d, low, high time.Duration, example string) {
	if d < low || d > high {
		ps.add(key, fmt.Sprintf("must be from %s to %s", formatDuration(low), formatDuration(high)), "write a value such as "+example)
	}
}
