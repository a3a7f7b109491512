package roster

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rootward/rootward/internal/pypi"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// IndexType begins every release index.
const IndexType = "release-index/v1"

// MaxKeyRevocations is how many key revocations one index may name, so that
// nobody can make a client fetch without end.
const MaxKeyRevocations = 1024

// MaxLine is the longest line of a release index, in bytes, its end included.
const MaxLine = 512

// A LineKind says what a line of a release index adds or takes away.
type LineKind string

// The kinds of lines.
const (
	LineManifest   LineKind = "manifest"   // manifest <version> <digest>
	LineFile       LineKind = "file"       // file <version> <size> <sha256> <name>: uploaded unsigned
	LineYank       LineKind = "yank"       // yank <version> [<name>]
	LineRevocation LineKind = "revocation" // revocation <digest>
)

// A Line is one line of a release index.
type Line struct {
	Number  uint64 // 1 for the first after the header
	End     uint64 // the offset just behind its LF
	Kind    LineKind
	Version string        // of a manifest, file or yank
	Digest  digest.Digest // of a manifest, a key revocation, or a file
	File    string        // of a file, or of a yank that names one
	Size    uint64        // of a file
}

// String prints the line without its end.
func (l Line) String() string {
	switch l.Kind {
	case LineManifest:
		return fmt.Sprintf("manifest %s %s", l.Version, l.Digest)
	case LineFile:
		return fmt.Sprintf("file %s %d %s %s", l.Version, l.Size, l.Digest, l.File)
	case LineYank:
		if l.File != "" {
			return fmt.Sprintf("yank %s %s", l.Version, l.File)
		}
		return "yank " + l.Version
	}
	return fmt.Sprintf("revocation %s", l.Digest)
}

// An Index is a package's release index whose digest a leaf, an anchor or a
// maintainer list vouches for, or one that the online signer is writing. It
// is append-only.
type Index struct {
	raw        []byte
	repository string
	pkg        string
	lines      []Line
}

// NewIndex returns the index of a package in which nothing stands yet.
func NewIndex(repository, pkg string) (*Index, error) {
	return ParseIndex([]byte(fmt.Sprintf("%s %s %s\n", IndexType, repository, pkg)), repository, pkg)
}

// OpenIndex checks that raw is the index that the leaf names.
func OpenIndex(raw []byte, repository string, leaf tree.Leaf) (*Index, error) {
	if uint64(len(raw)) != leaf.IndexLength || digest.Sum(raw) != leaf.Index {
		return nil, refuse(LayerIndex, leaf.Name, "it is not the index that the map commits to").
			found("%d bytes, %s", len(raw), digest.Sum(raw)).want("%d bytes, %s", leaf.IndexLength, leaf.Index).
			do("lines were hidden, added or changed on the way: try another mirror")
	}
	return ParseIndex(raw, repository, leaf.Name)
}

// ParseIndex reads a release index of the repository and package. There is
// one spelling of each line.
func ParseIndex(raw []byte, repository, pkg string) (*Index, error) {
	bad := func(n int, format string, args ...any) error {
		return refuse(LayerIndex, printable(pkg), "line %d is malformed", n).because(fmt.Errorf(format, args...))
	}
	if err := CheckRepository(repository); err != nil {
		return nil, bad(0, "%w", err)
	}
	if !pypi.IsNormal(pkg) {
		return nil, bad(0, "package is %q, wanted PEP 503's normal form", pkg)
	}
	if len(raw) > MaxIndex {
		return nil, refuse(LayerIndex, pkg, "too long").found("%d bytes", len(raw)).want("at most %d", MaxIndex)
	}
	header := fmt.Sprintf("%s %s %s\n", IndexType, repository, pkg)
	if !bytes.HasPrefix(raw, []byte(header)) {
		first, _, _ := bytes.Cut(raw, []byte("\n"))
		e := refuse(LayerIndex, pkg, "its first line is not this package's").found("%.120q", first).want("%q", strings.TrimSuffix(header, "\n"))
		if kind, _, _ := strings.Cut(string(first), " "); kind != IndexType && strings.HasPrefix(kind, "release-index/") {
			e = e.because(ErrUnknownType).do("this program must be updated: it does not know this version of the format")
		}
		return nil, e
	}
	x := &Index{raw: slices.Clone(raw), repository: repository, pkg: pkg}
	for at := len(header); at < len(raw); {
		end := bytes.IndexByte(raw[at:], '\n')
		n := len(x.lines) + 1
		if end < 0 || end >= MaxLine {
			return nil, bad(n, "it has no end within %d bytes", MaxLine)
		}
		line, err := parseLine(string(raw[at:at+end]), pkg)
		if err != nil {
			return nil, bad(n, "%w", err)
		}
		at += end + 1
		line.Number, line.End = uint64(n), uint64(at)
		x.lines = append(x.lines, line)
	}
	if n := len(x.Revocations()); n > MaxKeyRevocations {
		return nil, refuse(LayerIndex, pkg, "too many key revocations").found("%d", n).want("at most %d", MaxKeyRevocations)
	}
	return x, nil
}

