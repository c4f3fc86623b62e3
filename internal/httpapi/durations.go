package httpapi

import (
	"strconv"
	"strings"
	"time"

	"tandem.example/tandem/internal/web"
)

const day = 24 * time.Hour

// maxDuration bounds what can be asked for, far from where durations overflow.
const maxDuration = 3650 * day

// parseDuration reads 15m, 1h30m or 14d. Empty is zero, which stands for the server's default.
func parseDuration(field, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	refused := web.Invalid(field, "must be a duration such as 30s, 15m or 14d")
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil || time.Duration(n)*day > maxDuration {
			return 0, refused
		}
		return time.Duration(n) * day, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxDuration {
		return 0, refused
	}
	return d, nil
}

// formatDuration writes what parseDuration reads, as short as can be; zero is empty.
func formatDuration(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := d.String() // such as 1h0m0s
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
