package main

import (
	"os"
	"path/filepath"
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

// TestRunbooksSayWhatAllMust: when to use it and when not, how long it takes, who
// is there, how to look from outside, what to destroy. The emergency's page is
// one page, and has words of its own for them.
func TestRunbooksSayWhatAllMust(t *testing.T) {
	files, err := runbooktest.Texts("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ToLower(string(b))
		switch {
		case filepath.Base(filepath.Dir(file)) != "runbooks":
		case filepath.Base(file) == "emergency.md":
			if n := len(strings.Fields(text)); n > 700 {
				t.Errorf("%s has %d words, wanted one page: 700", file, n)
			}
		default:
			for _, wanted := range []string{"**use", "**not", "time:", "who", "from outside", "**destroy", "compare", "initials", "utc"} {
				if !strings.Contains(text, wanted) {
					t.Errorf("%s does not say %q", file, wanted)
				}
			}
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
