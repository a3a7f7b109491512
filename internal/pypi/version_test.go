package pypi

import (
	"strings"
	"testing"
)

func TestNormalizeVersion(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		// PEP 440, "Public version identifiers" and its examples: normal as they are.
		{"2012.4", "2012.4"}, {"2012.10", "2012.10"}, {"0.9", "0.9"}, {"1.0", "1.0"}, {"1.0.0", "1.0.0"},
		{"1.0a1", "1.0a1"}, {"1.0b2", "1.0b2"}, {"1.0rc1", "1.0rc1"}, {"1.0.post1", "1.0.post1"},
		{"1.0a2.post3", "1.0a2.post3"}, {"1.0.post1.dev2", "1.0.post1.dev2"}, {"1.0.dev456", "1.0.dev456"},
		{"1.0a12.dev456", "1.0a12.dev456"}, {"1.0b2.post345.dev456", "1.0b2.post345.dev456"},
		{"1!1.0", "1!1.0"}, {"1.0+abc.5", "1.0+abc.5"}, {"1.0+5", "1.0+5"},
		// PEP 440, "Normalization", paragraph by paragraph.
		{"1.1RC1", "1.1rc1"},                                                             // case sensitivity
		{"00", "0"}, {"09000", "9000"}, {"1.0+foo0100", "1.0+foo0100"}, {"01.02", "1.2"}, // integers
		{"1.1.a1", "1.1a1"}, {"1.1-a1", "1.1a1"}, {"1.1_a1", "1.1a1"}, {"1.1a.1", "1.1a1"}, {"1.1a-1", "1.1a1"}, {"1.1a_1", "1.1a1"}, // pre-release separators
		{"1.1alpha1", "1.1a1"}, {"1.1beta2", "1.1b2"}, {"1.1c3", "1.1rc3"}, {"1.1pre4", "1.1rc4"}, {"1.1preview5", "1.1rc5"}, // pre-release spelling
		{"1.2a", "1.2a0"},                                                                                                                                                          // implicit pre-release number
		{"1.2-post2", "1.2.post2"}, {"1.2post2", "1.2.post2"}, {"1.2_post2", "1.2.post2"}, {"1.2.post-2", "1.2.post2"}, {"1.2.post.2", "1.2.post2"}, {"1.2a1post2", "1.2a1.post2"}, // post-release separators
		{"1.0-r4", "1.0.post4"}, {"1.0-rev4", "1.0.post4"}, // post-release spelling
		{"1.2.post", "1.2.post0"},                                                  // implicit post-release number
		{"1.0-1", "1.0.post1"}, {"1.0-0", "1.0.post0"}, {"1.0a1-2", "1.0a1.post2"}, // implicit post-releases
		{"1.2-dev2", "1.2.dev2"}, {"1.2dev2", "1.2.dev2"}, {"1.2_dev2", "1.2.dev2"}, {"1.2.dev-2", "1.2.dev2"}, // development release separators
		{"1.2.dev", "1.2.dev0"},                                                                                                                                                          // implicit development release number
		{"1.0+ubuntu-1", "1.0+ubuntu.1"}, {"1.0+ubuntu_1", "1.0+ubuntu.1"}, {"1.0+UBUNTU.01", "1.0+ubuntu.1"}, {"1.0+00", "1.0+0"}, {"1.0+0a", "1.0+0a"}, {"1.0+1.2-3_4", "1.0+1.2.3.4"}, // local version segments
		{"v1.0", "1.0"}, {"V1.0", "1.0"}, // preceding v
		{" 1.0\n", "1.0"}, {"\t1.0\r\f\v", "1.0"}, // white space
		// Together, and where two readings meet.
		{"v01!02.00-ALPHA.01_Rev-07.DEV.003+Ab-01", "1!2.0a1.post7.dev3+ab.1"},
		{"0!1.0", "1.0"}, {"00!1.0", "1.0"},
		{"1.0a-1.post2", "1.0a1.post2"}, {"1.0a.post1", "1.0a0.post1"}, {"1.0post-1", "1.0.post1"},
		{"1.0rc", "1.0rc0"}, {"1.0r", "1.0.post0"}, {"1.0.c", "1.0rc0"},
		{"1.0.0.0", "1.0.0.0"},
		{"340282366920938463463374607431768211456", "340282366920938463463374607431768211456"}, // no machine integers
	} {
		got, err := NormalizeVersion(c.in)
		if err != nil || got != c.want {
			t.Errorf("NormalizeVersion(%q) = %q, %v; want %q", c.in, got, err, c.want)
		}
		if IsNormalVersion(c.in) != (c.in == c.want) {
			t.Errorf("IsNormalVersion(%q) = %v", c.in, c.in != c.want)
		}
	}
}

func TestNormalizeVersionRefuses(t *testing.T) {
	for _, in := range []string{
		"", " ", "v", "a", "latest", "1.", ".1", "1..0", "1.0.", "1.0+", "1.0+a+b", "1.0+a..b", "1.0+.a", "1.0+a.", "1.0+é",
		"!1.0", "1!", "-1!1.0", "1!2!3", "vv1.0", "1.0 a1", "1.0--1", "1.0-", "1.0-1-2", "1.0a1b2", "1.0dev1post2",
		"1.0.dev1.dev2", "1.0_1", "1.0x", "1.0alphabeta", "1,0", "1/0", "1.0\x00", "2001-01-01", "1.0gamma",
		"1.0po\u017ft1",     // long s folds to s
		"\u0661.0",          // an Arabic digit
		"1.0.pre\u2003view", // a space, but not an ASCII one
	} {
		if got, err := NormalizeVersion(in); err == nil || got != "" {
			t.Errorf("NormalizeVersion(%q) = %q, %v; want an error", in, got, err)
		}
		if IsNormalVersion(in) {
			t.Errorf("IsNormalVersion(%q)", in)
		}
	}
}

func TestVersionLength(t *testing.T) {
	longest := strings.Repeat("1.", MaxVersion/2-1) + "11"
	if got, err := NormalizeVersion(longest); err != nil || got != longest {
		t.Errorf("%d bytes: %q, %v", len(longest), got, err)
	}
	if _, err := NormalizeVersion(longest + "1"); err == nil {
		t.Errorf("%d bytes are accepted", len(longest)+1)
	}
	grows := strings.Repeat("1.", 29) + "1-1" // 61 bytes; with ".post1" for "-1" 65
	if got, err := NormalizeVersion(grows); err == nil {
		t.Errorf("a normal form of %d bytes is accepted", len(got))
	}
}

func FuzzNormalizeVersion(f *testing.F) {
	for _, s := range []string{"v01!02.0-ALPHA.01_Rev-07.DEV.003+Ab-01", "1.0-1", "1.0+a_b", "1.0c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := NormalizeVersion(s)
		if err != nil {
			return
		}
		if !IsNormalVersion(n) {
			again, err := NormalizeVersion(n)
			t.Fatalf("NormalizeVersion(%q) = %q, of that %q, %v", s, n, again, err)
		}
	})
}
