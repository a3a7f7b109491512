package roster

import (
	"fmt"
	"slices"

	"github.com/rootward/rootward/internal/pypi"
	"github.com/rootward/rootward/roster/digest"
)

var manifestForm = form{"release-manifest/v1", MaxManifest, LayerManifest}

// MaxFiles is how many files one manifest may name.
const MaxFiles = 1000

// ManifestContent is what a release manifest says. [NewManifest] makes it.
type ManifestContent struct {
	Type       string `json:"type"`
	Repository string `json:"repository"`
	Package    string `json:"package"`
	Version    string `json:"version"` // PEP 440's normal form
	Issued     Time   `json:"issued"`
	Files      []File `json:"files"` // sorted by name
}

// A File is one released file.
type File struct {
	Name   string        `json:"name"`
	Size   uint64        `json:"size"` // bytes
	SHA256 digest.Digest `json:"sha256"`
}

// A Manifest is a well-formed release manifest that nobody has vouched for.
type Manifest struct {
	raw     []byte
	digest  digest.Digest
	content ManifestContent
}

// NewManifest prints c, with its type filled in and its files sorted, and
// parses the result.
func NewManifest(c ManifestContent) (*Manifest, error) {
	c.Type = manifestForm.kind
	c.Files = slices.Clone(c.Files)
	slices.SortFunc(c.Files, func(a, b File) int { return compare(a.Name, b.Name) })
	raw, err := encode(&c)
	if err != nil {
		return nil, refuse(LayerManifest, c.Package, "cannot be printed").because(err)
	}
	return ParseManifest(raw)
}

// ParseManifest reads a release manifest and checks what needs no other
// document: the encoding, the limits, that each file is one of this package
// and version by its name, and that the files stand once, in order.
func ParseManifest(raw []byte) (*Manifest, error) {
	m := &Manifest{raw: slices.Clone(raw), digest: digest.Sum(raw)}
	if err := manifestForm.parse("", raw, &m.content); err != nil {
		return nil, err
	}
	if err := m.content.check(); err != nil {
		return nil, refuse(LayerManifest, m.digest.String(), "the document contradicts the format").because(err)
	}
	return m, nil
}

func (c *ManifestContent) check() error {
	if err := CheckRepository(c.Repository); err != nil {
		return err
	}
	switch {
	case !pypi.IsNormal(c.Package):
		return fmt.Errorf("package is %q, wanted a name in PEP 503's normal form", c.Package)
	case !pypi.IsNormalVersion(c.Version):
		return fmt.Errorf("version is %q, wanted PEP 440's normal form", c.Version)
	case len(c.Files) < 1 || len(c.Files) > MaxFiles:
		return fmt.Errorf("%d files, wanted 1 to %d", len(c.Files), MaxFiles)
	}
	for i, f := range c.Files {
		if err := belongs(f.Name, c.Package, c.Version); err != nil {
			return err
		}
		switch {
		case f.Size > MaxNumber:
			return fmt.Errorf("file %q has size %d, wanted at most 2^53-1", f.Name, f.Size)
		case i > 0 && c.Files[i-1].Name >= f.Name:
			return fmt.Errorf("file %q stands after %q, wanted each once and sorted", f.Name, c.Files[i-1].Name)
		}
	}
	return nil
}

// Bytes returns the document.
func (m *Manifest) Bytes() []byte { return slices.Clone(m.raw) }

// Digest is the SHA-256 of the document.
func (m *Manifest) Digest() digest.Digest { return m.digest }

// Content returns what the manifest says.
func (m *Manifest) Content() ManifestContent {
	c := m.content
	c.Files = slices.Clone(c.Files)
	return c
}

// file returns the file of that name, if the manifest has it.
func (m *Manifest) file(name string) (File, bool) {
	i := slices.IndexFunc(m.content.Files, func(f File) bool { return f.Name == name })
	if i < 0 {
		return File{}, false
	}
	return m.content.Files[i], true
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
