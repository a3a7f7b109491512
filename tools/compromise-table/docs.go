package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
)

// The table stands between these lines of the threat model.
const (
	beginMark = "<!-- made from docs/promises.json by tools/compromise-table; do not edit -->"
	endMark   = "<!-- end -->"
)

// table prints the promises as the threat model shows them.
func table(promises []promise) string {
	var b strings.Builder
	b.WriteString("| who is compromised | names without an anchored list | established packages | for how long | PEP 458, for the same keys | PEP 480, for the same keys |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, p := range promises {
		fmt.Fprintf(&b, "| `%s`: %s | %s | %s | %s | %s | %s |\n", p.ID, p.Who, p.Names, p.Established, p.Duration, p.PEP458, p.PEP480)
	}
	b.WriteString("\nWhat is possible, and any one thing that ends it:\n\n| who | attacks | client | until any of |\n| --- | --- | --- | --- |\n")
	first := make(map[string]string) // who has these lines
	for _, p := range promises {
		lines := p.lines()
		if who, ok := first[lines]; ok {
			fmt.Fprintf(&b, "| %s | as %s | | |\n", p.ID, who)
			continue
		}
		first[lines] = p.ID
		for line := range strings.Lines(lines) {
			fmt.Fprintf(&b, "| %s %s", p.ID, line)
		}
	}
	b.WriteString("\nWhat is not listed is not possible. The attacks, on an established package unless they say otherwise:\n\n")
	for _, a := range attacks {
		fmt.Fprintf(&b, "- `%s`: %s\n", a.id, a.title)
	}
	return b.String()
}

// lines prints the cells: attacks of which the same is said together.
func (p *promise) lines() string {
	var words []string
	by := make(map[string][]string)
	for _, a := range attacks {
		for _, g := range group(func(client string) (string, bool) {
			stops, ok := p.cells[a.id][client]
			return formatEnds(stops), ok
		}) {
			s := fmt.Sprintf("| %s | %s |", g.clients, g.what)
			if !slices.Contains(words, s) {
				words = append(words, s)
			}
			by[s] = append(by[s], "`"+a.id+"`")
		}
	}
	var b strings.Builder
	for _, s := range words {
		fmt.Fprintf(&b, "| %s %s\n", strings.Join(by[s], ", "), s)
	}
	return b.String()
}

type grouped struct{ clients, what string }

// group puts clients of which the same is said together.
func group(say func(client string) (string, bool)) []grouped {
	var words []string
	by := make(map[string][]string)
	for _, client := range clients {
		if s, ok := say(client); ok {
			if !slices.Contains(words, s) {
				words = append(words, s)
			}
			by[s] = append(by[s], client)
		}
	}
	var all []grouped
	for _, s := range words {
		who := strings.Join(by[s], ", ")
		if len(by[s]) == len(clients) {
			who = "any"
		}
		all = append(all, grouped{who, s})
	}
	return all
}

// withTable returns the document with the table of the promises in its place.
func withTable(doc []byte, promises []promise) ([]byte, error) {
	before, rest, found := bytes.Cut(doc, []byte(beginMark+"\n"))
	_, after, ended := bytes.Cut(rest, []byte(endMark+"\n"))
	if !found || !ended {
		return nil, fmt.Errorf("the document lacks the lines %q and %q", beginMark, endMark)
	}
	return slices.Concat(before, []byte(beginMark+"\n\n"+table(promises)+"\n"+endMark+"\n"), after), nil
}

// writeDocs puts the table into the threat model.
func writeDocs(file string, promises []promise) error {
	doc, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	next, err := withTable(doc, promises)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, next, 0o644)
}
