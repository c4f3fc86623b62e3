package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"tandem.example/tandem/internal/web"
)

//go:embed style.css frame.html assets
var files embed.FS

// Config is what all pages of a deployment have in common.
type Config struct {
	// Issuer is the public URL of the server; links and assets lie below its path.
	Issuer string
	// ServiceName is what people know the server as; "Tandem" if empty.
	ServiceName string
}

// Kit is what pages are made with. It is complete after Publish and Templates have been called, and then safe for
// concurrent use.
type Kit struct {
	service string
	base    string // path of the issuer, without a slash at its end
	style   string
	assets  map[string]asset  // by file, as in the URL
	names   map[string]string // the file of a name
}

// New makes a kit.
func New(c Config) (*Kit, error) {
	issuer, err := url.Parse(c.Issuer)
	if err != nil || issuer.Host == "" {
		return nil, errors.New("ui: the issuer must be an absolute URL")
	}
	if c.ServiceName == "" {
		c.ServiceName = "Tandem"
	}
	sheet, err := files.ReadFile("style.css")
	if err != nil {
		return nil, fmt.Errorf("ui: read stylesheet: %w", err)
	}
	k := &Kit{
		service: c.ServiceName, base: strings.TrimSuffix(issuer.EscapedPath(), "/"), style: compact(string(sheet)),
		assets: make(map[string]asset), names: make(map[string]string),
	}
	own, err := fs.Sub(files, "assets")
	if err != nil {
		return nil, fmt.Errorf("ui: read assets: %w", err)
	}
	if err := k.Publish(own); err != nil {
		return nil, err
	}
	return k, nil
}

// Path answers where a path of this server lies for a browser: below the issuer's path.
func (k *Kit) Path(path string) string { return k.base + path }

// Base is the path of the issuer without a slash at its end; empty for most.
func (k *Kit) Base() string { return k.base }

// ServiceName is what people know the server as.
func (k *Kit) ServiceName() string { return k.service }

// Register puts the assets up.
func (k *Kit) Register(site web.Site) {
	site.Handle("GET /assets/{file}", k.serveAsset)
}

// source is how a Content-Security-Policy names an inline element of just this text (CSP Level 3 §2.3.1).
func source(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// compact leaves out of a stylesheet what only its authors read. The sheet holds no strings with blanks that count.
func compact(sheet string) string {
	var b strings.Builder
	for sheet != "" {
		code, rest, found := strings.Cut(sheet, "/*")
		b.WriteString(code)
		if !found {
			break
		}
		_, sheet, _ = strings.Cut(rest, "*/")
	}
	out := strings.Join(strings.Fields(b.String()), " ")
	for _, tight := range []string{"{", "}", ";", ":", ","} {
		out = strings.ReplaceAll(out, tight+" ", tight)
	}
	return strings.ReplaceAll(strings.ReplaceAll(out, " {", "{"), ";}", "}")
}
