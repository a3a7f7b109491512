package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// A promise is what docs/promises.json says of one compromise: in words, as
// the threat model prints them, and in cells, as they are played.
type promise struct {
	ID          string `json:"id"`
	Who         string `json:"who"`
	Names       string `json:"names"`       // names without an anchored list
	Established string `json:"established"` // established packages
	Duration    string `json:"duration"`
	PEP458      string `json:"pep458"`
	PEP480      string `json:"pep480"`
	// Possible says which attacks are possible (by attack, then by clients,
	// separated by commas, or "all") and what ends each: words of [ends],
	// separated by commas, or "nothing". What is not listed is not possible.
	Possible map[string]map[string]string `json:"possible"`

	cells map[string]map[string][]end
}

// loadPromises reads the data file, whose rows are the compromises in order.
func loadPromises(file string) ([]promise, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all []promise
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if len(all) != len(compromises) {
		return nil, fmt.Errorf("%s has %d rows, wanted %d", file, len(all), len(compromises))
	}
	for i := range all {
		if all[i].ID != compromises[i].id {
			return nil, fmt.Errorf("%s: row %d is %q, wanted %q", file, i+1, all[i].ID, compromises[i].id)
		}
		if err := all[i].parse(); err != nil {
			return nil, fmt.Errorf("%s: row %q: %w", file, all[i].ID, err)
		}
	}
	return all, nil
}

func (p *promise) parse() error {
	p.cells = make(map[string]map[string][]end)
	for id, by := range p.Possible {
		if !slices.ContainsFunc(attacks, func(a attack) bool { return a.id == id }) {
			return fmt.Errorf("there is no attack %q", id)
		}
		p.cells[id] = make(map[string][]end)
		for who, until := range by {
			stops, err := parseEnds(until)
			if err != nil {
				return fmt.Errorf("attack %q: %w", id, err)
			}
			names := strings.Split(who, ",")
			if who == "all" {
				names = clients
			}
			for _, client := range names {
				if _, twice := p.cells[id][client]; twice || !slices.Contains(clients, client) {
					return fmt.Errorf("attack %q: client %q is unknown or stands twice", id, client)
				}
				p.cells[id][client] = stops
			}
		}
	}
	return nil
}

const endless = "nothing"

func parseEnds(s string) ([]end, error) {
	stops := []end{}
	if s == endless {
		return stops, nil
	}
	for word := range strings.SplitSeq(s, ",") {
		e := end(strings.TrimSpace(word))
		if !slices.Contains(ends, e) {
			return nil, fmt.Errorf("found the end %q, wanted words of %q", e, ends)
		}
		stops = append(stops, e)
	}
	if !slices.Equal(least(stops), stops) {
		return nil, fmt.Errorf("of %q, %q is enough", s, formatEnds(stops))
	}
	return stops, nil
}

// formatEnds prints the ends that are enough to say.
func formatEnds(all []end) string {
	all = least(all)
	if len(all) == 0 {
		return endless
	}
	words := make([]string, len(all))
	for i, e := range all {
		words[i] = string(e)
	}
	return strings.Join(words, ", ")
}

// A verdict is how reality compares with the promise of one cell.
type verdict int

const (
	asPromised verdict = iota
	better
	worse
)

// judge compares one cell with its promise, and says why they differ.
func (p *promise) judge(attackID, client string, r result) (verdict, string) {
	promised, possible := p.cells[attackID][client]
	switch {
	case r.possible && !possible:
		return worse, "promised: not possible"
	case !r.possible && possible:
		return better, "promised: possible until " + formatEnds(promised)
	case !r.possible:
		return asPromised, ""
	}
	for _, e := range promised {
		if !slices.Contains(r.ends, e) {
			return worse, fmt.Sprintf("promised to end: %s", e)
		}
	}
	for _, e := range least(r.ends) {
		if !slices.Contains(promised, e) {
			return better, fmt.Sprintf("not promised to end: %s", e)
		}
	}
	return asPromised, ""
}
