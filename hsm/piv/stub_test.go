//go:build !cgo

package piv

import (
	"os"
	"strings"
	"testing"
)

// Without cgo every function says how to get the real ones, and the tests that
// matter do not run.
func TestStub(t *testing.T) {
	if os.Getenv("CI") == "true" {
		t.Fatal("built without cgo: the tests with cards did not run (install gcc and libpcsclite-dev)")
	}
	if _, err := Open(0); err == nil || !strings.Contains(err.Error(), "libpcsclite-dev") {
		t.Errorf("Open without cgo: %v, want an error that says what to install", err)
	}
	t.Skip("built without cgo: the tests with cards did not run (install gcc and libpcsclite-dev)")
}
