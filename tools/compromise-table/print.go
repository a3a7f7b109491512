package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A tally collects results, and prints each row when it is whole.
type tally struct {
	out      io.Writer
	promises []promise
	attacks  []attack
	whole    int                                     // cells of a row
	cells    map[string]map[string]map[string]result // compromise, attack, client
	counts   map[verdict]int
	possible int
	findings []string
	verbose  bool
}

func newTally(out io.Writer, promises []promise, played []attack, whole int) *tally {
	return &tally{out: out, promises: promises, attacks: played, whole: whole,
		cells: make(map[string]map[string]map[string]result), counts: make(map[verdict]int)}
}

// add takes one result.
func (t *tally) add(j job, r result) {
	i := slices.IndexFunc(t.promises, func(p promise) bool { return p.ID == j.c.id })
	p := &t.promises[i]
	row := t.cells[j.c.id]
	if row == nil {
		row = make(map[string]map[string]result)
		t.cells[j.c.id] = row
	}
	if row[j.a.id] == nil {
		row[j.a.id] = make(map[string]result)
	}
	row[j.a.id][j.client] = r
	if r.possible {
		t.possible++
	}
	v, why := p.judge(j.a.id, j.client, r)
	t.counts[v]++
	if v != asPromised {
		word := map[verdict]string{better: "BETTER than promised", worse: "WORSE than promised"}[v]
		t.findings = append(t.findings, fmt.Sprintf("%s: %s, %s, %s client: %s; found: %s", word, j.c.id, j.a.id, j.client, why, found(r)))
	}
	n := 0
	for _, by := range row {
		n += len(by)
	}
	if n == t.whole {
		t.print(p, row)
	}
}

func found(r result) string {
	if !r.possible {
		return "refused in every way"
	}
	return fmt.Sprintf("possible (%s) %s; ends: %s", r.way, span(r.lasts), formatEnds(r.ends))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimPrefix(line, "roster: ")
}

// span says how long an attack lasts for a client that is cut off.
func span(d time.Duration) string {
	switch {
	case d >= forever:
		return fmt.Sprintf("for %d days and on", int(forever.Hours()/24))
	case d > 48*time.Hour:
		return fmt.Sprintf("for %d days", int(d.Hours()/24))
	}
	return fmt.Sprintf("for %d h", int(d.Hours()))
}

func (t *tally) print(p *promise, row map[string]map[string]result) {
	fmt.Fprintf(t.out, "\n%s: %s\n", p.ID, p.Who)
	fmt.Fprintf(t.out, "  PEP 458, same keys: %s\n  PEP 480, same keys: %s\n", p.PEP458, p.PEP480)
	var refused []string
	for _, a := range t.attacks {
		groups := group(func(client string) (string, bool) {
			r := row[a.id][client]
			return fmt.Sprintf("%s, cut off; ends with: %s", span(r.lasts), formatEnds(r.ends)), r.possible
		})
		if len(groups) == 0 {
			refused = append(refused, a.id)
		}
		for _, g := range groups {
			fmt.Fprintf(t.out, "  POSSIBLE %-16s %-22s %s\n", a.id, g.clients, g.what)
		}
		if t.verbose {
			for _, client := range clients {
				if r, played := row[a.id][client]; played {
					fmt.Fprintf(t.out, "    %s, %s client: %s\n", a.id, client, found(r))
					for _, said := range r.refusals {
						fmt.Fprintf(t.out, "      %s\n", said)
					}
				}
			}
		}
	}
	fmt.Fprintf(t.out, "  refused for every client played: %s\n", strings.Join(refused, ", "))
}

// sum prints what differs and the counts, and reports whether reality is at
// least as good as what was promised.
func (t *tally) sum(took time.Duration, runs uint64) bool {
	fmt.Fprintln(t.out)
	slices.Sort(t.findings)
	for _, f := range t.findings {
		fmt.Fprintln(t.out, f)
	}
	n := t.counts[asPromised] + t.counts[better] + t.counts[worse]
	fmt.Fprintf(t.out, "compromise table: %d cells, %d possible, %d refused; %d as promised, %d better, %d worse; %d runs of the client in %s\n",
		n, t.possible, n-t.possible, t.counts[asPromised], t.counts[better], t.counts[worse], runs, took.Round(time.Second))
	return t.counts[worse] == 0
}
