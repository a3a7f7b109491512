package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestRefusalsSayWhy: what does not begin as a bundle does is refused for what it
// is, and not because something else fails later.
func TestRefusalsSayWhy(t *testing.T) {
	begins := func(path string, size uint64, more string) []byte {
		h, err := header(path, size)
		if err != nil {
			t.Fatal(err)
		}
		return append(h[:], more...)
	}
	digits := begins(manifestName, 1, "x")
	copy(digits[atSize:], "9")
	for want, raw := range map[string][]byte{
		"does not begin with a file of at most":  begins(manifestName, MaxManifest+1, "x"),
		"does not begin with a file of at most ": digits,
		"as a plain ustar file":                  begins("plan.yaml", 1, "x"),
		"its manifest: json: unknown field":      begins(manifestName, 10, `{"more":1}`+strings.Repeat("\x00", blockSize-10)),
	} {
		_, err := Open(bytes.NewReader(raw))
		if !errors.As(err, new(*RefusedError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("it is refused with %v, want %q", err, want)
		}
	}
}

// TestLimitsTogether: each file may be of the allowed size, and all of them be too
// many bytes together; the bound itself is allowed.
func TestLimitsTogether(t *testing.T) {
	m := someManifest()
	for left, i := uint64(MaxContent), 0; left > 0; i++ {
		size := min(left, MaxFile)
		m.Files = append(m.Files, File{Path: fmt.Sprintf("inputs/%06d", i), Size: size})
		left -= size
	}
	if err := m.check(); err != nil {
		t.Errorf("a bundle of %d bytes is refused: %v", uint64(MaxContent), err)
	}
	m.Files = append(m.Files, File{Path: "plan.yaml", Size: 1})
	if err := m.check(); err == nil || !strings.Contains(err.Error(), "bytes together") {
		t.Errorf("a byte more is answered with %v", err)
	}
}

// TestPathsThatNoArchiveHolds: a name of more bytes than a header has room for,
// and no slash at which it could be cut.
func TestPathsThatNoArchiveHolds(t *testing.T) {
	long := strings.Repeat("x", nameSize+1)
	if err := checkPath(long); err == nil || !strings.Contains(err.Error(), "too long for a tar archive") {
		t.Errorf("the path is answered with %v", err)
	}
	if _, err := header(long, 1); err == nil {
		t.Error("a header was made of it")
	}
	if err := checkPath("folder/" + long[1:]); err != nil {
		t.Errorf("one that can be cut is refused: %v", err)
	}
}
