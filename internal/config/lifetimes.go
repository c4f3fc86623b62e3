package config

import (
	"fmt"
	"time"
)

func (c Config) checkLifetimes(ps *problems) {
	oneOf(ps, "session.preset", c.Session.Preset, PresetStandard, PresetStrict)
	for _, l := range []struct {
		name           string
		idle, absolute time.Duration
	}{{"session", c.Session.Idle, c.Session.Absolute}, {"refresh", c.Refresh.Idle, c.Refresh.Absolute}} {
		idle, absolute := l.name+".idle", l.name+".absolute"
		switch {
		case l.name == "refresh" && l.idle == c.Session.Idle && l.absolute == c.Session.Absolute:
			// Most likely taken over from the session, which was checked.
		case l.idle < 0:
			ps.add(idle, "must be more than zero", "write a value such as 14d")
		case l.absolute < 0:
			ps.add(absolute, "must be more than zero", "write a value such as 30d")
		case l.idle > l.absolute:
			ps.add(idle, fmt.Sprintf("(%s) is longer than %s (%s)", formatDuration(l.idle), absolute, formatDuration(l.absolute)),
				"shorten the one or lengthen the other", absolute, "session.idle", "session.absolute", "session.preset")
		}
	}
	between(ps, "drain", c.Drain, 0, maxDrain, "5s")
	if g := c.Refresh.Grace; g != NoGrace && (g < 0 || g > maxGrace) {
		ps.add("refresh.grace", "must be from 0s to 5m", "write a value such as 30s")
	}
}

func (c Config) checkLimits(ps *problems) {
	for _, l := range []struct {
		key    string
		number int
	}{{"limits.sign_in_per_account", c.Limits.SignInPerAccount}, {"limits.sign_in_per_address", c.Limits.SignInPerAddress}} {
		if l.number <= 0 {
			ps.add(l.key, "must be more than 0", "write a number such as 10; limits.enabled: false turns limits off")
		}
	}
	if n := c.Password.MinLength; n < minPassword || n > maxPassword {
		ps.add("password.min_length", fmt.Sprintf("must be from %d to %d", minPassword, maxPassword), "write a number such as 12")
	}
	if c.Session.Limit < 0 {
		ps.add("session.limit", "must not be negative", "write 0 for no limit, or a number such as 10")
	}
}
