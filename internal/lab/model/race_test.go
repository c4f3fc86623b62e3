//go:build race

package model

// usual is a tenth of what is played without the race detector: a run has one goroutine, so there is little to detect.
const usual = 50
