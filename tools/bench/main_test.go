package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// The whole bench over a small index: every part runs, every client verifies,
// and the rounds of a new user are those that the documents make necessary.
func TestSmall(t *testing.T) {
	var out, log bytes.Buffer
	if code := run([]string{"-packages", "10000", "-peers", "", "-hold", "10ms"}, &out, &log); code != 0 {
		t.Fatalf("exit %d\n%s", code, log.String())
	}
	for _, want := range []string{
		`new user, median package +\d+ +\d+ +1\d +\d  reached`,
		`refresh with nothing new +\d+ +\d+ +7 +2  reached`,
		`new snapshot, package has a new release +\d+ +\d+ +\d+ +\d+  reached`,
		`processor: [0-9.]+ ms a package, [0-9.]+ of them in the kernel writing the state, over 100 packages`,
		`snapshot, 1000 changed: \d+ new files`,
		`map of 10000 packages, from leaves: `,
		`signer, 10000 packages, 200 claimed: `,
		`signer, 10000 packages, nothing changed, a snapshot: `,
		`signer's disk: [0-9]{3,} files published, `,
		`anchor check, 10000 packages, 714 changed \(89 new, 142 succeeded, 482 extended, 1 overrides\)`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("the table lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log("\n" + out.String())
	}
}

func TestOnePart(t *testing.T) {
	var out, log bytes.Buffer
	if code := run([]string{"-packages", "2000", "-only", "map"}, &out, &log); code != 0 || !strings.HasPrefix(out.String(), "map of 2000 packages") || strings.Contains(out.String(), "signer") {
		t.Errorf("exit %d, %s\n%s\nwant the map alone", code, log.String(), out.String())
	}
	if code := run([]string{"-only", "nothing"}, &out, &log); code != 1 {
		t.Errorf("exit %d for a part that is not, want 1", code)
	}
}

func TestUsage(t *testing.T) {
	var out, log bytes.Buffer
	if code := run([]string{"-packages", "many"}, &out, &log); code != 2 || out.Len() > 0 {
		t.Errorf("exit %d, stdout %q, want 2 and nothing", code, out.String())
	}
	if !strings.Contains(log.String(), "many") {
		t.Errorf("it said %q, want the bad value named", log.String())
	}
}
