package transcript

import (
	"errors"
	"os"
	"testing"
	"time"
)

// sealed is a transcript whose last entry is in.
func sealed(t *testing.T) string {
	t.Helper()
	path, _ := filled(t)
	tr, err := Open(path, noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if tr.Sealed() {
		t.Error("it says that it is sealed before it was")
	}
	if err := tr.Seal(noon.Add(time.Hour), "close", map[string]any{"by": "Alice"}); err != nil {
		t.Fatal(err)
	}
	var refused *SealedError
	if err := tr.Add(noon.Add(2*time.Hour), "sign", "signed", nil); !errors.As(err, &refused) || refused.Head != tr.Head() {
		t.Errorf("an entry after the seal gives %v, want a SealedError with the head", err)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNothingFollowsTheSeal(t *testing.T) {
	path := sealed(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := Open(path, noon.Add(time.Hour))
	if err != nil || !tr.Sealed() {
		t.Fatalf("a sealed transcript opens with %v", err)
	}
	defer tr.Close()
	if err := tr.Seal(noon.Add(time.Hour), "close", nil); err == nil {
		t.Error("it was sealed twice")
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("a refused entry changed the file")
	}
}

// TestEntriesAfterTheSealAreSeen adds, with another program, what would be a
// right entry but for the seal, and the beginning of one.
func TestEntriesAfterTheSealAreSeen(t *testing.T) {
	path := sealed(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	next := Entry{Number: 5, At: tr.entries[3].At, Step: "sign", Event: "signed"}
	next.Previous.Digest = tr.Head()
	line, err := normal(next)
	if err != nil {
		t.Fatal(err)
	}
	for what, more := range map[string][]byte{"a whole entry": line, "half an entry": line[:20]} {
		if err := os.WriteFile(path, append(append([]byte(nil), before...), more...), 0o644); err != nil {
			t.Fatal(err)
		}
		var broken *BrokenError
		if _, err := Read(path); !errors.As(err, &broken) || broken.Line != 5 {
			t.Errorf("%s after the seal: Read gives %v, want a BrokenError at line 5", what, err)
		}
		if tr, err := Open(path, noon.Add(2*time.Hour)); !errors.As(err, &broken) {
			tr.Close()
			t.Errorf("%s after the seal: Open gives %v, want a BrokenError", what, err)
		}
	}
}

func TestParseRefusesHalfALine(t *testing.T) {
	path, head := filled(t)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if tr, err := Parse("x", b); err != nil || tr.Head() != head {
		t.Errorf("Parse of a whole one: %v", err)
	}
	var broken *BrokenError
	if _, err := Parse("x", b[:len(b)-1]); !errors.As(err, &broken) || broken.Line != 3 {
		t.Errorf("Parse of one that was cut gives %v, want a BrokenError at line 3", err)
	}
}
