package rig

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// blank is the data directory of a PostgreSQL that was never started. To make one takes a second, to copy it a tenth.
type blank struct {
	dir      string
	as       *syscall.Credential // whom it belongs to
	password string              // of postgres, on TCP
}

// template is this process's.
var template = sync.OnceValues(func() (*blank, error) {
	as, err := servant()
	if err != nil {
		return nil, err
	}
	dir, err := newDirectory(as)
	if err != nil {
		return nil, err
	}
	b := &blank{dir: filepath.Join(dir, "blank"), as: as, password: rand.Text()}
	secret := dir + ".password"
	if err := os.WriteFile(secret, []byte(b.password), 0o600); err != nil {
		return nil, err
	}
	defer os.Remove(secret)
	if as != nil {
		if err := os.Chown(secret, int(as.Uid), int(as.Gid)); err != nil {
			return nil, err
		}
	}
	// Who may enter the directory of the socket is trusted; on TCP everybody of this machine can knock.
	err = run(dir, as, filepath.Join(postgresSuite.find(), "initdb"), "-D", b.dir, "-U", "postgres", "--pwfile", secret,
		"--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	return b, err
})

// copy makes a data directory at dir.
func (b *blank) copy(dir string) error {
	return run("/", b.as, "cp", "-a", "--reflink=auto", b.dir, dir)
}
