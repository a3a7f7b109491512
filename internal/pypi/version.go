package pypi

import (
	"fmt"
	"regexp"
	"strings"
)

// MaxVersion is the longest version, in bytes, as written and in its normal
// form. PEP 440 sets no limit; this one is Rootward's own.
const MaxVersion = 64

// versionForm is the pattern of PEP 440, appendix B, for lower-case input.
var versionForm = regexp.MustCompile(`^v?` +
	`(?:([0-9]+)!)?` + // 1 epoch
	`([0-9]+(?:\.[0-9]+)*)` + // 2 release
	`(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?([0-9]+)?)?` + // 3, 4 pre-release
	`(?:-([0-9]+)|[-_.]?(post|rev|r)[-_.]?([0-9]+)?)?` + // 5 or 6, 7 post-release
	`(?:[-_.]?(dev)[-_.]?([0-9]+)?)?` + // 8, 9 development release
	`(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$`) // 10 local version

// NormalizeVersion returns the normal form of a version (PEP 440,
// "Normalization"): "v1.0-ALPHA.01+Ubuntu-1" becomes "1.0a1+ubuntu.1". An
// epoch of 0 is left out; zeros at the end of the release are kept, as the PEP
// keeps them. So 1.0 and 1.0.0, which the PEP's ordering counts as equal, have
// two normal forms and are two versions here. White space around the version
// is ignored, as the PEP asks.
func NormalizeVersion(version string) (string, error) {
	s := strings.Trim(version, " \t\n\r\f\v")
	if len(s) > MaxVersion {
		return "", fmt.Errorf("version %q... has %d bytes; want at most %d", s[:MaxVersion], len(s), MaxVersion)
	}
	for i := range len(s) {
		if s[i] >= 0x80 { // before folding: some letters fold into ASCII
			return "", fmt.Errorf("version %q is not ASCII; want a version as in PEP 440", s)
		}
	}
	m := versionForm.FindStringSubmatch(strings.ToLower(s))
	if m == nil {
		return "", fmt.Errorf("version %q is not one by PEP 440; want for example 1.0, 1.0rc1 or 1.0.post2", s)
	}
	n := printVersion(m)
	if len(n) > MaxVersion {
		return "", fmt.Errorf("version %q has %d bytes in its normal form; want at most %d", s, len(n), MaxVersion)
	}
	return n, nil
}

// IsNormalVersion reports whether version is in its normal form, so that
// NormalizeVersion(version) == version.
func IsNormalVersion(version string) bool {
	n, err := NormalizeVersion(version)
	return err == nil && n == version
}

// printVersion writes the groups of versionForm in normal form.
func printVersion(m []string) string {
	var b strings.Builder
	if epoch := number(m[1]); epoch != "0" {
		b.WriteString(epoch + "!")
	}
	for i, n := range strings.Split(m[2], ".") {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(number(n))
	}
	switch m[3] {
	case "":
	case "a", "alpha":
		b.WriteString("a" + number(m[4]))
	case "b", "beta":
		b.WriteString("b" + number(m[4]))
	default: // c, rc, pre, preview
		b.WriteString("rc" + number(m[4]))
	}
	switch {
	case m[5] != "":
		b.WriteString(".post" + number(m[5]))
	case m[6] != "":
		b.WriteString(".post" + number(m[7]))
	}
	if m[8] != "" {
		b.WriteString(".dev" + number(m[9]))
	}
	if m[10] == "" {
		return b.String()
	}
	sep := "+"
	for part := range strings.FieldsFuncSeq(m[10], func(r rune) bool { return strings.ContainsRune("-_.", r) }) {
		b.WriteString(sep)
		if strings.Trim(part, "0123456789") == "" {
			part = number(part)
		}
		b.WriteString(part)
		sep = "."
	}
	return b.String()
}

// number strips leading zeros from a number; a missing one is 0.
func number(s string) string {
	s = strings.TrimLeft(s, "0")
	if s == "" {
		return "0"
	}
	return s
}
