package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// skipAll reads a document without wanting anything of it.
func skipAll(text string) error {
	var r Reader
	return Read(&r, text, func(string) error { return nil })
}

func TestDocuments(t *testing.T) {
	raw, err := os.ReadFile("testdata/documents.json")
	if err != nil {
		t.Fatal(err)
	}
	var documents []struct{ Name, Document, Rule string }
	if err := json.Unmarshal(raw, &documents); err != nil {
		t.Fatal(err)
	}
	for _, d := range documents {
		t.Run(d.Name, func(t *testing.T) {
			rule := ""
			if err := skipAll(d.Document); err != nil {
				rule = err.Error()
			}
			if rule != d.Rule {
				t.Errorf("Read(%q): rule %q, want %q", d.Document, rule, d.Rule)
			}
		})
	}
}

// Bytes that are no UTF-8 cannot stand in a JSON file of documents.
func TestBrokenUTF8(t *testing.T) {
	for _, text := range []string{
		"{\"a\":\"\xff\"}", "{\"a\":\"\xc0\x80\"}", "{\"\xed\xa0\x80\":1}", "{}\x80", "{\"a\":\"\xf4\x90\x80\x80\"}",
	} {
		if err := skipAll(text); err != ErrUTF8 {
			t.Errorf("Read(%q): %v, want %v", text, err, ErrUTF8)
		}
	}
}

func TestMemberLimit(t *testing.T) {
	members := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`"m%d":%d`, i, i))
		}
		return strings.Join(list, ",")
	}
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"as many as allowed", "{" + members(64) + "}", nil},
		{"one more", "{" + members(65) + "}", ErrMembers},
		{"nested ones count while open", `{"outer":{` + members(64) + "}}", ErrMembers},
		{"closed ones do not count", `{"a":{` + members(60) + `},"b":{` + members(60) + "}}", nil},
	} {
		if err := skipAll(c.text); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestIntegers(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "7": 7, "1767225600": 1767225600, "9007199254740991": MaxInteger,
		"9007199254740992": -1, "99999999999999999999999": -1, "-1": -1, "-0": -1, "1.0": -1, "1e3": -1,
		`"1"`: -1, "null": -1, "true": -1, "[1]": -1, "{}": -1,
	} {
		var r Reader
		got := int64(-1)
		err := Read(&r, `{"n":`+text+`}`, func(string) (err error) {
			got, err = r.Integer()
			return err
		})
		if want < 0 && err != ErrInteger {
			t.Errorf("Integer of %s: %d, %v, want %v", text, got, err, ErrInteger)
		}
		if want >= 0 && (err != nil || got != want) {
			t.Errorf("Integer of %s: %d, %v, want %d", text, got, err, want)
		}
	}
}

func TestWrongKinds(t *testing.T) {
	var r Reader
	object := func() error { return r.Object(func(string) error { return nil }) }
	array := func() error { return r.Array(func() error { return nil }) }
	text := func() error { _, err := r.String(); return err }
	for _, c := range []struct {
		value string
		read  func() error
		want  error
	}{
		{"[]", object, ErrObject}, {`"{}"`, object, ErrObject}, {"{}", object, nil},
		{"{}", array, ErrArray}, {`"[]"`, array, ErrArray}, {"[]", array, nil},
		{"1", text, ErrString}, {"null", text, ErrString}, {`["a"]`, text, ErrString}, {`"a"`, text, nil},
	} {
		err := Read(&r, `{"v":`+c.value+`}`, func(string) error { return c.read() })
		if err != c.want {
			t.Errorf("reading %s: %v, want %v", c.value, err, c.want)
		}
	}
}

// What is not read is passed over, and what is read is what was written.
func TestReadsWhatIsWanted(t *testing.T) {
	var r Reader
	var names, list []string
	err := Read(&r, `{"skip":{"x":[1,{"y":"\u0041"}]},"list":[ "a", 1 , "\u00e9\ud83d\ude00\/" ],"last":"z"}`, func(name string) error {
		names = append(names, name)
		if name != "list" {
			return nil
		}
		return r.Array(func() error {
			if r.Peek() != '"' {
				return nil
			}
			s, err := r.String()
			list = append(list, s)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(names, list); got != "[skip list last] [a é😀/]" {
		t.Errorf("read %s", got)
	}
}

func TestCallbackErrorEndsReading(t *testing.T) {
	stop := errors.New("stop")
	calls := 0
	var r Reader
	err := Read(&r, `{"a":[1,2,3],"b":1}`, func(string) error {
		return r.Array(func() error { calls++; return stop })
	})
	if err != stop || calls != 1 {
		t.Errorf("got %v after %d calls, want %v after 1", err, calls, stop)
	}
}

// FuzzRead compares with encoding/json: what is accepted is valid JSON and has
// the same names, each once.
func FuzzRead(f *testing.F) {
	raw, err := os.ReadFile("testdata/documents.json")
	if err != nil {
		f.Fatal(err)
	}
	var documents []struct{ Document string }
	if err := json.Unmarshal(raw, &documents); err != nil {
		f.Fatal(err)
	}
	for _, d := range documents {
		f.Add(d.Document)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r Reader
		texts := map[string]string{}
		err := Read(&r, text, func(name string) error {
			texts[name] = ""
			if r.Peek() != '"' {
				return nil
			}
			s, err := r.String()
			texts[name] = s
			return err
		})
		if err != nil {
			return
		}
		var loose map[string]any
		if err := json.Unmarshal([]byte(text), &loose); err != nil {
			t.Fatalf("accepted %q, which encoding/json refuses: %v", text, err)
		}
		if len(loose) != len(texts) {
			t.Fatalf("%q: %d members, encoding/json has %d", text, len(texts), len(loose))
		}
		for name, want := range loose {
			got, ok := texts[name]
			if s, isText := want.(string); !ok || isText && s != got {
				t.Fatalf("%q: member %q is %q, encoding/json has %q", text, name, got, want)
			}
		}
	})
}
