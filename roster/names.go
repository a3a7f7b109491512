package roster

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/rootward/rootward/internal/pypi"
)

// MaxName is the length of the longest name of a person, in bytes.
const MaxName = 100

// RehearsalPrefix begins the repository of every rehearsal's documents. No
// client that holds another repository's roster accepts them.
const RehearsalPrefix = "rehearsal."

var dnsName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$`)

// CheckRepository reports whether s is a lower-case DNS name (RFC 1123,
// section 2.1) of at least two labels and at most 253 bytes.
func CheckRepository(s string) error {
	if len(s) > 253 || !dnsName.MatchString(s) {
		return fmt.Errorf("repository is %q, wanted a lower-case DNS name such as %q", s, "packages.example")
	}
	return nil
}

// CheckName reports whether s may name a person: 1 to 100 bytes, printable,
// in NFC (Unicode Annex 15), no control or direction characters, no space at
// either end, none doubled, and no space but U+0020.
func CheckName(s string) error {
	switch {
	case s == "" || len(s) > MaxName || !utf8.ValidString(s):
		return fmt.Errorf("name %q has %d bytes, wanted 1 to %d of UTF-8", s, len(s), MaxName)
	case !norm.NFC.IsNormalString(s):
		return fmt.Errorf("name %+q is not in Unicode's normal form C", s)
	case strings.TrimSpace(s) != s || strings.Contains(s, "  "):
		return fmt.Errorf("name %q has a space too many", s)
	}
	for _, r := range s {
		// unicode.IsPrint refuses control characters (Cc), formats (Cf: the
		// direction characters and the zero-width ones) and every space but
		// U+0020; combining marks alone could still hide, so none may lead.
		if !unicode.IsPrint(r) {
			return fmt.Errorf("name %+q has the character %U, wanted printable ones", s, r)
		}
	}
	if first, _ := utf8.DecodeRuneInString(s); unicode.IsMark(first) {
		return fmt.Errorf("name %+q begins with a combining mark", s)
	}
	return nil
}

// belongs says whether a file, by its name, is one of this package and version.
func belongs(file, pkg, version string) error {
	found, err := pypi.VersionOf(file, pkg)
	if err != nil {
		return err
	}
	if found != version {
		return fmt.Errorf("file %q is of version %s, wanted %s", file, found, version)
	}
	return nil
}
