package main

import (
	"errors"
	"fmt"
	"strings"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/config"
)

type doctorCmd struct{}

func (doctorCmd) Help() string {
	return `Looks at the configuration, cookies, origins, proxy, mail server, providers, clock, key file and store, and, when the
server runs, at what it answers at its public URL. Changes nothing and sends no mail. Exit code 1 if something is wrong.`
}

// health is what a check found.
type health string

const (
	fine  health = "ok"
	risky health = "note" // works, but somebody should know
	wrong health = "WRONG"
)

// finding is one result of the doctor.
type finding struct {
	Check  string `json:"check"`
	Health health `json:"health"`
	Says   string `json:"says"`
	Fix    string `json:"fix,omitempty"`
}

// report gathers findings.
type report struct{ findings []finding }

func (r *report) ok(check, format string, args ...any) {
	r.findings = append(r.findings, finding{check, fine, fmt.Sprintf(format, args...), ""})
}

func (r *report) note(check, fix, format string, args ...any) {
	r.findings = append(r.findings, finding{check, risky, fmt.Sprintf(format, args...), fix})
}

func (r *report) wrong(check, fix, format string, args ...any) {
	r.findings = append(r.findings, finding{check, wrong, fmt.Sprintf(format, args...), fix})
}

func (doctorCmd) Run(a *app) error {
	r := &report{}
	cfg, err := a.configuration(nil, false)
	var bad *config.Error
	switch {
	case errors.As(err, &bad):
		for _, p := range bad.Problems {
			at := p.Source
			if p.Line > 0 {
				at = fmt.Sprintf("%s:%d", p.Source, p.Line)
			}
			r.wrong("configuration", p.Remedy, "%s", strings.TrimSpace(at+" "+p.Key+" "+p.Rule))
		}
	case err != nil:
		return err
	default:
		r.ok("configuration", "it is sound; issuer %s", cfg.Issuer)
		r.browsers(cfg)
		r.proxy(cfg)
		r.mail(a.ctx, cfg)
		if err := r.providers(a.ctx, cfg); err != nil {
			return err
		}
		if err := r.examine(a.ctx, cfg); err != nil {
			return err
		}
	}
	return a.tellReport(r)
}

func (a *app) tellReport(r *report) error {
	sick := 0
	for _, f := range r.findings {
		if f.Health == wrong {
			sick++
		}
	}
	if a.JSON {
		if err := a.printJSON(r.findings); err != nil {
			return err
		}
	} else {
		for _, f := range r.findings {
			fmt.Fprintf(a.stdout, "%-6s %-14s %s\n", f.Health, f.Check, printable(f.Says))
			if f.Fix != "" {
				fmt.Fprintf(a.stdout, "%-6s %-14s fix: %s\n", "", "", printable(f.Fix))
			}
		}
		if sick > 0 {
			fmt.Fprintf(a.stdout, "\n%s wrong.\n", count(sick, "thing is", "things are"))
		} else {
			fmt.Fprintln(a.stdout, "\nNothing is wrong.")
		}
	}
	if sick > 0 {
		return errSilent
	}
	return nil
}

// embeddedOnly words what cannot be examined.
func embeddedOnly(r *report, err error) bool {
	if !errors.Is(err, tandem.ErrNotEmbedded) {
		return false
	}
	r.note("store", "use store: sqlite for anything that must outlive the process", "it is memory: everything is forgotten when the server stops, the master key too")
	return true
}
