package report

import (
	"bytes"
	"crypto/ed25519"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

var update = flag.Bool("update", false, "write what the report is as what it is wanted to be")

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const hostile = `<script>alert("1")</script>` + "\u202e\x1b[2J"

// audited is an examination with something in every section, and a hostile
// string in the place of everything that comes from outside.
func audited(t *testing.T) *ceremony.Audit {
	t.Helper()
	key, err := pgp.NewPublicKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)).Public(), noon)
	if err != nil {
		t.Fatal(err)
	}
	sum := digest.Sum([]byte("roster"))
	drafted := transcript.Entry{Number: 2, At: roster.At(noon.Add(time.Minute)), Step: "draft", Event: "drafted", Facts: map[string]any{
		"version": "1", "digest": sum.String(), "plan": digest.Sum([]byte("plan")).String(),
		"sentences": []any{"This is the FIRST root roster of " + hostile, "The threshold is 2."},
		"inputs":    []any{map[string]any{"what": "online keys" + hostile, "path": hostile, "sha256": sum.String()}},
		"files":     map[string]any{"root/1.json": sum.String()},
		"checks": []any{
			map[string]any{"id": "ROOT-SPARE", "rule": "enough may be lost", "parameter": "1", "ok": false, "found": hostile, "switched_off": "one card is late " + hostile, "approved_by": "Alice" + hostile},
			map[string]any{"id": "ROOT-ISSUED", "rule": "issued about now", "parameter": "168h", "ok": true}},
	}}
	said := transcript.Statement{Witness: "Wendy", Objection: "the clock was never compared " + hostile}
	a := &ceremony.Audit{Head: digest.Sum([]byte("transcript")), Sealed: true, Draft: &drafted,
		Plan: &plan.Plan{Ceremony: "2026-11-first", Repository: "rehearsal.example", Acts: []plan.Act{plan.Genesis}, Roles: plan.Roles{Administrator: "Adam " + hostile}},
		Witnesses: []ceremony.WitnessSaid{
			{Name: "Wendy", Statements: []ceremony.SignedStatement{{Statement: said, Key: key, Pinned: true}}, Spoken: []string{"nobody answered " + hostile}},
			{Name: "Walter", Statements: []ceremony.SignedStatement{{Statement: transcript.Statement{Witness: "Walter"}, Key: key}}},
			{Name: "Wilma" + hostile}},
		Files:    []ceremony.AuditedFile{{Path: "draft/root/1.json", Digest: sum, State: "as named"}, {Path: hostile, Output: true, State: "NOT NAMED"}},
		Problems: []string{"file " + hostile + ": NOT NAMED"},
	}
	entry := func(step, event string, facts map[string]any) {
		n := len(a.Entries) + 1
		if n == drafted.Number {
			a.Entries = append(a.Entries, drafted)
			n++
		}
		a.Entries = append(a.Entries, transcript.Entry{Number: n, At: roster.At(noon.Add(time.Duration(n) * time.Minute)), Step: step, Event: event, Facts: facts})
	}
	entry("OPEN", "opened", map[string]any{"ceremony": "2026-11-first"})
	entry("ROLL-CALL", "asked", map[string]any{"who": "Alice", "prompt": "Are you here? " + hostile, "answer": "yes " + hostile})
	entry("sign", "challenge", map[string]any{"holder": "Alice", "words": []any{"3", "17"}, "right": false})
	entry("sign", "signed", map[string]any{"holder": "Alice" + hostile, "card": "1001", "path": "root/1.json", "sha256": sum.String()})
	entry("CLOSE", "exception", map[string]any{"witness": "Wendy", "what": "I DISAGREE", "reason": "nobody answered " + hostile})
	entry(hostile, hostile, map[string]any{hostile: map[string]any{hostile: []any{hostile}}})
	entry("CLOSE", "sealed", nil)
	return a
}

func written(t *testing.T, a *ceremony.Audit) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, a); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReport(t *testing.T) {
	const golden = "testdata/report.html"
	got := written(t, audited(t))
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the report is not as in %s; see it with -update", golden)
	}
}

// TestReportIsInert: nothing from outside becomes part of the page's own
// language, and the page fetches and runs nothing.
func TestReportIsInert(t *testing.T) {
	got := written(t, audited(t))
	if strings.ContainsAny(got, "\u202e\x1b") {
		t.Error("the page holds characters that hide or turn the writing")
	}
	for _, never := range []string{"<script", "javascript:", "<img", "<link", "<iframe", "http://", "https://", "url(", "@import"} {
		if strings.Contains(strings.ToLower(got), never) {
			t.Errorf("the page holds %q", never)
		}
	}
	if m := regexp.MustCompile(`<[a-z][^>]*\son[a-z]+=`).FindString(got); m != "" {
		t.Errorf("the page runs something: %s", m)
	}
}

// TestLoudThingsFirst: what should stop a reader stands before all else.
func TestLoudThingsFirst(t *testing.T) {
	got := written(t, audited(t))
	last := 0
	for _, text := range []string{"THIS WAS A REHEARSAL", "I DISAGREE (said 2 times)", "Problems with this record: 1", "Checks SWITCHED OFF: 1", "1. What was done", "NO SIGNED STATEMENT", "10. The whole transcript"} {
		i := strings.Index(got, text)
		if i < last {
			t.Errorf("%q stands at %d, behind what should follow it (%d)", text, i, last)
		}
		last = i
	}
}

// TestEmptyRecord: a record that was just opened has a page too.
func TestEmptyRecord(t *testing.T) {
	got := written(t, &ceremony.Audit{Problems: []string{"the transcript is NOT SEALED"}})
	for _, text := range []string{"NOT SEALED", "Nobody has signed", "names no witness"} {
		if !strings.Contains(got, text) {
			t.Errorf("the page lacks %q", text)
		}
	}
}
