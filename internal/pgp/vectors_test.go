package pgp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Certificates and signatures that released tools wrote, kept for ever: see
// testdata/README.md. They verify without those tools.
func TestVectors(t *testing.T) {
	const dir = "testdata/vectors"
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	document := read("document")
	certs, err := filepath.Glob(filepath.Join(dir, "*.cert.asc"))
	if err != nil || len(certs) != 5 {
		t.Fatalf("%d certificates (%v), want 5", len(certs), err)
	}
	var everybody []*PublicKey
	var files []*SignatureFile
	for _, path := range certs {
		name := strings.TrimSuffix(filepath.Base(path), ".cert.asc")
		found, err := KeysIn(read(name + ".cert.asc"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var keys []*PublicKey
		for _, c := range found {
			keys = append(keys, c.Key)
		}
		f, err := ParseSignatures(read(name + ".asc"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if ids, err := f.Verify(document, keys); err != nil || len(ids) != 1 {
			t.Errorf("%s: Verify = %v, %v; want one of %d keys", name, ids, err, len(keys))
		}
		if _, err := f.Verify(document[1:], keys); err == nil {
			t.Errorf("%s: verifies over another document", name)
		}
		everybody, files = append(everybody, keys...), append(files, f)
	}
	all, err := Combine(files...)
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := parsed(t, all).Verify(document, everybody); err != nil || len(ids) != len(files) {
		t.Errorf("combined: Verify = %v, %v; want %d", ids, err, len(files))
	}
}
