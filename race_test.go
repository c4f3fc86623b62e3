//go:build race

package tandem

// usualSchedules is less than without the race detector, under which each of them takes ten times as long.
const usualSchedules = 100
