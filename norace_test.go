//go:build !race

package tandem

// usualSchedules is how many TestSchedules plays if nobody says otherwise.
const usualSchedules = 2000
