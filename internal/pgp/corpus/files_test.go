package corpus_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/pgp/corpus"
)

// The committed files are what the seeds make, byte for byte, and no file is left over.
func TestFiles(t *testing.T) {
	found, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := corpus.All()
	if len(found) != len(cases) {
		t.Errorf("testdata has %d cases, want %d", len(found), len(cases))
	}
	for _, c := range cases {
		text, err := os.ReadFile(filepath.Join("testdata", c.Name+".txt"))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(text, c.Text()) {
			t.Errorf("testdata/%s.txt is not what its seed makes; run: go run ./tools/pgpcorpus files", c.Name)
		}
	}
}

// What testdata/README.md says is enough to read a case back.
func TestFilesReadBack(t *testing.T) {
	for _, c := range corpus.All() {
		header, file, whole := bytes.Cut(c.Text(), []byte("\n\n"))
		if whole != (len(c.File) <= 16<<10) {
			t.Errorf("%s: a signature file of %d bytes is kept: %v", c.Name, len(c.File), whole)
		}
		if whole && !bytes.Equal(file, c.File) {
			t.Errorf("%s: another signature file reads back", c.Name)
		}
		keys, counted := 0, 0
		for line := range strings.Lines(string(header)) {
			name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			switch {
			case !ok:
				t.Errorf("%s: line %q has no name", c.Name, line)
			case name == "document":
				if document, err := base64.StdEncoding.DecodeString(value); err != nil || !bytes.Equal(document, c.Document) {
					t.Errorf("%s: another document reads back (%v)", c.Name, err)
				}
			case name == "key":
				fields := strings.Fields(value)
				packet, err := base64.StdEncoding.DecodeString(fields[1])
				if err != nil || fields[0] != c.Keys[keys].Name || !bytes.Equal(packet, c.Keys[keys].Packet) {
					t.Errorf("%s: another key reads back (%v)", c.Name, err)
				}
				keys++
				if len(fields) == 3 && fields[2] == "counts" {
					counted++
				}
			}
		}
		if keys != len(c.Keys) || (counted > 0) != (c.Expect == corpus.Accept) {
			t.Errorf("%s: %d keys, of which %d count, read back", c.Name, keys, counted)
		}
	}
}
