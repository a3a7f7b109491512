package ceremony

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var updateDocs = flag.Bool("update-docs", false, "write docs/ceremony-checks.md anew")

const checksDocument = "../../docs/ceremony-checks.md"

// TestChecksDocument: the document has every check as the program has it.
func TestChecksDocument(t *testing.T) {
	frame, err := os.ReadFile("testdata/ceremony-checks.md")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(string(frame), "TABLE\n", checksTable(t), 1)
	want = strings.Replace(want, "COUNT", fmt.Sprint(len(Checks)), 1)
	if *updateDocs {
		if err := os.WriteFile(checksDocument, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(checksDocument)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, []byte(want)) {
		t.Error("docs/ceremony-checks.md is not what the checks say: run go test ./internal/ceremony -run TestChecksDocument -update-docs")
	}
}

// checksTable has a row for each check. The bound is shown as it is by default.
func checksTable(t *testing.T) string {
	c := newStage(t, rehearsal).genesis()
	var b strings.Builder
	b.WriteString("| check | plans | rule | by default | may be switched off | like |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, check := range Checks {
		family, off, like, parameter := string(check.Family), "yes", check.Like, ""
		if family == "" {
			family = "all"
		}
		if check.Firm {
			off = "no"
		}
		if like == "" {
			like = "ours alone"
		}
		if bounded[check.ID] {
			parameter = check.Parameter(c)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", check.ID, family, check.Rule, parameter, off, like)
	}
	return b.String()
}

// bounded are the checks whose parameter is a bound of the plan's, with a default.
var bounded = map[string]bool{"ROLES-PRESENT": true, "CLOCK-TOLERANCE": true, "ROOT-ISSUED": true, "ROOT-OVERLAP": true, "ROOT-VALIDITY-MIN": true, "ROOT-VALIDITY-MAX": true,
	"ROOT-THRESHOLD-MIN": true, "ROOT-SPARE": true, "SNAPSHOT-LIFETIME": true, "CARD-FIRMWARE": true, "KEY-ALGORITHM": true, "ANCHOR-WAITING-MIN": true}
