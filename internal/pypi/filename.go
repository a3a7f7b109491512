package pypi

import (
	"fmt"
	"strings"
)

// MaxFilename is the longest file name, in bytes: what common file systems
// take.
const MaxFilename = 255

// ParseFilename returns the project and the version, both in normal form, that
// the name of a distribution file claims. It knows
//
//   - wheels, by the binary distribution format (PEP 427):
//     name-version[-build]-python-abi-platform.whl
//   - source distributions (PEP 625): name-version.tar.gz, and the older .zip.
//
// Older source distributions may have hyphens in the name or the version; here
// the last hyphen counts, as most tools have it. [VersionOf] and [BelongsTo],
// which know the project, decide by it and are to be preferred.
//
// The name can stand as it is at the end of a URL path and of a file path: it
// has ASCII letters, digits and "-_.+!" only, a letter or digit first, no "..",
// and at most MaxFilename bytes. The tags of a wheel are checked for their
// form, not for their meaning, and the content of a file for nothing.
func ParseFilename(filename string) (pkg, version string, err error) {
	if err := checkFilename(filename); err != nil {
		return "", "", err
	}
	if stem, ok := strings.CutSuffix(filename, ".whl"); ok {
		return parseWheel(filename, stem)
	}
	stem, err := cutSdist(filename)
	if err != nil {
		return "", "", err
	}
	i := strings.LastIndexByte(stem, '-')
	if i < 0 {
		return "", "", fmt.Errorf("file %q has no hyphen between name and version; want name-version", filename)
	}
	return normalPair(filename, stem[:i], stem[i+1:])
}

// VersionOf returns the version, in normal form, that a file of the project
// pkg claims by its name. pkg is in normal form. The error says what the file
// claims if it is of another project.
//
// It differs from [ParseFilename] in older source distributions alone:
// "foo-1.0-1.tar.gz" is version 1.0.post1 of foo, and version 1 of foo-1-0.
func VersionOf(filename, pkg string) (version string, err error) {
	if err := checkFilename(filename); err != nil {
		return "", err
	}
	if strings.HasSuffix(filename, ".whl") {
		found, version, err := ParseFilename(filename)
		if err == nil && found != pkg {
			err = fmt.Errorf("file %q is of project %s; want %s", filename, found, pkg)
		}
		if err != nil {
			return "", err
		}
		return version, nil
	}
	stem, err := cutSdist(filename)
	if err != nil {
		return "", err
	}
	// The parts of stem that are valid names end in different letters or
	// digits, so that at most one of them normalises to pkg.
	for i := range len(stem) {
		if stem[i] != '-' {
			continue
		}
		if name, err := NormalizeName(stem[:i]); err != nil || name != pkg {
			continue
		}
		if version, err := NormalizeVersion(stem[i+1:]); err == nil {
			return version, nil
		}
	}
	return "", fmt.Errorf("file %q is no version of project %s by its name", filename, pkg)
}

// BelongsTo reports whether filename is the name of a distribution file of
// this project and version, both in normal form.
func BelongsTo(filename, pkg, version string) bool {
	v, err := VersionOf(filename, pkg)
	return err == nil && v == version
}

// parseWheel reads a wheel's name without its extension.
func parseWheel(filename, stem string) (pkg, version string, err error) {
	f := strings.Split(stem, "-")
	if len(f) != 5 && len(f) != 6 {
		return "", "", fmt.Errorf("wheel %q has %d parts between hyphens; want 5, or 6 with a build tag", filename, len(f))
	}
	if strings.Contains(f[0], "__") {
		return "", "", fmt.Errorf("wheel %q: name %q has two underscores in a row; want one", filename, f[0])
	}
	if len(f) == 6 && (f[2] == "" || !isDigit(f[2][0])) {
		return "", "", fmt.Errorf("wheel %q: build tag %q does not begin with a digit", filename, f[2])
	}
	for _, tags := range f[len(f)-3:] {
		for tag := range strings.SplitSeq(tags, ".") {
			if tag == "" || strings.ContainsAny(tag, "+!") {
				return "", "", fmt.Errorf("wheel %q: tag %q; want letters, digits and '_', with '.' between tags", filename, tags)
			}
		}
	}
	return normalPair(filename, f[0], f[1])
}

// cutSdist returns the name of a source distribution without its extension.
func cutSdist(filename string) (string, error) {
	for _, ext := range []string{".tar.gz", ".zip"} {
		if stem, ok := strings.CutSuffix(filename, ext); ok {
			return stem, nil
		}
	}
	return "", fmt.Errorf("file %q is no wheel and no source distribution; want .whl, .tar.gz or .zip", filename)
}

func normalPair(filename, name, version string) (string, string, error) {
	n, err := NormalizeName(name)
	if err != nil {
		return "", "", fmt.Errorf("file %q: %w", filename, err)
	}
	v, err := NormalizeVersion(version)
	if err != nil {
		return "", "", fmt.Errorf("file %q: %w", filename, err)
	}
	return n, v, nil
}

// checkFilename refuses what could be more than the name of one file, in a
// path, a URL or a terminal.
func checkFilename(filename string) error {
	switch {
	case filename == "":
		return fmt.Errorf("file name is empty")
	case len(filename) > MaxFilename:
		return fmt.Errorf("file name %q... has %d bytes; want at most %d", filename[:64], len(filename), MaxFilename)
	case !isAlnum(filename[0]):
		return fmt.Errorf("file name %q does not begin with a letter or a digit", filename)
	case strings.Contains(filename, ".."):
		return fmt.Errorf("file name %q has two dots in a row", filename)
	}
	for i := range len(filename) {
		if c := filename[i]; !isAlnum(c) && strings.IndexByte("-_.+!", c) < 0 {
			return fmt.Errorf("file name %q: byte %d is %q; want ASCII letters, digits and \"-_.+!\"", filename, i+1, filename[i:i+1])
		}
	}
	return nil
}
