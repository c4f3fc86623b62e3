package mail

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/url"
	"strings"

	"tandem.example/tandem/internal/language"
)

//go:embed letter.html
var letterHTML string

var layout = template.Must(template.New("letter").Parse(letterHTML))

// letter is a message in the making: what it says is put down once, part by part, and written out as plain text and as
// HTML, so that the two cannot differ.
type letter struct {
	to, service, subject string
	kind                 Kind
	speaker              language.Speaker
	parts                []part
}

// part is a paragraph, a list of facts, a code or a link: one of them.
type part struct {
	Text        string
	Facts       []string
	Code        string
	Label, Link string
}

// letter begins one. The subject is the text of the id.
func (h Happening) letter(kind Kind, s language.Speaker, subject string) *letter {
	return &letter{to: h.To, service: oneLine(h.Service), subject: subject, kind: kind, speaker: s}
}

// say adds a paragraph: the text of the id, with pairs of names and values.
func (l *letter) say(id string, with ...any) *letter {
	l.parts = append(l.parts, part{Text: l.text(id, with...)})
	return l
}

func (l *letter) text(id string, with ...any) string {
	return l.speaker.Say(id, append([]any{"Service", l.service}, with...)...)
}

// facts adds what is known of the request.
func (l *letter) facts(h Happening) *letter {
	facts := []string{l.text("mail.when", "Value", h.At.UTC().Format(l.text("mail.time")))}
	for _, f := range []struct{ id, value string }{{"mail.device", oneLine(h.Device)}, {"mail.address", oneLine(h.IP)}} {
		if f.value != "" {
			facts = append(facts, l.text(f.id, "Value", f.value))
		}
	}
	l.parts = append(l.parts, part{Facts: facts})
	return l
}

func (l *letter) code(code string) *letter {
	l.parts = append(l.parts, part{Code: oneLine(code)})
	return l
}

// link adds a link with a label; one that is no link is left out.
func (l *letter) link(label, to string) *letter {
	if to = safeLink(to); to != "" {
		l.parts = append(l.parts, part{Label: l.text(label), Link: to})
	}
	return l
}

// message writes the letter out.
func (l *letter) message() Message {
	l.parts = append(l.parts, part{Text: l.text("mail.automatic")})
	m := Message{To: l.to, Kind: l.kind, Language: l.speaker.Tag()}
	m.Subject = l.text("mail.subject", "Subject", l.text(l.subject))
	paragraphs := make([]string, len(l.parts))
	for i, p := range l.parts {
		switch {
		case p.Code != "":
			paragraphs[i] = "    " + p.Code
		case p.Link != "":
			paragraphs[i] = p.Label + ":\n" + p.Link
		case p.Facts != nil:
			paragraphs[i] = strings.Join(p.Facts, "\n")
		default:
			paragraphs[i] = p.Text
		}
	}
	m.Text = strings.Join(paragraphs, "\n\n") + "\n"
	var html bytes.Buffer
	if err := layout.Execute(&html, map[string]any{"Language": m.Language, "Subject": m.Subject, "Parts": l.parts}); err != nil {
		panic("mail: " + err.Error()) // the layout is ours, and writing to memory does not fail
	}
	m.HTML = html.String()
	return m
}

// maxLink bounds a link, in bytes.
const maxLink = 2048

// safeLink answers the link as it may stand in a message: an absolute URL of http or https; empty if it is none.
func safeLink(link string) string {
	u, err := url.Parse(link)
	if err != nil || len(link) > maxLink || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil ||
		strings.ContainsFunc(link, unbecoming) || strings.ContainsAny(link, " <>\"") {
		return ""
	}
	return u.String()
}

// maxFact bounds what a request can put into a notice, in characters.
const maxFact = 80

// oneLine makes a text from outside fit for a line of a message.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unbecoming(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > maxFact {
		s = string(runes[:maxFact-1]) + "…"
	}
	return s
}
