package ui

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"tandem.example/tandem/internal/web"
)

// A shortened page is the page, of whatever length and wherever the sheets lie in it.
func TestShortenedPageIsThePage(t *testing.T) {
	sheet, own := strings.Repeat("body{color:#111}a{color:#22e}", 400), "main{margin:0 auto}"
	same := []packed{pack([]byte(own)), pack([]byte(sheet))}
	for name, page := range map[string]string{
		"both": "<style>" + sheet + "</style><style>" + own + "</style><p>text", "one": "<style>" + sheet + "</style><p>text", "none": "<p>text", "empty": "",
		"alone": sheet, "long": "<style>" + sheet + "</style>" + strings.Repeat("<li>much to read", 10_000), "twice": sheet + sheet,
	} {
		short := shorten([]byte(page), same)
		r, err := gzip.NewReader(bytes.NewReader(short))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		read, err := io.ReadAll(r)
		if err != nil || string(read) != page {
			t.Errorf("%s: read %d bytes of %d, %v", name, len(read), len(page), err)
		}
		if strings.Contains(page, sheet) && len(short) > len(page)-len(sheet)*9/10 {
			t.Errorf("%s: %d bytes are still %d", name, len(page), len(short))
		}
	}
}

// What a page says beside its sheets does not change by how much it is shortened: its length tells as much as it did.
func TestShorteningTellsNothing(t *testing.T) {
	one := pack([]byte("body{color:#111}"))
	secret := "<style>body{color:#111}</style><p>JBSW Y3DP EHPK 3PXP<p>"
	for _, guess := range []string{"JBSW Y3DP EHPK 3PXP", "AAAA BBBB CCCC DDDD", "body{color:#111}aaa"} {
		if got, want := len(shorten([]byte(secret+guess), []packed{one})), len(shorten([]byte(secret+"xxxx xxxx xxxx xxxx"), []packed{one})); got != want {
			t.Errorf("with %q the page has %d bytes, with another of its length %d", guess, got, want)
		}
	}
}

func TestWhoTakesGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "gzip, deflate, br, zstd": true, "br;q=1.0, GZIP;q=0.5": true, "gzip;q=0": false, "deflate": false, "gzip; q=0.1": true, "gzip;x": false, "*": false,
	} {
		if got := takesGzip([]string{header}); got != want {
			t.Errorf("Accept-Encoding %q: %v", header, got)
		}
	}
}

// What is the same for all readers is sent compressed, whatever it stands in; what is not, is sent as it is.
func TestWhatIsFixedIsCompressed(t *testing.T) {
	kit, err := New(Config{Issuer: "https://auth.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	list := `<option value="session.signed_in"><option value="session.signed_out"><option value="session.sign_in_refused"><option value="session.ended">`
	set, err := kit.Templates(fstest.MapFS{"a.html": {Data: []byte(`{{define "list"}}{{range .}}<option value="{{.}}">{{end}}{{end}}` +
		`{{define "page"}}<p>{{.Data.Secret}}<p>{{.Data.Typed}}{{template "list" .Data.All}}{{end}}`)}}, "*.html")
	if err != nil {
		t.Fatal(err)
	}
	all := []string{"session.signed_in", "session.signed_out", "session.sign_in_refused", "session.ended"}
	length := func(typed string) int {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", "gzip")
		page := Page{Title: "T", Menu: []Link{{Label: "One", Path: "/one"}}, Data: map[string]any{"Secret": "JBSW Y3DP", "Typed": typed, "All": all}}
		if err := set.Render(&web.Exchange{ResponseWriter: w, Request: r}, r, 200, "page", page); err != nil {
			t.Fatal(err)
		}
		body, err := gzip.NewReader(bytes.NewReader(w.Body.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(body)
		if err != nil || !strings.Contains(string(text), list) || !strings.Contains(string(text), "JBSW Y3DP") {
			t.Fatalf("%v: %s", err, text)
		}
		return w.Body.Len()
	}
	loose := length("JBSW Y3DX")
	if err := set.Fix("list", all); err != nil {
		t.Fatal(err)
	}
	fixed := length("JBSW Y3DX")
	if loose-fixed < len(list)/3 {
		t.Errorf("the page has %d bytes, and %d with its list fixed", loose, fixed)
	}
	if got := length("JBSW Y3DP"); got != fixed {
		t.Errorf("the length tells a right guess: %d bytes, %d for a wrong one", got, fixed)
	}
}
