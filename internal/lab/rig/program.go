package rig

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// suite is the programs of a server, which lie in one directory.
type suite struct {
	name     string
	programs []string // the first is the server itself
	places   []string // patterns of the directories where distributions put them, if not on PATH
	packages []string // of Debian; the first that can be had is installed
}

var (
	postgresSuite = suite{
		name:     "PostgreSQL",
		programs: []string{"postgres", "initdb"},
		places:   []string{"/usr/lib/postgresql/*/bin"},
		packages: []string{"postgresql"},
	}
	redisSuite = suite{
		name:     "Redis",
		programs: []string{"redis-server"},
		places:   []string{"/usr/bin"},
		packages: []string{"redis-server"},
	}
	valkeySuite = suite{
		name:     "Valkey",
		programs: []string{"valkey-server"},
		places:   []string{"/usr/bin"},
		packages: []string{"valkey-server", "valkey"},
	}
)

// find is the directory of the suite's programs, or "".
func (s suite) find() string {
	var dirs []string
	for _, program := range s.programs {
		path, err := exec.LookPath(program)
		if err != nil {
			continue
		}
		// What is on PATH may be a link to where the others are, or they are links side by side.
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(resolved))
		}
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, pattern := range s.places {
		found, _ := filepath.Glob(pattern) // only a bad pattern is an error
		slices.SortFunc(found, newest)
		dirs = append(dirs, found...)
	}
	for _, dir := range dirs {
		if !slices.ContainsFunc(s.programs, func(program string) bool { return !executable(filepath.Join(dir, program)) }) {
			return dir
		}
	}
	return ""
}

// newest puts directories of higher versions first: the 17 of /usr/lib/postgresql/17/bin.
func newest(a, b string) int {
	version := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir))) // zero, so last, if it is no number
		return n
	}
	return version(b) - version(a)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// require finds the first of the suites that is there, or installs the first that can be had. It answers the path of
// the server's program.
func require(t testing.TB, suites ...suite) string {
	t.Helper()
	if testing.Testing() && testing.Short() {
		t.Skipf("needs %s; with -short, tests need Go alone", suites[0].name)
	}
	look := func() string {
		for _, s := range suites {
			if dir := s.find(); dir != "" {
				return filepath.Join(dir, s.programs[0])
			}
		}
		return ""
	}
	if program := look(); program != "" {
		return program
	}
	var packages []string
	for _, s := range suites {
		packages = append(packages, s.packages...)
	}
	err := install(packages, func() bool { return look() != "" })
	program := look()
	if program == "" {
		t.Fatalf("%s is not here: looked for %s on PATH and in %s. Install it, on Debian with:\n  sudo apt-get install -y %s\n(%v)", suites[0].name,
			strings.Join(suites[0].programs, " and "), strings.Join(suites[0].places, ", "), packages[0], err)
	}
	return program
}

// servant is the user that PostgreSQL runs as when the tests run as root, which it refuses to; nil otherwise.
func servant() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		who, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("find a user for PostgreSQL, which refuses root: %w", err)
	}
	uid, err := strconv.ParseUint(who.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(who.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
