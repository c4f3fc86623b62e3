package sqlite

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
)

// What a thief finds in a copied store: names and digests, and nothing that was ever handed to a client.
func TestFilesHoldNoCredential(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	app, u := s.addApplication(t, "app"), s.addUser(t, "anna")
	tokens := session.NewRefreshTokens(secret.Random(32))
	var issued []string

	row := draft(u, app, epochDay)
	text, digest := session.NewToken(row.ID)
	row.Token = digest
	first := tokens.New(row.ID, 1)
	row.Refresh = session.Refresh{Generation: 1, Digest: first.Digest(), RotatedAt: epochDay}
	s.start(t, row)
	second := tokens.New(row.ID, 2)
	_, err := s.Sessions().Rotate(t.Context(), session.Rotation{
		ID: row.ID, Generation: 1, Digest: first.Digest(), Next: second.Digest(), Sealed: first.Seal(second),
		At: epochDay, IdleExpiresAt: epochDay.Add(session.Standard.Idle),
	})
	if err != nil {
		t.Fatal(err)
	}
	key, keyText := credential.NewAPIKey("deploy", "operator", nil, epochDay)
	if err := s.APIKeys().Create(t.Context(), key, audit.New(audit.APIKeyCreated, epochDay)); err != nil {
		t.Fatal(err)
	}
	for _, t := range []secret.Text{text, tokens.Text(first), tokens.Text(second), keyText} {
		issued = append(issued, t.Reveal())
	}

	// In the write-ahead log, and in the database after it.
	searchFiles(t, dir, row, issued)
	s.Close()
	searchFiles(t, dir, row, issued)
}

// searchFiles looks for each token whole, for its secret as text, and for the secret's bytes. The session's id and
// digest must be found, or the search would find nothing anyway.
func searchFiles(t *testing.T, dir string, row session.Session, issued []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, content...)
	}
	if !bytes.Contains(all, []byte(row.ID)) || !bytes.Contains(all, row.Token[:]) {
		t.Fatal("not even the digest is in the files")
	}
	for _, token := range issued {
		spelled := token[4+26:] // behind the prefix and the id
		raw, err := base64.RawURLEncoding.DecodeString(spelled)
		if err != nil {
			t.Fatal(err)
		}
		body := raw
		if strings.HasPrefix(token, session.RefreshPrefix) {
			body = raw[4 : 4+24] // generation, secret, tag
		}
		for what, needle := range map[string][]byte{"token": []byte(token), "spelling": []byte(spelled), "secret": body} {
			if bytes.Contains(all, needle) {
				t.Errorf("the files hold the %s of a %.4s", what, token)
			}
		}
	}
}
