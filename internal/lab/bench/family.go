package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// kin is a process as /proc tells of it.
type kin struct {
	parent int
	cpu    time.Duration // with that of its children which have ended
}

// familyTime is the processor time of the living processes that this one has started, and of those that they have: what
// a store's server does for a call is part of its cost.
func familyTime() (sum time.Duration) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	all := map[int]kin{}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if k, ok := readKin(pid); ok {
				all[pid] = k
			}
		}
	}
	own := os.Getpid()
	for pid, k := range all {
		for up := k.parent; ; up = all[up].parent {
			if up == own && pid != own {
				sum += k.cpu
			}
			if up == own || up == 0 {
				break
			}
		}
	}
	return sum
}

// readKin reads proc(5)'s /proc/pid/stat, whose second field, the name, is in parentheses and may hold some itself.
func readKin(pid int) (k kin, ok bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return k, false
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 15 {
		return k, false
	}
	k.parent, err = strconv.Atoi(fields[1])
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime
		n, _ := strconv.ParseInt(f, 10, 64) // a number, says the kernel
		k.cpu += time.Duration(n) * tick
	}
	return k, err == nil
}

// withFamily adds to a sample what the servers of the stores used of the processors meanwhile.
func withFamily(measure func() (sample, error)) (sample, error) {
	before := familyTime()
	s, err := measure()
	s.cpu += max(0, familyTime()-before)
	return s, err
}
