package relay

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// Clients are those who may follow the log here: SHA-256 of each one's secret, by id. Secrets are random, so nothing
// slower is needed, and whoever reads the file can neither follow here nor upstream.
type Clients map[string][sha256.Size]byte

// ReadClients reads a list of clients: a line each, id and SHA-256 of the secret in hex; `#` begins a comment.
func ReadClients(r io.Reader) (Clients, error) {
	list := make(Clients)
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("clients: line %d: want an id and the SHA-256 of its secret", n)
		}
		sum, err := hex.DecodeString(fields[1])
		if err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("clients: line %d: want SHA-256 in 64 hex digits, as `printf %%s \"$SECRET\" | sha256sum` prints it", n)
		}
		if _, twice := list[fields[0]]; twice {
			return nil, fmt.Errorf("clients: line %d: that id occurs twice", n)
		}
		list[fields[0]] = [sha256.Size]byte(sum)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("clients: %w", err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("clients: the list is empty")
	}
	return list, nil
}

// accept reports whether the secret is that client's.
func (c Clients) accept(id, text string) bool {
	want, known := c[id]
	sum := sha256.Sum256([]byte(text))
	return known && subtle.ConstantTimeCompare(want[:], sum[:]) == 1
}
