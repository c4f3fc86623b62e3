package language

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var placeholder = regexp.MustCompile(`{{[^}]*}}`)

// TestCatalogueIsWhole: each room says the same things in each language, with the same values in them.
func TestCatalogueIsWhole(t *testing.T) {
	rooms := map[string]map[string]map[string]any{}
	entries, err := files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		parts := strings.Split(e.Name(), ".")
		if len(parts) != 3 {
			t.Fatalf("%s is not named ROOM.LANGUAGE.json", e.Name())
		}
		text, err := files.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		var said map[string]any
		if err := json.Unmarshal(text, &said); err != nil {
			t.Fatalf("%s: %v", e.Name(), err)
		}
		for id := range said {
			if !strings.HasPrefix(id, parts[0]+".") {
				t.Errorf("%s: %s does not begin with the room's name", e.Name(), id)
			}
		}
		if rooms[parts[0]] == nil {
			rooms[parts[0]] = map[string]map[string]any{}
		}
		rooms[parts[0]][parts[1]] = said
	}
	for room, languages := range rooms {
		for _, tag := range []string{"en", "de"} {
			for id, text := range languages["en"] {
				other, ok := languages[tag][id]
				if !ok {
					t.Errorf("%s.%s.json lacks %s", room, tag, id)
					continue
				}
				if got, want := values(other), values(text); !slices.Equal(got, want) {
					t.Errorf("%s.%s.json: %s has %v, in English %v", room, tag, id, got, want)
				}
			}
			for id := range languages[tag] {
				if _, ok := languages["en"][id]; !ok {
					t.Errorf("%s.%s.json: %s is not said in English", room, tag, id)
				}
			}
		}
	}
}

func values(text any) []string {
	raw, _ := json.Marshal(text)
	found := placeholder.FindAllString(string(raw), -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func TestLanguageOfABrowser(t *testing.T) {
	for accepted, want := range map[string]string{
		"": "en", "de-AT,de;q=0.9,en;q=0.5": "de", "en-GB,de;q=0.4": "en", "fr-FR": "en", "fr,de;q=0.2": "de", ";;;": "en", "*": "en",
	} {
		if got := For(accepted).Tag(); got != want {
			t.Errorf("For(%q) speaks %s, want %s", accepted, got, want)
		}
	}
	if got := For("de").Say("common.yes"); got != "Ja" {
		t.Errorf("Say = %q", got)
	}
}
