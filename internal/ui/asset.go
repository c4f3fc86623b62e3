package ui

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"tandem.example/tandem/internal/web"
)

// asset is a file that pages load. Its URL holds a fingerprint of its content, so it may be kept for good.
type asset struct {
	kind string
	body []byte
}

// kinds are the media types of what may be published.
var kinds = map[string]string{
	".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png", ".txt": "text/plain; charset=utf-8",
}

// Publish adds every file of fsys to the assets. It is called before anything is served.
func (k *Kit) Publish(fsys fs.FS) error {
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			return fmt.Errorf("ui: publish %s: %w", name, err)
		}
		ext := path.Ext(name)
		kind, ok := kinds[ext]
		if !ok {
			return fmt.Errorf("ui: publish %s: no media type is known for it", name)
		}
		sum := sha256.Sum256(body)
		file := strings.TrimSuffix(path.Base(name), ext) + "." + hex.EncodeToString(sum[:8]) + ext
		k.assets[file], k.names[path.Base(name)] = asset{kind: kind, body: body}, file
		return nil
	})
}

// Asset answers the URL of a published file, for a template; an error for one that was not published.
func (k *Kit) Asset(name string) (string, error) {
	file, ok := k.names[name]
	if !ok {
		return "", fmt.Errorf("ui: %s was not published", name)
	}
	return k.Path("/assets/" + file), nil
}

// assetAge is for how long a browser keeps an asset without asking: its URL changes with its content.
const assetAge = "public, max-age=31536000, immutable"

func (k *Kit) serveAsset(x *web.Exchange, r *http.Request) error {
	one, ok := k.assets[r.PathValue("file")]
	if !ok {
		return web.NewProblem(http.StatusNotFound, web.CodeNotFound, "there is nothing at this path")
	}
	h := x.Header()
	h.Set("Content-Type", one.kind)
	h.Set("Cache-Control", assetAge)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Length", strconv.Itoa(len(one.body)))
	_, _ = x.Write(one.body) // the client is gone if this fails
	return nil
}
