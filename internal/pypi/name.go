// Package pypi reads the names that the Python package index deals in: project
// names (PEP 503, PEP 508), versions (PEP 440) and the names of distribution
// files (PEP 427, PEP 625).
//
// Documents hold normal forms only, so that one thing has one name. All
// functions are pure. They accept ASCII alone, and say nothing about whether a
// project, a version or a file exists.
package pypi

import (
	"fmt"
	"strings"
)

// MaxName is the longest project name, in bytes. No PEP sets a limit; this one
// is Rootward's own, so that a line of the map has a greatest length. Of the
// names on the public index all but a handful of jokes are shorter.
const MaxName = 100

// NormalizeName returns the normal form of a project name (PEP 503): lower
// case, with each run of '-', '_' and '.' replaced by one '-'. The name must be
// valid by PEP 508: ASCII letters, digits, '-', '_' and '.', a letter or digit
// first and last; and it may have at most MaxName bytes.
func NormalizeName(name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	b := make([]byte, 0, len(name))
	for i := range len(name) {
		c := name[i]
		if isSeparator(c) {
			if b[len(b)-1] != '-' { // a valid name begins with no separator
				b = append(b, '-')
			}
			continue
		}
		b = append(b, lower(c))
	}
	return string(b), nil
}

// IsNormal reports whether name is a valid project name in its normal form, so
// that NormalizeName(name) == name.
func IsNormal(name string) bool {
	if name == "" || len(name) > MaxName {
		return false
	}
	dash := true // a dash may not come first
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			dash = false
		case c == '-' && !dash:
			dash = true
		default:
			return false
		}
	}
	return !dash
}

// checkName applies the rule of PEP 508, section "Names".
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("project name is empty; want letters, digits, '-', '_' and '.'")
	case len(name) > MaxName:
		return fmt.Errorf("project name %q... has %d bytes; want at most %d", name[:MaxName], len(name), MaxName)
	}
	for i := range len(name) {
		if !isAlnum(name[i]) && !isSeparator(name[i]) {
			return fmt.Errorf("project name %q: byte %d is %q; want ASCII letters, digits, '-', '_' and '.'",
				name, i+1, name[i:i+1])
		}
	}
	if !isAlnum(name[0]) || !isAlnum(name[len(name)-1]) {
		return fmt.Errorf("project name %q must begin and end with a letter or a digit", name)
	}
	return nil
}

func isSeparator(c byte) bool { return strings.IndexByte("-_.", c) >= 0 }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlnum(c byte) bool { return isDigit(c) || 'a' <= lower(c) && lower(c) <= 'z' }

// lower returns the lower case of an ASCII letter, and any other byte as it is.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
