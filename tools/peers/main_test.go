package main

import (
	"testing"
	"time"
)

// A go-tuf client finds its targets in either layout, and the metadata is as
// long as PEP 458's table leads one to expect: a bin of 139 targets has tens of
// kilobytes, and the prefixes of 16,384 bins some megabytes.
func TestLayouts(t *testing.T) {
	at := time.Now().UTC().Truncate(time.Second)
	for _, test := range []struct {
		layout
		least, most, gets int
	}{
		{layout{139, true}, 500_000, 700_000, 6},
		{layout{139, false}, 3_000_000, 5_000_000, 7},
	} {
		median := targetsOf("median")
		r, err := newRepository(test.layout, at, median)
		if err != nil {
			t.Fatal(err)
		}
		row, err := r.play(t.TempDir(), median)
		if err != nil {
			t.Fatalf("%s: %v", test.layout, err)
		}
		if row.Bytes < test.least || row.Bytes > test.most || row.Gets != test.gets {
			t.Errorf("%s: a new user costs %d bytes in %d requests, want %d to %d in %d", test.layout, row.Bytes, row.Gets, test.least, test.most, test.gets)
		}
	}
}

// The hex prefix of some bin may look like another target's beginning.
func TestFindable(t *testing.T) {
	if path := "median"; !findable(targetsOf(path)[0]) || !findable(targetsOf(path)[1]) {
		t.Errorf("the targets of %s cannot be told from another bin's", path)
	}
}
