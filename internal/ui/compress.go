package ui

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// packed is a text that is the same for all readers, and the same as blocks of DEFLATE (RFC 1951) that end at a byte and
// do not end the stream.
type packed struct{ text, blocks []byte }

func pack(text []byte) packed {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		panic(err) // there is such a level
	}
	_, err = w.Write(text)
	if err := errors.Join(err, w.Flush()); err != nil {
		panic(err) // memory takes all
	}
	return packed{bytes.Clone(text), b.Bytes()}
}

// fixed keeps what was packed: the few texts that pages are put together from whoever reads them. Its zero value is
// empty.
type fixed struct{ known sync.Map }

func (f *fixed) pack(text []byte) packed {
	if one, ok := f.known.Load(string(text)); ok {
		return one.(packed)
	}
	one, _ := f.known.LoadOrStore(string(text), pack(text))
	return one.(packed)
}

// shorten writes a page as gzip (RFC 1952), of which nothing is compressed but the texts that are the same for all
// readers, each by itself. So a page arrives in the first round trip, it costs no time to speak of, and its length tells
// nothing of what was typed or is secret beside what it told before (the attacks CRIME and BREACH).
func shorten(page []byte, same []packed) []byte {
	type place struct {
		at int
		packed
	}
	var places []place
	for _, one := range same {
		if at := bytes.Index(page, one.text); at >= 0 && len(one.text) > 0 {
			places = append(places, place{at, one})
		}
	}
	slices.SortFunc(places, func(a, b place) int { return a.at - b.at })
	out := make([]byte, 0, len(page))
	out = append(out, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255)
	done := 0
	for _, p := range places {
		if p.at < done {
			continue // it lies within another
		}
		out = append(stored(out, page[done:p.at]), p.blocks...)
		done = p.at + len(p.text)
	}
	out = stored(out, page[done:])
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
