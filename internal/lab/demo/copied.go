package demo

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// printed is the form in which credentials are handed out.
var printed = regexp.MustCompile(`tds_[a-z0-9]{26}[A-Za-z0-9_-]{43}|tdr_[A-Za-z0-9_-]{20,}|tdk_[A-Za-z0-9_-]{20,}`)

// copiedDatabase takes the whole data directory as a thief would, but for the master key, which lies elsewhere in
// production, and looks for anything that could be used.
func copiedDatabase(s *stage, r *report) {
	s.mu.Lock()
	secrets := append([]string{password}, s.secrets...)
	s.mu.Unlock()
	files, bytesRead, found := 0, 0, 0
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Base(path) == "master.key" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files, bytesRead = files+1, bytesRead+len(content)
		for _, secret := range secrets {
			if bytes.Contains(content, []byte(secret)) {
				found++
			}
		}
		found += len(printed.FindAll(content, -1))
		return nil
	})
	r.want(err == nil && files > 0, "copied %d files, %d KiB", files, bytesRead>>10)
	r.want(found == 0, "searched for all %d secrets handed out so far: %d found", len(secrets), found)
	log := []byte(s.output.String())
	for _, secret := range secrets {
		if bytes.Contains(log, []byte(secret)) {
			found++
		}
	}
	r.want(found == 0, "searched what the server printed: %d found", found)
}
