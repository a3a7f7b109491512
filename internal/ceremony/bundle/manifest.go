package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

const (
	manifestName = "bundle.json"
	manifestType = "ceremony-bundle/v1"
)

// A Kind says what a bundle is for.
type Kind string

// The kinds.
const (
	Draft      Kind = "draft"      // what a keyholder elsewhere needs to review and to sign
	Signatures Kind = "signatures" // what comes back
	Published  Kind = "published"  // what a ceremony made for the public repository
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Draft, Signatures, Published} }

// A Manifest says what a bundle is of. Its encoding is JSON; what does not print
// back to the same bytes is refused.
type Manifest struct {
	Type       string        `json:"type"`
	Kind       Kind          `json:"kind"`
	Ceremony   string        `json:"ceremony"`
	Repository string        `json:"repository"`
	Version    uint64        `json:"version"` // of the roster
	Roster     digest.Digest `json:"roster"`
	Files      []File        `json:"files"` // sorted by path, each once
}

// A File is one of a bundle.
type File struct {
	Path   string        `json:"path"` // with slashes
	Size   uint64        `json:"size"` // bytes
	SHA256 digest.Digest `json:"sha256"`
}

func (m Manifest) format() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("printing a manifest: %w", err)
	}
	return b.Bytes(), nil
}

func parseManifest(raw []byte) (Manifest, error) {
	var m Manifest
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return Manifest{}, refuse("its manifest: %v", err)
	}
	if m.Type != manifestType {
		return Manifest{}, refuse("its manifest says type %.40q, wanted %q", m.Type, manifestType)
	}
	if again, err := m.format(); err != nil || !bytes.Equal(again, raw) {
		return Manifest{}, refuse("its manifest does not print back to the same bytes")
	}
	return m, m.check()
}

// check judges everything but the files' bytes.
func (m Manifest) check() error {
	if !slices.Contains(Kinds(), m.Kind) {
		return refuse("its kind is %.40q, wanted one of %q", m.Kind, Kinds())
	}
	if err := roster.CheckRepository(m.Repository); err != nil {
		return refuse("%v", err)
	}
	if err := roster.CheckName(m.Ceremony); err != nil {
		return refuse("its ceremony's name: %v", err)
	}
	if m.Version == 0 || m.Roster.IsZero() {
		return refuse("its manifest names no roster")
	}
	if len(m.Files) == 0 || len(m.Files) > MaxFiles {
		return refuse("it has %d files, wanted 1 to %d", len(m.Files), MaxFiles)
	}
	var all uint64
	for i, f := range m.Files {
		if err := checkPath(f.Path); err != nil {
			return err
		}
		if i > 0 && m.Files[i-1].Path >= f.Path {
			return refuse("path %q stands behind %q, wanted each once and sorted", f.Path, m.Files[i-1].Path)
		}
		if f.Size > MaxFile {
			return refuse("%q has %d bytes, wanted at most %d", f.Path, f.Size, MaxFile)
		}
		all += f.Size
	}
	if all > MaxContent {
		return refuse("its files have %d bytes together, wanted at most %d", all, MaxContent)
	}
	return m.checkFolders()
}

// checkFolders wants no path that is another's folder.
func (m Manifest) checkFolders() error {
	files := make(map[string]bool, len(m.Files))
	for _, f := range m.Files {
		files[f.Path] = true
	}
	for _, f := range m.Files {
		for i := range len(f.Path) {
			if f.Path[i] == '/' && files[f.Path[:i]] {
				return refuse("%q is a file, and the folder of %q", f.Path[:i], f.Path)
			}
		}
	}
	return nil
}

// checkPath takes paths of one spelling that stay below the folder into which
// they are written, on any system: parts of lower-case letters, digits, '.', '-'
// and '_', which begin and end with a letter or a digit.
func checkPath(path string) error {
	if path == "" || len(path) > MaxPath {
		return refuse("path %.40q has %d bytes, wanted 1 to %d", path, len(path), MaxPath)
	}
	if path == manifestName {
		return refuse("path %q is the manifest's own", path)
	}
	if _, _, ok := splitPath(path); !ok {
		return refuse("path %q is too long for a tar archive", path)
	}
	for part := range strings.SplitSeq(path, "/") {
		if !plainPart(part) {
			return refuse("path %q has the part %q, wanted lower-case letters, digits, and '.', '-' or '_' between them", path, part)
		}
	}
	return nil
}

func plainPart(part string) bool {
	alnum := func(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
	if part == "" || !alnum(part[0]) || !alnum(part[len(part)-1]) {
		return false
	}
	for i := range len(part) {
		if c := part[i]; !alnum(c) && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
