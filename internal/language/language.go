// Package language owns the one catalogue of what Tandem says to people, in English and in German, and chooses the
// language by what a browser says its user reads. Mail, pages and console take their words from it; the JSON API and
// the log, which are for programs and operators, speak English and do not.
package language

import (
	"embed"
	"encoding/json"
	"fmt"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// The files are named ROOM.LANGUAGE.json and hold an object from ids, which begin with the room's name and a dot, to
// texts. In a text, {{.Name}} stands for what Say is given; an object with the members one and other instead of a text
// follows {{.Count}}.
//
//go:embed *.json
var files embed.FS

var (
	bundle  = load()
	matcher = language.NewMatcher(bundle.LanguageTags())
)

func load() *i18n.Bundle {
	b := i18n.NewBundle(language.English)
	b.RegisterUnmarshalFunc("json", json.Unmarshal)
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // what is embedded is there
	}
	for _, e := range entries {
		if _, err := b.LoadMessageFileFS(files, e.Name()); err != nil {
			panic(fmt.Sprintf("language: %s: %v", e.Name(), err))
		}
	}
	return b
}

// Tags are the names of the languages that are spoken.
func Tags() []string {
	var tags []string
	for _, tag := range bundle.LanguageTags() {
		tags = append(tags, tag.String())
	}
	return tags
}

// Speaker says things in one language. It is immutable and safe for concurrent use.
type Speaker struct {
	tag       string
	localizer *i18n.Localizer
}

// For answers a speaker of the language that suits best, going by the value of Accept-Language (RFC 9110 §12.5.4);
// English if none does.
func For(accepted string) Speaker {
	tags, _, err := language.ParseAcceptLanguage(accepted)
	if err != nil {
		tags = nil
	}
	_, index, _ := matcher.Match(tags...)
	tag := bundle.LanguageTags()[index].String()
	return Speaker{tag: tag, localizer: i18n.NewLocalizer(bundle, tag)}
}

// Tag is the language's name, as in the attribute lang of HTML: "en" or "de".
func (s Speaker) Tag() string { return s.tag }

// Say answers the text of the id. `with` are pairs of names and values for what stands in braces; Count also chooses
// between singular and plural. An id that is not in the catalogue is answered as it is: a test finds it first.
func (s Speaker) Say(id string, with ...any) string {
	c := i18n.LocalizeConfig{MessageID: id}
	if len(with) > 0 {
		data := make(map[string]any, len(with)/2)
		for i := 0; i+1 < len(with); i += 2 {
			name, _ := with[i].(string)
			data[name] = with[i+1]
		}
		c.TemplateData, c.PluralCount = data, data["Count"]
	}
	text, err := s.localizer.Localize(&c)
	if err != nil && text == "" {
		return id
	}
	return text
}

// unknownRule is what is said of a rule that has no words.
const unknownRule = "rule.unknown"

// Rule says which rule a field breaks, in a sentence. `broken` is what programs are told: the field and its rule, as
// signin.FieldError has them. What the catalogue lacks is told without them: nobody reads what was not written for them.
func (s Speaker) Rule(broken string) string {
	id := "rule." + broken
	if text := s.Say(id); text != id {
		return text
	}
	return s.Say(unknownRule)
}
