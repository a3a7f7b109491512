package ceremony

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/roster/digest"
)

// A Prospect is what a plan comes to, before anything is done.
type Prospect struct {
	Findings  []Finding
	Sentences []string
	Change    []change.Sentence // the same, with what they do
	Draft     *Draft            // nil unless the plan makes a roster
}

// Prospect runs every check, and makes the draft of a plan that makes a roster.
// It writes nothing. The findings are there even where an error is returned.
func (c *Case) Prospect(ctx context.Context, rand io.Reader) (Prospect, error) {
	if c.Plan.Family() != plan.RosterFamily {
		p := Prospect{Findings: c.Judge()}
		if err := Refusal(p.Findings); err != nil {
			return p, err
		}
		p.Change = c.Change()
		p.Sentences = change.Texts(p.Change)
		return p, nil
	}
	d, err := Build(ctx, c, rand)
	if err != nil {
		return Prospect{Findings: c.Judge()}, err
	}
	return Prospect{d.Findings, d.Sentences(), d.Change(), d}, nil
}

// Overview says in lines what people review before the day: the plan's digest,
// the files that go in, who must be there with which card, every check, and what
// departs from the usual.
func (c *Case) Overview(findings []Finding) []string {
	p := c.Plan
	lines := []string{fmt.Sprintf("Plan of ceremony %s for %s: %s.", p.Ceremony, p.Repository, p.ActNames())}
	lines = append(lines, "The plan's digest:")
	lines = append(lines, change.Digest(digest.Sum(c.Raw))...)
	if p.Program.IsZero() {
		lines = append(lines, "NO PROGRAM is named: in a rehearsal only.")
	} else {
		lines = append(lines, "The program has SHA-256 "+p.Program.String()+".")
	}
	for _, in := range c.Inputs {
		lines = append(lines, fmt.Sprintf("Input %s: %q, SHA-256 %s.", in.What, in.Path, in.Digest))
	}
	if c.Sealed != nil {
		for _, f := range c.Sealed.Files {
			lines = append(lines, fmt.Sprintf("Sealed %q, SHA-256 %s.", f.Path, f.Digest))
		}
	}
	lines = append(lines, c.people()...)
	for _, out := range []struct{ what, path string }{{"Record", p.Outputs.Record}, {"Output", p.Outputs.Published}} {
		if out.path != "" {
			lines = append(lines, fmt.Sprintf("%s: %q.", out.what, out.path))
		}
	}
	for _, f := range findings {
		lines = append(lines, f.Line())
	}
	for _, d := range p.Policy.Departures() {
		lines = append(lines, "DEPARTS from the usual: "+d+".")
	}
	return append(lines, OffSentences(p)...)
}

// Line is the finding as people read it.
func (f Finding) Line() string {
	line := fmt.Sprintf("%-7s %s: %s", f.Word(), f.ID, f.Rule)
	if f.Parameter != "" {
		line += " (" + f.Parameter + ")"
	}
	return line
}

// people says who must be there, and with which card.
func (c *Case) people() []string {
	var lines []string
	if a := c.Plan.Roles.Administrator; a != "" {
		lines = append(lines, fmt.Sprintf("Ceremony administrator: %q.", a))
	}
	for _, w := range c.Witnesses {
		keys := make([]string, len(w.Keys))
		for i, k := range w.Keys {
			keys[i] = k.String()
		}
		if len(keys) == 0 {
			keys = []string{"NO CERTIFICATE"}
		}
		lines = append(lines, fmt.Sprintf("Witness %q: %s.", w.Name, strings.Join(keys, ", ")))
	}
	for _, h := range c.Keyholders {
		lines = append(lines, fmt.Sprintf("Keyholder %q with card %d, key %s.", h.Name, h.Card, h.Enrolment.Key))
	}
	for _, h := range c.Outgoing {
		lines = append(lines, fmt.Sprintf("Outgoing: %q with card %d, key %s, signs once more.", h.Name, h.Card, h.Enrolment.Key))
	}
	if p := c.previous(); p != nil && len(c.Keyholders) > 0 {
		lines = append(lines, fmt.Sprintf("Wanted: %d keyholders of roster %d, %d of the new one, and everyone whose key is new.", p.Threshold, p.Version, c.Plan.Roster.Threshold))
	} else if len(c.Keyholders) > 0 {
		lines = append(lines, "Wanted: all keyholders.")
	}
	return lines
}
