package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (completionCmd) Help() string {
	return `Examples:
  tandem completion bash > /etc/bash_completion.d/tandem
  tandem completion zsh  > "${fpath[1]}/_tandem"
  tandem completion fish > ~/.config/fish/completions/tandem.fish`
}

func (c completionCmd) Run(a *app, k *kong.Kong) error {
	verbs := verbsOf(k.Model.Node, nil)
	script := map[string]func([]verb) string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell]
	_, err := fmt.Fprint(a.stdout, script(verbs))
	return err
}

// verb is a command as completion sees it.
type verb struct {
	path  []string // of the words that lead to it; empty for tandem itself
	help  string
	below []choice // commands below it, or the values of its first argument
	flags []choice
	files bool // it takes a file
}

// choice is a word with what it means.
type choice struct{ word, help string }

// key joins the words that lead to a verb.
func (v verb) key() string { return strings.Join(v.path, " ") }

// verbsOf lists a command with all below it.
func verbsOf(n *kong.Node, path []string) []verb {
	v := verb{path: path, help: n.Help}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			if !slices.ContainsFunc(v.flags, func(c choice) bool { return c.word == "--"+f.Name }) {
				v.flags = append(v.flags, choice{"--" + f.Name, f.Help})
			}
		}
	}
	var verbs []verb
	for _, child := range n.Children {
		if child.Type != kong.CommandNode || child.Hidden {
			continue
		}
		v.below = append(v.below, choice{child.Name, child.Help})
		verbs = append(verbs, verbsOf(child, append(slices.Clone(path), child.Name))...)
	}
	for i, p := range n.Positional {
		if i == 0 && p.Enum != "" {
			for _, value := range p.EnumSlice() {
				v.below = append(v.below, choice{value, p.Help})
			}
		}
		v.files = v.files || p.Name == "file"
	}
	return append([]verb{v}, verbs...)
}

func words(choices []choice) string {
	list := make([]string, len(choices))
	for i, c := range choices {
		list[i] = c.word
	}
	return strings.Join(list, " ")
}

// bashCompletion finds the verb in the words typed so far, then offers what belongs to it.
func bashCompletion(verbs []verb) string {
	var b strings.Builder
	b.WriteString(`# bash completion for tandem
_tandem() {
  local cur=${COMP_WORDS[COMP_CWORD]} verb= word next i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    [[ $word == -* ]] && continue
    next=${verb:+$verb }$word
    case $next in
`)
	for _, v := range verbs {
		if len(v.path) > 0 {
			fmt.Fprintf(&b, "      %q) verb=$next ;;\n", v.key())
		}
	}
	b.WriteString("    esac\n  done\n  local below= flags= files=\n  case $verb in\n")
	for _, v := range verbs {
		fmt.Fprintf(&b, "    %q) below=%q flags=%q files=%q ;;\n", v.key(), words(v.below), words(v.flags), yes(v.files))
	}
	b.WriteString(`  esac
  case $cur in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$cur")) ;;
    *)
      COMPREPLY=($(compgen -W "$below" -- "$cur"))
      [[ -n $files ]] && COMPREPLY+=($(compgen -f -- "$cur"))
      ;;
  esac
}
complete -o filenames -F _tandem tandem
`)
	return b.String()
}

func yes(v bool) string {
	if v {
		return "yes"
	}
	return ""
}

func zshCompletion(verbs []verb) string {
	var b strings.Builder
	b.WriteString(`#compdef tandem
_tandem() {
  local verb="" word next i
  for ((i = 2; i < CURRENT; i++)); do
    word=${words[i]}
    [[ $word == -* ]] && continue
    next="${verb:+$verb }$word"
    case $next in
`)
	for _, v := range verbs {
		if len(v.path) > 0 {
			fmt.Fprintf(&b, "      (%s) verb=$next ;;\n", quoteZsh(v.key()))
		}
	}
	b.WriteString("    esac\n  done\n  local -a below flags\n  local files=\n  case $verb in\n")
	for _, v := range verbs {
		fmt.Fprintf(&b, "    (%s)\n      below=(%s)\n      flags=(%s)\n      files=%s\n      ;;\n",
			quoteZsh(v.key()), described(v.below), described(v.flags), quoteZsh(yes(v.files)))
	}
	b.WriteString(`  esac
  if [[ ${words[CURRENT]} == -* ]]; then
    _describe flag flags
  else
    (( $#below )) && _describe command below
    [[ -n $files ]] && _files
  fi
}
if [[ $funcstack[1] == _tandem ]]; then _tandem "$@"; else compdef _tandem tandem; fi
`)
	return b.String()
}

// quoteZsh quotes for zsh and fish alike, where nothing but the quote itself and the backslash means anything inside.
func quoteZsh(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func described(choices []choice) string {
	list := make([]string, len(choices))
	for i, c := range choices {
		list[i] = quoteZsh(c.word + ":" + strings.ReplaceAll(c.help, ":", `\:`))
	}
	return strings.Join(list, " ")
}

func fishCompletion(verbs []verb) string {
	var b strings.Builder
	b.WriteString(`# fish completion for tandem
function __tandem_verb
    set -l verb
    for word in (commandline -opc)[2..]
        string match -q -- '-*' $word; and continue
        set -l next (string join ' ' $verb $word)
        contains -- $next $argv; and set verb $next
    end
    echo "$verb"
end
`)
	var known []string
	for _, v := range verbs {
		if len(v.path) > 0 {
			known = append(known, quoteFish(v.key()))
		}
	}
	fmt.Fprintf(&b, "set -g __tandem_verbs %s\n", strings.Join(known, " "))
	b.WriteString("function __tandem_at\n    test (__tandem_verb $__tandem_verbs) = \"$argv\"\nend\ncomplete -c tandem -f\n")
	for _, v := range verbs {
		at := quoteFish("__tandem_at " + v.key())
		for _, c := range v.below {
			fmt.Fprintf(&b, "complete -c tandem -n %s -a %s -d %s\n", at, quoteFish(c.word), quoteFish(c.help))
		}
		for _, c := range v.flags {
			fmt.Fprintf(&b, "complete -c tandem -n %s -l %s -d %s\n", at, strings.TrimPrefix(c.word, "--"), quoteFish(c.help))
		}
		if v.files {
			fmt.Fprintf(&b, "complete -c tandem -n %s -F\n", at)
		}
	}
	return b.String()
}

func quoteFish(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
