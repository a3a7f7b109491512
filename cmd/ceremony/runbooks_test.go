package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/runbooktest"
)

// TestRunbooks: what the runbooks tell people to type is understood.
func TestRunbooks(t *testing.T) { runbooktest.Check(t, "../..", name, app) }

// TestEveryActHasARunbook: each act of a plan is begun in a runbook, and no
// runbook begins one that there is not.
func TestEveryActHasARunbook(t *testing.T) {
	files, err := runbooktest.Texts("../..")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := runbooktest.Lines(name, files...)
	if err != nil {
		t.Fatal(err)
	}
	begun := make(map[plan.Act]bool)
	for _, l := range lines {
		if len(l.Args) < 4 || l.Args[1] != "plan" || l.Args[2] != "new" || l.Args[3] == "ACT" {
			continue
		}
		var acts []plan.Act
		for _, a := range l.Args[3:] {
			if strings.HasPrefix(a, "-") {
				break
			}
			acts = append(acts, plan.Act(a))
			begun[plan.Act(a)] = true
		}
		if err := plan.CheckActs(acts); err != nil {
			t.Errorf("%s: %v", l, err)
		}
	}
	for _, a := range plan.Acts {
		if !begun[a] {
			t.Errorf("no runbook begins the act %s", a)
		}
	}
}

// TestPlansInRunbooks: a plan that a runbook shows is one.
func TestPlansInRunbooks(t *testing.T) {
	files, err := runbooktest.Texts("../..")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	found := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllSubmatch(b, -1) {
			found++
			p, err := plan.Parse(m[1])
			if err != nil {
				t.Errorf("%s: %v", file, err)
			} else if p.Program.IsZero() || len(p.Roles.Witnesses) < 2 || slices.Contains([]string{p.Outputs.Record, p.Outputs.Published}, "") {
				t.Errorf("%s: the plan lacks its program, witnesses or outputs: no production plan may", file)
			}
		}
	}
	if found == 0 {
		t.Error("no runbook shows a plan")
	}
}
