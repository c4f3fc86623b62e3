//go:build !race

package model

// usual is how many schedules are played if nobody says otherwise.
const usual = 500
