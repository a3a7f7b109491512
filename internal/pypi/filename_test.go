package pypi

import (
	"strings"
	"testing"
)

func TestParseFilename(t *testing.T) {
	for _, c := range []struct{ in, pkg, version string }{
		// Wheels: the examples of PEP 427 and of the binary distribution format.
		{"distribution-1.0-1-py27-none-any.whl", "distribution", "1.0"},
		{"foo-1.0-py32-none-any.whl", "foo", "1.0"},
		{"six-1.17.0-py2.py3-none-any.whl", "six", "1.17.0"},
		{"zope.interface-7.2-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "zope-interface", "7.2"},
		{"zope_interface-7.2-cp313-cp313-macosx_10_9_x86_64.whl", "zope-interface", "7.2"},
		{"Friendly_Bard-2.0RC1-py3-none-any.whl", "friendly-bard", "2.0rc1"},
		{"torch-2.5.1+cpu.cxx11.abi-cp312-cp312-linux_x86_64.whl", "torch", "2.5.1+cpu.cxx11.abi"},
		{"a-1.0+ubuntu_1-py3-none-any.whl", "a", "1.0+ubuntu.1"},
		{"a-1!2.0-20240101abc_x-py3-none-any.whl", "a", "1!2.0"},
		{"foo-1-1.0-py3-none-any.whl", "foo", "1"}, // "1.0" is a build tag
		// Source distributions: PEP 625, and older ones.
		{"friendly_bard-1.0.tar.gz", "friendly-bard", "1.0"},
		{"foo-bar-1.0.tar.gz", "foo-bar", "1.0"},
		{"Foo.Bar-1.0a1.zip", "foo-bar", "1.0a1"},
		{"a-1.0.post1.dev3.tar.gz", "a", "1.0.post1.dev3"},
		{"a-1.0+local.1.tar.gz", "a", "1.0+local.1"},
		{"foo-1.0-1.tar.gz", "foo-1-0", "1"}, // the last hyphen counts
	} {
		pkg, version, err := ParseFilename(c.in)
		if err != nil || pkg != c.pkg || version != c.version {
			t.Errorf("ParseFilename(%q) = %q, %q, %v; want %q, %q", c.in, pkg, version, err, c.pkg, c.version)
		}
		if !BelongsTo(c.in, c.pkg, c.version) {
			t.Errorf("%q does not belong to %s %s", c.in, c.pkg, c.version)
		}
	}
}

func TestParseFilenameRefuses(t *testing.T) {
	for what, in := range map[string]string{
		"empty":                       "",
		"directory":                   "dir/a-1.0.tar.gz",
		"parent directory":            "../a-1.0.tar.gz",
		"backslash":                   `dir\a-1.0.tar.gz`,
		"drive":                       "c:a-1.0.tar.gz",
		"NUL":                         "a-1.0\x00.tar.gz",
		"line feed":                   "a-1.0.tar.gz\n",
		"escape":                      "a\x1b[2J-1.0.tar.gz",
		"space":                       "a -1.0.tar.gz",
		"percent":                     "a%2f-1.0.tar.gz",
		"leading dot":                 ".a-1.0.tar.gz",
		"leading hyphen":              "-a-1.0.tar.gz",
		"two dots":                    "a-1.0..tar.gz",
		"two dots in a build tag":     "a-1.0-1..2-py3-none-any.whl",
		"question mark":               "a-1.0.tar.gz?x",
		"not ASCII":                   "é-1.0.tar.gz",
		"Kelvin sign":                 "\u212a-1.0.tar.gz",
		"too long":                    "a-1.0-1" + strings.Repeat("x", MaxFilename-20) + "-py3-none-any.whl",
		"no extension":                "a-1.0",
		"egg":                         "a-1.0-py3.9.egg",
		"bzip2":                       "a-1.0.tar.bz2",
		"extension in capitals":       "a-1.0-py3-none-any.WHL",
		"signature":                   "a-1.0.tar.gz.asc",
		"metadata":                    "a-1.0-py3-none-any.whl.metadata",
		"extension alone":             ".tar.gz",
		"no version":                  "a.tar.gz",
		"empty name":                  "-1.0.tar.gz",
		"empty version":               "a-.tar.gz",
		"version not PEP 440":         "a-latest.tar.gz",
		"name ends in separator":      "a_-1.0.tar.gz",
		"wheel with 4 parts":          "a-1.0-py3-none.whl",
		"wheel with 7 parts":          "a-1.0-1-2-py3-none-any.whl",
		"wheel name with hyphen":      "foo-bar-1.0-py3-none-any.whl",
		"wheel name with __":          "foo__bar-1.0-py3-none-any.whl",
		"wheel build tag no digit":    "a-1.0-x1-py3-none-any.whl",
		"wheel build tag empty":       "a-1.0--py3-none-any.whl",
		"wheel tag empty":             "a-1.0-py3--any.whl",
		"wheel tag with a dot last":   "a-1.0-py3.-none-any.whl",
		"wheel tag with a plus":       "a-1.0-py3-none-any+x.whl",
		"wheel version not PEP 440":   "a-1.0_1-py3-none-any.whl",
		"project name over its limit": strings.Repeat("a", MaxName+1) + "-1.0.tar.gz",
	} {
		pkg, version, err := ParseFilename(in)
		if err == nil || pkg != "" || version != "" {
			t.Errorf("%s: ParseFilename(%q) = %q, %q, %v; want an error", what, in, pkg, version, err)
		}
		for _, name := range []string{"a", "foo", "foo-bar"} {
			if v, err := VersionOf(in, name); err == nil {
				t.Errorf("%s: VersionOf(%q, %s) = %q", what, in, name, v)
			}
		}
	}
}

// Where a hyphen could end the name or stand in it, the project decides.
func TestVersionOf(t *testing.T) {
	for _, c := range []struct{ in, pkg, want string }{
		{"foo-1.0-1.tar.gz", "foo", "1.0.post1"},
		{"foo-1.0-1.tar.gz", "foo-1-0", "1"},
		{"foo-1.0-1.tar.gz", "foo-1", ""},
		{"foo-bar-1.0.tar.gz", "foo-bar", "1.0"},
		{"foo-bar-1.0.tar.gz", "foo", ""},
		{"foo-bar-1.0.tar.gz", "bar", ""},
		{"foo_bar-1.0.tar.gz", "foo-bar", "1.0"},
		{"a-1.0-rc1.zip", "a", "1.0rc1"},
		{"a-1.0-r4-dev2.zip", "a", "1.0.post4.dev2"},
		{"foo-1-1.0-py3-none-any.whl", "foo", "1"},
		{"foo-1-1.0-py3-none-any.whl", "foo-1", ""},
		{"foo-1.0-py3-none-any.whl", "bar", ""},
		{"foo-1.0.tar.gz", "Foo", ""}, // pkg is not in normal form
		{"foo-1.0.tar.gz", "", ""},
	} {
		got, err := VersionOf(c.in, c.pkg)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("VersionOf(%q, %s) = %q, %v; want %q", c.in, c.pkg, got, err, c.want)
		}
	}
}

