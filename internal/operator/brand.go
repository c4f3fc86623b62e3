package operator

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // a format of logos
	_ "image/png"  // a format of logos
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tandem.example/tandem/internal/application"
)

const (
	maxTitle = 60       // characters
	maxLogo  = 32 << 10 // bytes of the image
	maxSide  = 4096     // pixels
)

// readable is the least contrast of text on its ground (WCAG 2.2 §1.4.3).
const readable = 4.5

// checkBrand refuses a brand that pages could not show, or that shows what it does not say.
func checkBrand(b application.Brand) error {
	unfit := func(r rune) bool { return !unicode.IsPrint(r) } // control characters, and those that turn the direction of writing
	switch {
	case utf8.RuneCountInString(b.Title) > maxTitle || !utf8.ValidString(b.Title) || strings.ContainsFunc(b.Title, unfit):
		return &FieldError{Field: "brand.title", Rule: "must be at most 60 printable characters"}
	case b.Title != "" && strings.TrimSpace(b.Title) != b.Title:
		return &FieldError{Field: "brand.title", Rule: "must not begin or end with a space"}
	}
	if b.Color != "" {
		ratio, ok := onWhite(b.Color)
		if !ok {
			return &FieldError{Field: "brand.color", Rule: "must be of the form #rrggbb"}
		}
		if ratio < readable {
			return &FieldError{Field: "brand.color", Rule: fmt.Sprintf("must have a contrast of at least %.1f:1 on white, and has %.1f:1: choose a darker one",
				readable, math.Floor(ratio*10)/10)}
		}
	}
	if b.Logo != "" {
		if err := checkLogo(b.Logo); err != nil {
			return &FieldError{Field: "brand.logo", Rule: err.Error()}
		}
	}
	return nil
}

// onWhite is the contrast ratio of a colour on white, 1 to 21.
func onWhite(color string) (ratio float64, ok bool) {
	if len(color) != 7 || color[0] != '#' {
		return 0, false
	}
	n, err := strconv.ParseUint(color[1:], 16, 32)
	if err != nil {
		return 0, false
	}
	linear := func(c uint64) float64 {
		v := float64(c&255) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 1.05 / (0.2126*linear(n>>16) + 0.7152*linear(n>>8) + 0.0722*linear(n) + 0.05), true
}

var (
	errLogo     = errors.New("must be a data: URI in base64 of a PNG, JPEG, WebP or SVG image")
	errLogoSize = errors.New("must be an image of at most 32 KiB and 4096 pixels a side")
	errLogoKind = errors.New("must be an image of the type that its data: URI says")
	errLogoLive = errors.New("must be an SVG image without scripts, event handlers, entities and embedded documents")
)

// checkLogo refuses a logo whose bytes are not what it says, and, although pages show it in an img element where nothing
// of it runs, an SVG that holds what could run elsewhere.
func checkLogo(uri string) error {
	kind, text, ok := strings.Cut(strings.TrimPrefix(uri, "data:image/"), ";base64,")
	if !ok || !strings.HasPrefix(uri, "data:image/") {
		return errLogo
	}
	if len(text) > base64.StdEncoding.EncodedLen(maxLogo) {
		return errLogoSize
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return errLogo
	}
	if len(raw) > maxLogo {
		return errLogoSize
	}
	switch kind {
	case "png", "jpeg":
		c, is, err := image.DecodeConfig(bytes.NewReader(raw))
		if err != nil || is != kind {
			return errLogoKind
		}
		if c.Width > maxSide || c.Height > maxSide {
			return errLogoSize
		}
	case "webp": // RFC 9649 §2.4
		if len(raw) < 16 || string(raw[:4]) != "RIFF" || string(raw[8:15]) != "WEBPVP8" || uint64(binary.LittleEndian.Uint32(raw[4:]))+8 > uint64(len(raw)) {
			return errLogoKind
		}
	case "svg+xml":
		return checkSVG(raw)
	default:
		return errLogo
	}
	return nil
}

func checkSVG(raw []byte) error {
	d := xml.NewDecoder(bytes.NewReader(raw))
	root := false
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) && root {
			return nil
		}
		if err != nil {
			return errLogoKind
		}
		switch t := t.(type) {
		case xml.Directive:
			if strings.Contains(strings.ToUpper(string(t)), "ENTITY") {
				return errLogoLive
			}
		case xml.StartElement:
			if !root && t.Name.Local != "svg" {
				return errLogoKind
			}
			root = true
			if live(t) {
				return errLogoLive
			}
		}
	}
}

// live reports whether an element of SVG could run or load something where it is not shown as an image.
func live(e xml.StartElement) bool {
	switch strings.ToLower(e.Name.Local) {
	case "script", "foreignobject", "iframe", "embed", "object", "handler":
		return true
	}
	for _, a := range e.Attr {
		name, value := strings.ToLower(a.Name.Local), strings.ToLower(strings.TrimSpace(a.Value))
		if strings.HasPrefix(name, "on") || name == "href" && !strings.HasPrefix(value, "#") && !strings.HasPrefix(value, "data:image/") {
			return true
		}
	}
	return false
}
