package pypi

import (
	"strings"
	"testing"
)

// Several nets catch a bad name or version; each is tried by its words.
func TestEachNetSaysWhatItCaught(t *testing.T) {
	for input, want := range map[string]string{
		"-sample-1.0.tar.gz":     "does not begin with a letter or a digit",
		"sample-1.0 .tar.gz":     "want ASCII letters, digits",
		"s\u00e4mple-1.0.tar.gz": "want ASCII letters, digits",
	} {
		if _, _, err := ParseFilename(input); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("file %q: got %v, wanted %s", input, err, want)
		}
	}
	for input, want := range map[string]string{
		"1." + strings.Repeat("0", MaxVersion): "... has 66 bytes",
		"1.0\u0661":                            "is not ASCII",
	} {
		if _, err := NormalizeVersion(input); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("version %q: got %v, wanted %s", input, err, want)
		}
	}
}
