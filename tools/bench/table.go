package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
)

// A target is what a client may cost at most.
type target struct {
	bytes        int64 // as sent, most of it in gzip
	gets, rounds int   // 0: no limit
}

// targets are for the rows of the median package, without the file itself.
var targets = map[string]target{
	"new user, median package":                  {25_000, 28, 9},
	"new user, a set of 100":                    {bytes: 800_000},
	"same snapshot, same package":               {bytes: 6_000},
	"same snapshot, another median package":     {bytes: 6_000},
	"same snapshot, another, with a succession": {bytes: 6_000},
	"refresh with nothing new":                  {bytes: 4_000},
	"new snapshot, package as it was":           {bytes: 12_000},
	"new snapshot, package has a new release":   {bytes: 12_000},
}

// verdict says whether a row is within its target.
func (r row) verdict() string {
	t, ok := targets[r.What]
	switch {
	case !ok:
		return ""
	case r.Bytes > t.bytes:
		return fmt.Sprintf("missed: at most %d B wanted", t.bytes)
	case t.gets > 0 && r.Gets > t.gets:
		return fmt.Sprintf("missed: at most %d GETs wanted", t.gets)
	case t.rounds > 0 && r.Rounds > t.rounds:
		return fmt.Sprintf("missed: at most %d rounds wanted", t.rounds)
	}
	return "reached"
}

const (
	heading = "%-48s %9s %9s %6s %6s\n"
	line    = "%-48s %9d %9d %6d %6d  %s\n"
)

func printClients(out io.Writer, packages int, rows []row) {
	fmt.Fprintf(out, heading, fmt.Sprintf("Rootward, %d packages", packages), "bytes", "plain", "GETs", "rounds")
	for _, r := range rows {
		fmt.Fprintf(out, line, "  "+r.What, r.Bytes, r.Plain, r.Gets, r.Rounds, r.verdict())
	}
}

// printPEP458 prints the PEP's own figures: "Metadata Scalability", for 16,384
// bins of 139 targets. They leave root, timestamp and targets out, and count
// six bytes a bin in the snapshot.
func printPEP458(out io.Writer) {
	fmt.Fprintln(out, "PEP 458's own figures, 16,384 bins")
	for _, r := range []row{{"new user", cost{Bytes: 1_517_722}}, {"returning, new snapshot", cost{Bytes: 207_002}}, {"returning, same snapshot", cost{Bytes: 108_698}}} {
		fmt.Fprintf(out, "%-48s %9s %9d\n", "  "+r.What, "", r.Bytes)
	}
}

// printPeers runs the module that measures go-tuf, and prints what it found.
func printPeers(ctx context.Context, dir string, out, log io.Writer) error {
	command := exec.CommandContext(ctx, "go", "-C", dir, "run", ".")
	command.Stderr = log
	raw, err := command.Output()
	if err != nil {
		return fmt.Errorf("running %s: %w", dir, err)
	}
	var rows []struct {
		Layout, What        string
		Bytes, Gets, Rounds int
		CPU                 float64
	}
	if err := json.Unmarshal(raw, &rows); err != nil {
		return fmt.Errorf("reading what %s printed: %w", dir, err)
	}
	layout := ""
	for _, r := range rows {
		if r.Layout != layout {
			layout = r.Layout
			fmt.Fprintln(out, layout)
		}
		fmt.Fprintf(out, line, "  "+r.What, r.Bytes, r.Bytes, r.Gets, r.Rounds, fmt.Sprintf("%.0f ms of processor", r.CPU))
	}
	return nil
}
