package pypi

import (
	"strings"
	"testing"
)

func TestNormalizeName(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		// The packaging guide's list of spellings of one name.
		{"friendly-bard", "friendly-bard"},
		{"Friendly-Bard", "friendly-bard"},
		{"FRIENDLY-BARD", "friendly-bard"},
		{"friendly.bard", "friendly-bard"},
		{"friendly_bard", "friendly-bard"},
		{"friendly--bard", "friendly-bard"},
		{"FrIeNdLy-._.-bArD", "friendly-bard"},
		{"A", "a"},
		{"0", "0"},
		{"zope.interface", "zope-interface"},
		{strings.Repeat("a", MaxName), strings.Repeat("a", MaxName)},
	} {
		got, err := NormalizeName(c.in)
		if err != nil || got != c.want {
			t.Errorf("NormalizeName(%q) = %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func TestNormalizeNameRefuses(t *testing.T) {
	for what, in := range map[string]string{
		"empty":            "",
		"separator first":  "-a",
		"separator last":   "a_",
		"dot alone":        ".",
		"parent directory": "..",
		"slash":            "a/b",
		"space":            "a b",
		"NUL":              "a\x00b",
		"line end":         "a\n",
		"not ASCII":        "ré",
		"Kelvin sign":      "\u212a", // folds to k
		"long s":           "a\u017fb",
		"percent":          "a%2fb",
		"too long":         strings.Repeat("a", MaxName+1),
	} {
		if got, err := NormalizeName(in); err == nil || got != "" {
			t.Errorf("%s: NormalizeName(%q) = %q, %v; want an error", what, in, got, err)
		}
		if IsNormal(in) {
			t.Errorf("%s: IsNormal(%q)", what, in)
		}
	}
}

func TestIsNormal(t *testing.T) {
	for in, want := range map[string]bool{
		"friendly-bard": true, "a": true, "0": true, "a-b-c": true,
		"Friendly-bard": false, "friendly_bard": false, "friendly.bard": false,
		"friendly--bard": false, "-a": false, "a-": false, "-": false,
	} {
		if IsNormal(in) != want {
			t.Errorf("IsNormal(%q) = %v, want %v", in, !want, want)
		}
	}
}

func FuzzNormalizeName(f *testing.F) {
	for _, s := range []string{"Friendly-._.-Bard", "a", "a-", "\u212a", "a..b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := NormalizeName(s)
		if err != nil {
			if IsNormal(s) {
				t.Fatalf("%q is refused (%v) and normal", s, err)
			}
			return
		}
		if !IsNormal(n) {
			t.Fatalf("NormalizeName(%q) = %q, which is not normal", s, n)
		}
		if again, err := NormalizeName(n); err != nil || again != n {
			t.Fatalf("NormalizeName(%q) = %q, %v", n, again, err)
		}
		if IsNormal(s) != (s == n) {
			t.Fatalf("IsNormal(%q) = %v, normal form %q", s, IsNormal(s), n)
		}
	})
}
