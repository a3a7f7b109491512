package transcript

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func filled(t *testing.T) (path string, head digest.Digest) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "transcript.jsonl")
	tr, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []string{"draft", "sign", "combine"} {
		if err := tr.Add(noon.Add(time.Duration(i)*time.Minute), step, "done", map[string]any{"by": "Alice <x>", "count": i, "found": []struct{ Z, A string }{{"z", "a"}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	return path, tr.Head()
}

func TestReadGivesWhatWasAdded(t *testing.T) {
	path, head := filled(t)
	tr, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(tr.Entries()); got != 3 || tr.Head() != head || tr.Entries()[1].Step != "sign" {
		t.Errorf("read %d entries, head %s, want 3 and %s", got, tr.Head(), head)
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	path, _ := filled(t)
	if _, err := Create(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("Create answers %v, want that the file exists", err)
	}
}

// Every byte that is changed breaks the chain, but in the last line, where it
// changes the head; and so do lines taken out or swapped.
func TestChangesAreSeen(t *testing.T) {
	path, head := filled(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := func(b []byte) bool {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		tr, err := Read(path)
		return err != nil || tr.Head() != head
	}
	if seen(whole) {
		t.Fatal("the unchanged transcript is refused")
	}
	for i := range whole {
		b := append([]byte(nil), whole...)
		b[i] ^= 1
		if !seen(b) {
			t.Fatalf("byte %d was changed and nobody noticed", i)
		}
	}
	lines := strings.SplitAfter(string(whole), "\n")
	for what, b := range map[string]string{
		"first taken out":  lines[1] + lines[2],
		"middle taken out": lines[0] + lines[2],
		"last taken out":   lines[0] + lines[1],
		"two swapped":      lines[1] + lines[0] + lines[2],
		"one doubled":      lines[0] + lines[0] + lines[1] + lines[2],
	} {
		if !seen([]byte(b)) {
			t.Errorf("%s, and nobody noticed", what)
		}
	}
	var broken *BrokenError
	if _, err := func() (*Transcript, error) {
		os.WriteFile(path, []byte(lines[0]+lines[2]), 0o644)
		return Read(path)
	}(); !errors.As(err, &broken) || broken.Line != 2 {
		t.Errorf("a missing line gives %v, want a BrokenError at line 2", err)
	}
}

func TestTornLineIsCutAndSaid(t *testing.T) {
	path, _ := filled(t)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"n":4,"prev`)
	f.Close()
	tr, err := Open(path, noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if e := tr.Entries(); len(e) != 4 || e[3].Event != "repaired" {
		t.Fatalf("entries are %+v, want a fourth that says that the end was cut off", e)
	}
	if err := tr.Add(noon.Add(time.Hour), "sign", "signed", nil); err != nil {
		t.Fatal(err)
	}
	if again, err := Read(path); err != nil || len(again.Entries()) != 5 {
		t.Errorf("after the repair: %v", err)
	}
}

func TestClockMustNotRunBackwards(t *testing.T) {
	path, _ := filled(t)
	tr, err := Open(path, noon)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	var clock *ClockError
	err = tr.Add(noon.Add(time.Minute), "sign", "signed", nil)
	if !errors.As(err, &clock) {
		t.Fatalf("an entry from before the last gives %v, want a ClockError", err)
	}
	if want := "clock reads 2026-11-23T12:01:00Z but the last transcript entry is 2026-11-23T12:02:00Z"; err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
	if err := tr.Add(noon.Add(2*time.Minute), "sign", "signed", nil); err != nil {
		t.Errorf("an entry of the same second: %v", err)
	}
}

// TestTimesOnlyGrow refuses a chain, right in all else, that somebody wrote with
// another program.
func TestTimesOnlyGrow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "transcript.jsonl")
	one, err := normal(Entry{Number: 1, At: roster.At(noon), Step: "sign", Event: "signed"})
	if err != nil {
		t.Fatal(err)
	}
	two, err := normal(Entry{Number: 2, Previous: roster.Ref{Digest: digest.Sum(one)}, At: roster.At(noon.Add(-time.Second)), Step: "sign", Event: "signed"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(one, two...), 0o644); err != nil {
		t.Fatal(err)
	}
	var broken *BrokenError
	if _, err := Read(path); !errors.As(err, &broken) || broken.Line != 2 {
		t.Errorf("answer is %v, want a BrokenError at line 2", err)
	}
}

// FuzzRead: whatever is read without complaint is one chain, and a transcript
// that was read can be added to.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"n":1,"previous":"","at":"2026-11-23T12:00:00Z","step":"draft","event":"drafted","facts":{"a":[1,{"b":null}]}}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"n":1,"previous":"","at":"2026-11-23T12:00:00Z","step":"close","event":"sealed"}` + "\n"))
	f.Add([]byte(`{"n":1`))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "transcript.jsonl")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		read, err := Read(path)
		if err != nil {
			return
		}
		late := noon
		for i, e := range read.Entries() {
			if e.Number != i+1 || (i == 0) != e.Previous.IsZero() {
				t.Fatalf("entry %d is %+v", i+1, e)
			}
			if e.At.After(late) {
				late = e.At.Time
			}
		}
		tr, err := Open(path, late)
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		if err := tr.Add(late, "sign", "signed", nil); (err == nil) == read.Sealed() {
			t.Fatalf("adding to one that is sealed (%v): %v", read.Sealed(), err)
		}
		if again, err := Read(path); err != nil || again.Head() != tr.Head() {
			t.Errorf("what was added cannot be read: %v", err)
		}
	})
}
