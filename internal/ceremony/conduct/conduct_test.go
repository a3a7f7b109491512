package conduct

import (
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/script"
)

var update = flag.Bool("update", false, "write what the tests find as what they want")

// TestGenesisAndRenewal holds two ceremonies to their end, and looks at the whole
// terminal of the first.
func TestGenesisAndRenewal(t *testing.T) {
	s := newStage(t)
	h := s.hall(first)
	o := h.mustConduct(s.genesis())
	if len(o.Signed) != 3 || len(o.Missing) != 0 || len(o.Disagree) != 0 || o.Version != 1 {
		t.Errorf("outcome is %+v", o)
	}
	golden(t, "genesis.txt", h.normal())
	console(t, h.shown.String())
	h = s.hall(second)
	o = h.mustConduct(s.renewal())
	if o.Version != 2 || len(o.Signed) != 3 {
		t.Errorf("outcome is %+v", o)
	}
	for _, record := range []string{"record-1", "record-2"} {
		if n := s.did(record, "sealed"); n != 1 {
			t.Errorf("%s has %d seals, want one", record, n)
		}
	}
	chain, err := ceremony.OpenFolder(s.path("out-2", "publish"))
	if err != nil {
		t.Fatal(err)
	}
	defer chain.Close()
	for _, name := range []string{"root/2.json", "root/2.json.asc"} {
		if _, err := chain.Fetch(t.Context(), name, 1<<20); err != nil {
			t.Error(err)
		}
	}
	before := s.files("record-2")
	h = s.hall(second.AddDate(0, 0, 1))
	if again := h.mustConduct(s.path("plan-2.yaml")); again.Transcript != o.Transcript || h.asked != 0 {
		t.Errorf("a ceremony that is closed asks %d questions, and has transcript %s, want %s", h.asked, again.Transcript, o.Transcript)
	}
	h.shows("This ceremony is closed.", "The record is sealed.")
	if !maps.Equal(before, s.files("record-2")) {
		t.Error("a ceremony that is closed was added to")
	}
}

var normals = []struct {
	from *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), strings.Repeat("0", 64)},
	{regexp.MustCompile(`\b[0-9A-F]{40}\b`), strings.Repeat("0", 40)},
	{regexp.MustCompile(`(?m)^( +\d+ [a-zA-Z]+){4}$`), "   (four words)"},
	{regexp.MustCompile(`Type word \d+ and word \d+`), "Type word N and word M"},
	{regexp.MustCompile(`(?m)^> [a-zA-Z]+ [a-zA-Z]+$`), "> (two words)"},
}

// checksShown is the step whose list other tests look at.
var checksShown = regexp.MustCompile(`(?s)\d+ files were read, .*?ASK: Type yes to make the draft`)

// normal is what was shown, without what is new each time.
func (h *hall) normal() string {
	text := strings.ReplaceAll(h.shown.String(), h.dir+"/", "")
	text = checksShown.ReplaceAllString(text, "(the checks)\nASK: Type yes to make the draft")
	for _, n := range normals {
		text = n.from.ReplaceAllString(text, n.to)
	}
	return text
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("%s, line %d:\n%s\nwant\n%s\n(-update writes it anew)", name, i+1, a[i], b[i])
			}
		}
		t.Fatalf("%s has %d lines, want %d", name, len(a), len(b))
	}
}

// console wants what was shown to fit an 80 by 24 console without colour: no row
// is longer than 78, and between two questions of more than one page there are at
// most 24 rows.
func console(t *testing.T, shown string) {
	t.Helper()
	for line := range strings.Lines(shown) {
		line = strings.TrimSuffix(line, "\n")
		if len([]rune(line)) > Columns && !strings.HasPrefix(line, "> ") && !strings.Contains(line, os.TempDir()) {
			t.Errorf("a row of %d: %q", len(line), line)
		}
		if strings.ContainsAny(line, "\x1b\r\a") {
			t.Errorf("a row with control characters: %q", line)
		}
	}
	for page := range strings.SplitSeq(shown, "\n"+bar+"\n") {
		if i := strings.Index(page, "\n> "); i > 0 {
			if rows := strings.Count(page[:i], "\n") + 3; rows > Rows {
				t.Errorf("a page of %d rows:\n%s", rows, page[:i])
			}
		}
	}
}

// TestStepsAreOnPaperToo: the list of steps follows from the plan, and each step
// says all that a script must.
func TestSteps(t *testing.T) {
	s := newStage(t)
	h := s.hall(first)
	r := &run{Config: h.config(s.genesis())}
	if err := r.read(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, step := range r.steps {
		ids = append(ids, step.ID)
		if step.Title == "" || step.Who == "" || len(step.Say) == 0 || step.Class == "" || step.Recovery == "" {
			t.Errorf("step %s lacks something: %+v", step.ID, step)
		}
	}
	want := "OPEN ROLL-CALL CLOCK MACHINE CHECKS DRAFT REVIEW SIGN-1001 SIGN-1002 SIGN-1003 COMBINE EXPORT CLOSE"
	if got := strings.Join(ids, " "); got != want {
		t.Errorf("steps are %s, want %s", got, want)
	}
	if who := script.Witnesses(r.plan); len(who) != 2 || who[0].Name != "Walter" {
		t.Errorf("witnesses are %v", who)
	}
}
