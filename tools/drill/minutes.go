package main

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

// minutesFile has the assumptions about people.
//
//go:embed minutes.txt
var minutesFile string

// An estimate is what one thing costs people, and why that is assumed.
type estimate struct {
	minutes float64
	why     string
}

// parseMinutes reads the file of assumptions: key, minutes, words, in a line.
func parseMinutes(text string) (map[string]estimate, error) {
	all := make(map[string]estimate)
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return nil, fmt.Errorf("minutes, line %d: %d words, wanted a key, minutes, and what is assumed", n, len(fields))
		}
		m, err := strconv.ParseFloat(fields[1], 64)
		if err != nil || m <= 0 {
			return nil, fmt.Errorf("minutes, line %d: %q is no number of minutes", n, fields[1])
		}
		if _, twice := all[fields[0]]; twice {
			return nil, fmt.Errorf("minutes, line %d: %q stands there twice", n, fields[0])
		}
		all[fields[0]] = estimate{m, strings.Join(fields[2:], " ")}
	}
	return all, nil
}
