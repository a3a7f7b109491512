package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// all are the steps of the day, none of which is played.
func all() []step {
	s := &stage{}
	return slices.Concat(s.stopping(), s.serving(), s.replacing(), s.returning())
}

// TestMinutes: every step has an estimate, and every estimate a step.
func TestMinutes(t *testing.T) {
	estimates, err := parseMinutes(minutesFile)
	if err != nil {
		t.Fatal(err)
	}
	unused := make(map[string]bool)
	for key := range estimates {
		unused[key] = true
	}
	costs := (&sitting{}).costs()
	for _, st := range all() {
		costs = append(costs, st.costs...)
	}
	for _, c := range costs {
		if _, ok := estimates[c.key]; !ok {
			t.Errorf("minutes.txt has no %q", c.key)
		}
		delete(unused, c.key)
	}
	for key := range unused {
		t.Errorf("minutes.txt has %q, which no step needs", key)
	}
}

// TestMinutesRefuses names the line.
func TestMinutesRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"# words\nwrite 1\n":                      "line 2: 2 words",
		"write one because\n":                     `line 1: "one" is no number`,
		"write -1 because\n":                      `line 1: "-1" is no number`,
		"write 1 because\n\nwrite 2 because so\n": `line 3: "write" stands there twice`,
	} {
		if _, err := parseMinutes(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %q", text, err, want)
		}
	}
}

var numbered = regexp.MustCompile(`(?m)^\| ([0-9.]+) \|`)

// TestRows: the drill plays every row of the page for 3 a.m. but the one for when
// it does not work; and what else it plays stands in a runbook.
func TestRows(t *testing.T) {
	books := make(map[string]string)
	var played []string
	for _, st := range all() {
		name, row, _ := strings.Cut(st.place, " ")
		if _, ok := books[name]; !ok {
			b, err := os.ReadFile("../../runbooks/" + name)
			if err != nil {
				t.Fatal(err)
			}
			books[name] = string(b)
		}
		want := "\n| " + row + " |"
		if part, ok := strings.CutPrefix(row, "part "); ok {
			want = "\n## " + part + "."
		}
		if row != "" && !strings.Contains(books[name], want) {
			t.Errorf("%s has no %q", name, want)
		}
		if name == "emergency.md" {
			played = append(played, row)
		}
	}
	var want []string
	for _, m := range numbered.FindAllStringSubmatch(books["emergency.md"], -1) {
		if m[1] != "8" { // again, where it did not work
			want = append(want, m[1])
		}
	}
	slices.Sort(played)
	slices.Sort(want)
	if !slices.Equal(played, want) {
		t.Errorf("the drill plays the rows %v of emergency.md, want %v", played, want)
	}
}

// TestClock: what different people do at the same time counts once, and what is
// done together waits for both.
func TestClock(t *testing.T) {
	c := newClock(map[string]estimate{"one": {1, ""}, "ten": {10, ""}})
	for _, s := range []step{
		{track: emergency, costs: []cost{{"one", 3}}, ends: "first"},
		{track: operators, costs: once("ten"), ends: "second"},
		{track: root, costs: []cost{{"ten", 2}}, counted: func() ([]cost, int) { return []cost{{"ten", 3}}, 7 }},
		{track: together, costs: once("one"), play: func() error { return nil }, ends: "third"},
	} {
		if err := c.play(s); err != nil {
			t.Fatal(err)
		}
		c.steps[len(c.steps)-1].machine = time.Second
	}
	for i, want := range []milestone{{"first", 3, 1}, {"second", 13, 2}, {"third", 34, 10}} {
		got := c.reached[i]
		if got.name != want.name || got.human != want.human || got.minutes < want.minutes || got.minutes > want.minutes+0.9 {
			t.Errorf("milestone %d is %+v, want %+v", i, got, want)
		}
	}
	if err := c.play(step{costs: once("nothing")}); err == nil {
		t.Error("a step without an estimate is counted")
	}
	if table := c.table(); strings.Count(table, "\n") != 2+4+3+1 {
		t.Errorf("the table is\n%s", table)
	}
}