func parseLine(s, pkg string) (Line, error) {
	f := strings.Split(s, " ")
	l := Line{Kind: LineKind(f[0])}
	var err error
	switch {
	case l.Kind == LineManifest && len(f) == 3:
		l.Version = f[1]
		l.Digest, err = digest.Parse(f[2])
	case l.Kind == LineFile && len(f) == 5:
		l.Version, l.File = f[1], f[4]
		if l.Size, err = strconv.ParseUint(f[2], 10, 53); err == nil {
			l.Digest, err = digest.Parse(f[3])
		}
	case l.Kind == LineYank && len(f) == 2:
		l.Version = f[1]
	case l.Kind == LineYank && len(f) == 3:
		l.Version, l.File = f[1], f[2]
	case l.Kind == LineRevocation && len(f) == 2:
		l.Digest, err = digest.Parse(f[1])
	default:
		return Line{}, fmt.Errorf("found %.120q, wanted a manifest, file, yank or revocation line", s)
	}
	if err != nil {
		return Line{}, err
	}
	if l.Kind != LineYank && l.Digest.IsZero() {
		return Line{}, fmt.Errorf("the digest is all zeros, which stands for none")
	}
	if l.Kind != LineRevocation && !pypi.IsNormalVersion(l.Version) {
		return Line{}, fmt.Errorf("version is %.80q, wanted PEP 440's normal form", l.Version)
	}
	if l.File != "" || l.Kind == LineFile {
		if err := belongs(l.File, pkg, l.Version); err != nil {
			return Line{}, err
		}
	}
	if l.String() != s {
		return Line{}, fmt.Errorf("found %.120q, wanted it spelt %.120q", s, l)
	}
	return l, nil
}

// Append returns a longer index with the lines added; their Number and End
// are filled in.
func (x *Index) Append(lines ...Line) (*Index, error) {
	raw := slices.Clone(x.raw)
	for _, l := range lines {
		raw = append(append(raw, l.String()...), '\n')
	}
	return ParseIndex(raw, x.repository, x.pkg)
}

// Bytes returns the index.
func (x *Index) Bytes() []byte { return slices.Clone(x.raw) }

// Length is the index's size in bytes.
func (x *Index) Length() uint64 { return uint64(len(x.raw)) }

// Digest is the SHA-256 of the index.
func (x *Index) Digest() digest.Digest { return digest.Sum(x.raw) }

// Lines returns the lines after the header.
func (x *Index) Lines() []Line { return slices.Clone(x.lines) }

// Extends checks that the index begins with the length bytes whose digest is
// d, and that they end at the end of a line. what says whose they are, for
// the message.
func (x *Index) Extends(length uint64, d digest.Digest, what string) error {
	if length == 0 && d.IsZero() {
		return nil
	}
	if length > x.Length() || digest.Sum(x.raw[:length]) != d {
		return refuse(LayerIndex, x.pkg, "it does not extend %s", what).
			found("an index of %d bytes", x.Length()).want("one that begins with %d bytes of digest %s", length, d).
			do("lines that were public have been changed or removed: report it, and try another mirror")
	}
	if length == 0 || x.raw[length-1] != '\n' {
		return refuse(LayerIndex, x.pkg, "%s ends within a line", what)
	}
	return nil
}

// Inheritance returns what a list says that inherits the index as it is now,
// but for the lines numbered in except.
func (x *Index) Inheritance(except ...uint64) Inheritance {
	return Inheritance{Length: x.Length(), Digest: Ref{x.Digest()}, Except: slices.Clone(except)}
}

// Revocations returns the digests of the key revocations that the index names.
func (x *Index) Revocations() []digest.Digest {
	var all []digest.Digest
	for _, l := range x.lines {
		if l.Kind == LineRevocation {
			all = append(all, l.Digest)
		}
	}
	return all
}

// Yanked reports whether a file of a version is yanked. A yank is final.
func (x *Index) Yanked(version, file string) bool {
	return slices.ContainsFunc(x.lines, func(l Line) bool {
		return l.Kind == LineYank && l.Version == version && (l.File == "" || l.File == file)
	})
}