func TestBelongsTo(t *testing.T) {
	if !BelongsTo("foo_bar-1.0-py3-none-any.whl", "foo-bar", "1.0") {
		t.Error("a wheel does not belong to its own version")
	}
	for _, c := range [][3]string{
		{"foo_bar-1.0-py3-none-any.whl", "foo-bar", "1.1"},
		{"foo_bar-1.0-py3-none-any.whl", "foo-bar", "1.0.0"}, // another normal form
		{"foo_bar-1.0-py3-none-any.whl", "foo", "1.0"},
		{"foo_bar-1.0-py3-none-any.whl", "Foo_Bar", "1.0"},
		{"foo-1.0RC1.tar.gz", "foo", "1.0RC1"}, // the version is not in normal form
		{"foo-1.0.exe", "foo", "1.0"},
		{"../foo-1.0.tar.gz", "foo", "1.0"},
		{"", "", ""},
	} {
		if BelongsTo(c[0], c[1], c[2]) {
			t.Errorf("%q belongs to %q %q", c[0], c[1], c[2])
		}
	}
}

func FuzzParseFilename(f *testing.F) {
	for _, s := range []string{"foo-1.0-1-py2.py3-none-any.whl", "Foo-Bar-1.0-1.tar.gz", "a-1!2+x.zip", "../a-1.zip"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		pkg, version, err := ParseFilename(s)
		if err != nil {
			return
		}
		if !IsNormal(pkg) || !IsNormalVersion(version) {
			t.Fatalf("%q gives %q, %q, not both normal", s, pkg, version)
		}
		if strings.ContainsAny(s, "/\\%\x00 ") || strings.Contains(s, "..") || len(s) > MaxFilename {
			t.Fatalf("%q is accepted", s)
		}
		if !BelongsTo(s, pkg, version) {
			t.Fatalf("%q does not belong to %s %s", s, pkg, version)
		}
		// The canonical file name of the pair gives the pair again.
		canonical := strings.ReplaceAll(pkg, "-", "_") + "-" + version + ".tar.gz"
		if p, v, err := ParseFilename(canonical); err != nil || p != pkg || v != version {
			t.Fatalf("ParseFilename(%q) = %q, %q, %v", canonical, p, v, err)
		}
	})
}
