//go:build linux && (amd64 || arm64)

package airgap

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootward/rootward/roster/digest"
)

// The digest is that of the file that runs, and of no other.
func TestProgramDigest(t *testing.T) {
	got, err := ProgramDigest()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := digest.Sum(b); got != want {
		t.Errorf("digest is %s, want that of the test program, %s", got, want)
	}
}

// TestProgramDigestOfWhatRuns puts another file in the program's place after it
// was started: the digest stays that of what runs.
func TestProgramDigestOfWhatRuns(t *testing.T) {
	b, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, b, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), digestVariable+"="+program)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(string(out)), digest.Sum(b).String(); got != want {
		t.Errorf("digest is %s, want that of the file that runs, %s", got, want)
	}
}
