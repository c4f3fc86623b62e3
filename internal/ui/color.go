package ui

import (
	"fmt"
	"math"
	"strconv"
)

// color is in sRGB, 0 to 255 each.
type color [3]float64

// The surfaces on which an application's colour must be readable, as the stylesheet has them. A test compares.
var (
	white       = color{255, 255, 255}
	lightGround = color{0xf5, 0xf6, 0xf8}
	darkRaised  = color{0x1d, 0x26, 0x2d}
)

// readable is the least contrast of text, with something to spare (WCAG 2.2 §1.4.3 asks for 4.5).
const readable = 4.6

// parseColor reads #rrggbb and nothing else: it ends up in a stylesheet.
func parseColor(text string) (color, bool) {
	if len(text) != 7 || text[0] != '#' {
		return color{}, false
	}
	n, err := strconv.ParseUint(text[1:], 16, 32)
	if err != nil {
		return color{}, false
	}
	return color{float64(n >> 16 & 255), float64(n >> 8 & 255), float64(n & 255)}, true
}

func (c color) String() string {
	return fmt.Sprintf("#%02x%02x%02x", int(math.Round(c[0])), int(math.Round(c[1])), int(math.Round(c[2])))
}

// luminance is the relative luminance of WCAG 2.2.
func (c color) luminance() float64 {
	linear := func(v float64) float64 {
		if v /= 255; v <= 0.04045 {
			return v / 12.92
		} else {
			return math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}

// contrast is the contrast ratio of two colours, 1 to 21.
func contrast(a, b color) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// towards moves the colour towards another until it is readable on the ground.
func (c color) towards(other, ground color) color {
	const steps = 50
	for i := 0; i <= steps; i++ {
		share := float64(i) / steps
		mixed := color{c[0] + (other[0]-c[0])*share, c[1] + (other[1]-c[1])*share, c[2] + (other[2]-c[2])*share}
		if contrast(mixed, ground) >= readable {
			return mixed
		}
	}
	return other
}

// brandStyle is a stylesheet that puts an application's colour in place of the accent: darker where it could not be
// read on light ground, lighter on dark. It is empty for a text that is no colour.
func brandStyle(text string) string {
	c, ok := parseColor(text)
	if !ok {
		return ""
	}
	light, dark := c.towards(color{}, lightGround), c.towards(white, darkRaised)
	return ":root{--accent:" + light.String() + "}@media(prefers-color-scheme:dark){:root{--accent:" + dark.String() + "}}"
}
