package ui

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strconv"
	"strings"
)

// packed is a text that is the same in every page, and the same as blocks of DEFLATE (RFC 1951) that end at a byte and
// do not end the stream.
type packed struct{ text, blocks []byte }

func pack(text string) packed {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		panic(err) // there is such a level
	}
	_, err = w.Write([]byte(text))
	if err := errors.Join(err, w.Flush()); err != nil {
		panic(err) // memory takes all
	}
	return packed{[]byte(text), b.Bytes()}
}

// shorten writes a page as gzip (RFC 1952), of which nothing is compressed but the texts that are the same in every
// page. So a page arrives in the first round trip, it costs no time to speak of, and its length tells nothing of what
// was typed or is secret beside what it told before (the attacks CRIME and BREACH).
func shorten(page []byte, same []packed) []byte {
	out := make([]byte, 0, len(page))
	out = append(out, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255)
	rest := page
	for _, one := range same {
		before, after, found := bytes.Cut(rest, one.text)
		if !found || len(one.text) == 0 {
			continue
		}
		out, rest = append(stored(out, before), one.blocks...), after
	}
	out = stored(out, rest)
	out = append(out, 1, 0, 0, 0xff, 0xff) // the last block: nothing
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(page))
	return binary.LittleEndian.AppendUint32(out, uint32(len(page))) //nolint:gosec // modulo 2^32, as it is to be
}

// stored appends blocks that hold the text as it is.
func stored(out, text []byte) []byte {
	const most = 1<<16 - 1
	for len(text) > 0 {
		n := min(len(text), most)
		out = append(out, 0, byte(n), byte(n>>8), byte(^n), byte(^n>>8)) //nolint:gosec // the length in 16 bits
		out, text = append(out, text[:n]...), text[n:]
	}
	return out
}

// takesGzip reads Accept-Encoding (RFC 9110 §12.5.3).
func takesGzip(accepted []string) bool {
	for one := range strings.SplitSeq(strings.Join(accepted, ","), ",") {
		name, weight, _ := strings.Cut(one, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
		return weight == "" || err == nil && q > 0
	}
	return false
}
