package transcript

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRefusalsSayWhy: a line that is no entry, or another than its place wants,
// is refused for what it is.
func TestRefusalsSayWhy(t *testing.T) {
	path, _ := filled(t)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	for want, line := range map[string]string{
		"not an entry":                             "nothing",
		"not an entry: json: unknown field":        strings.Replace(first, `{"`, `{"more":1,"`, 1),
		"it does not print back to the same bytes": strings.Replace(first, `":`, `": `, 1),
		"it says that it is entry 2":               strings.Replace(first, `:1,`, `:2,`, 1),
	} {
		_, err := Parse("a transcript", []byte(line+"\n"))
		var broken *BrokenError
		if !errors.As(err, &broken) || broken.Line != 1 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is refused with %v, want %q", line, err, want)
		}
	}
	_, err = Read(filepath.Join(t.TempDir(), "transcript.jsonl"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "is no ceremony's folder") {
		t.Errorf("a folder without one is answered with %v", err)
	}
}

// TestLongEntries: an entry that could not be read again is not written.
func TestLongEntries(t *testing.T) {
	path, head := filled(t)
	tr, err := Open(path, noon.Add(1e12))
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	at := noon.Add(1e12)
	err = tr.Add(at, "sign", "done", map[string]any{"what": strings.Repeat("x", MaxLine)})
	if err == nil || !strings.Contains(err.Error(), "wanted at most") || tr.Head() != head {
		t.Errorf("it is answered with %v, and the head is %s, want %s", err, tr.Head(), head)
	}
	if err := tr.Add(at, "sign", "done", nil); err != nil {
		t.Errorf("the next one: %v", err)
	}
	if again, err := Read(path); err != nil || len(again.Entries()) != 4 {
		t.Errorf("it reads as %v", err)
	}
}

// TestStatementRefusalsSayWhy: the same for a witness's statement.
func TestStatementRefusalsSayWhy(t *testing.T) {
	whole := string(printed(t, statement("why")))
	lines := strings.Split(whole, "\n")
	lines[2] = "no such thing"
	for want, text := range map[string]string{
		"bytes, wanted at most": whole + strings.Repeat("x", MaxStatement),
		"line 3 has no colon":   strings.Join(lines, "\n"),
	} {
		if _, err := ParseStatement([]byte(text)); !errors.Is(err, ErrStatement) || !strings.Contains(err.Error(), want) {
			t.Errorf("it is refused with %v, want %q", err, want)
		}
	}
}
