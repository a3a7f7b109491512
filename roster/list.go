package roster

import (
	"fmt"
	"slices"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/pypi"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/threshold"
)

var listForm = form{"maintainer-list/v1", MaxList, LayerList}

// Limits on a maintainer list.
const (
	MaxMaintainers = 32
	// MaxListKeys is how many keys a list may name in all, so that those of
	// two lists together fit one signature file.
	MaxListKeys = 32
	// MaxExcept is how many lines of an index a list may leave out.
	MaxExcept = 10_000
)

// ListContent is what a maintainer list says. [NewList] makes the document.
type ListContent struct {
	Type             string       `json:"type"`
	Repository       string       `json:"repository"`
	Package          string       `json:"package"`
	Version          uint64       `json:"version"`
	Previous         Ref          `json:"previous"`
	Issued           Time         `json:"issued"`
	Maintainers      []Maintainer `json:"maintainers"`
	Threshold        int          `json:"threshold"`
	ReleaseThreshold int          `json:"release_threshold"`
	Inherits         Inheritance  `json:"inherits"`
}

// A Maintainer is one person who may release a package, with their keys.
type Maintainer struct {
	Name string `json:"name"`
	Keys []Key  `json:"keys"`
}

// An Inheritance is the part of the release index for which a list's signers
// vouch, whoever signed its lines: the first Length bytes, as they found
// them, but for the lines whose numbers are in Except. The first line after
// the index's header is number 1.
type Inheritance struct {
	Length uint64   `json:"length"`
	Digest Ref      `json:"digest"`
	Except []uint64 `json:"except"`
}

// A List is a well-formed maintainer list that nobody has vouched for.
type List struct {
	raw     []byte
	digest  digest.Digest
	content ListContent
	next    threshold.Policy // who may sign the next list
	release threshold.Policy // who may sign a release
	keys    []*pgp.PublicKey
}

// NewList prints c, with its type filled in, and parses the result.
func NewList(c ListContent) (*List, error) {
	c.Type = listForm.kind
	raw, err := encode(&c)
	if err != nil {
		return nil, refuse(LayerList, c.Package, "cannot be printed").because(err)
	}
	return ParseList(raw)
}

// ParseList reads a maintainer list and checks what needs no other document:
// the encoding, the limits, that people and keys are distinct, and that the
// thresholds can be met (both are 0 in a list without maintainers, and only
// there). It verifies no signature.
func ParseList(raw []byte) (*List, error) {
	l := &List{raw: slices.Clone(raw), digest: digest.Sum(raw)}
	if err := listForm.parse("", raw, &l.content); err != nil {
		return nil, err
	}
	if err := l.check(); err != nil {
		return nil, refuse(LayerList, fmt.Sprintf("%s version %d", printable(l.content.Package), l.content.Version), "the document contradicts the format").because(err)
	}
	return l, nil
}

// Bytes returns the document.
func (l *List) Bytes() []byte { return slices.Clone(l.raw) }

// Digest is the SHA-256 of the document.
func (l *List) Digest() digest.Digest { return l.digest }

// Content returns what the list says.
func (l *List) Content() ListContent {
	c := l.content
	c.Maintainers, c.Inherits.Except = slices.Clone(c.Maintainers), slices.Clone(c.Inherits.Except)
	return c
}

// Package is the package that the list is for, in PEP 503's normal form.
func (l *List) Package() string { return l.content.Package }

// Version is the list's number.
func (l *List) Version() uint64 { return l.content.Version }

// Previous is the digest of the list before, zero in a first list.
func (l *List) Previous() digest.Digest { return l.content.Previous.Digest }

// Frozen reports whether the list has no maintainers: it authorises only what
// it inherits, and only an override succeeds it.
func (l *List) Frozen() bool { return len(l.content.Maintainers) == 0 }

// Keys returns every key that the list names.
func (l *List) Keys() []*pgp.PublicKey { return slices.Clone(l.keys) }

// Names reports whether the list names the key, in whatever packet.
func (l *List) Names(k *pgp.PublicKey) bool {
	return slices.ContainsFunc(l.keys, func(other *pgp.PublicKey) bool { return other.Material() == k.Material() })
}

func (l *List) check() error {
	c := &l.content
	if err := CheckRepository(c.Repository); err != nil {
		return err
	}
	if !pypi.IsNormal(c.Package) {
		return fmt.Errorf("package is %q, wanted a name in PEP 503's normal form", c.Package)
	}
	switch {
	case c.Version < 1 || c.Version > MaxNumber:
		return fmt.Errorf("version is %d, wanted 1 to 2^53-1", c.Version)
	case c.Version == 1 && !c.Previous.IsZero():
		return fmt.Errorf("version is 1 and previous is %s, wanted an empty previous", c.Previous)
	case c.Version > 1 && c.Previous.IsZero():
		return fmt.Errorf("version is %d and previous is empty, wanted the digest of the list before", c.Version)
	case len(c.Maintainers) > MaxMaintainers:
		return fmt.Errorf("%d maintainers, wanted at most %d", len(c.Maintainers), MaxMaintainers)
	}
	if err := c.Inherits.check(); err != nil {
		return err
	}
	return l.checkPeople()
}

func (l *List) checkPeople() error {
	c := &l.content
	seen := make(keyring)
	var people []threshold.Person
	for _, m := range c.Maintainers {
		if err := CheckName(m.Name); err != nil {
			return fmt.Errorf("maintainer: %w", err)
		}
		p := threshold.Person{Name: m.Name}
		for _, k := range m.Keys {
			if err := seen.add(k.PublicKey, fmt.Sprintf("maintainer %q", m.Name)); err != nil {
				return err
			}
			p.Keys = append(p.Keys, threshold.Key(k.Material()))
			l.keys = append(l.keys, k.PublicKey)
		}
		people = append(people, p)
	}
	if len(l.keys) > MaxListKeys {
		return fmt.Errorf("%d keys, wanted at most %d", len(l.keys), MaxListKeys)
	}
	if l.Frozen() {
		if c.Threshold != 0 || c.ReleaseThreshold != 0 {
			return fmt.Errorf("thresholds are %d and %d in a list without maintainers, wanted 0 and 0", c.Threshold, c.ReleaseThreshold)
		}
		return nil // both policies stay zero: they approve nothing
	}
	var err error
	if l.next, err = threshold.New(c.Threshold, people); err != nil {
		return err
	}
	if l.release, err = threshold.New(c.ReleaseThreshold, people); err != nil {
		return fmt.Errorf("release_threshold: %w", err)
	}
	return nil
}

func (in Inheritance) check() error {
	switch {
	case (in.Length == 0) != in.Digest.IsZero():
		return fmt.Errorf("inherits has length %d and digest %q, wanted both or neither", in.Length, in.Digest)
	case in.Length > MaxIndex:
		return fmt.Errorf("inherits has length %d, wanted at most %d", in.Length, MaxIndex)
	case len(in.Except) > MaxExcept:
		return fmt.Errorf("inherits leaves out %d lines, wanted at most %d", len(in.Except), MaxExcept)
	case in.Length == 0 && len(in.Except) > 0:
		return fmt.Errorf("inherits leaves out lines of nothing")
	}
	for i, n := range in.Except {
		if n < 1 || n > MaxNumber || i > 0 && n <= in.Except[i-1] {
			return fmt.Errorf("inherits leaves out line %d at position %d, wanted rising numbers from 1", n, i+1)
		}
	}
	return nil
}

// printable cuts a name from outside to what a message can bear.
func printable(s string) string {
	if pypi.IsNormal(s) {
		return s
	}
	return fmt.Sprintf("%.60q", s)
}
