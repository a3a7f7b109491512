package roster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/pypi"
	"github.com/rootward/rootward/roster/digest"
)

// A Fetch returns the bytes that a repository keeps at a path, at most limit
// of them. What it returns is not trusted. That there is nothing at the path
// is an error that wraps [ErrAbsent].
type Fetch func(ctx context.Context, path string, limit int64) ([]byte, error)

// ErrAbsent is wrapped by a [Fetch]'s error where the repository, or whoever
// stands in its place, says that it has no such file.
var ErrAbsent = errors.New("the repository says that it has no such file")

// A Release is a file that someone authorised: maintainers by their
// signatures, a list by inheriting its line, or (for a package without a
// list) only the online signer. Only [Standing.Release] and [Unsigned] make
// one.
type Release struct {
	pkg, version string
	file         File
	line         Line
	by           []string
	inherited    bool
	unsigned     bool
	yanked       bool
}

// Package is the package's name; Version the release's, in normal form.
func (r *Release) Package() string { return r.pkg }

// Version is the release's version in PEP 440's normal form.
func (r *Release) Version() string { return r.version }

// File is the authorised file: name, size and SHA-256.
func (r *Release) File() File { return r.file }

// Line is the line of the index that settles the file.
func (r *Release) Line() Line { return r.line }

// By names the maintainers of the current list whose signatures count; nil
// if the line is inherited or the package unsigned.
func (r *Release) By() []string { return slices.Clone(r.by) }

// Inherited reports whether the current list vouches for the line itself.
func (r *Release) Inherited() bool { return r.inherited }

// Unsigned reports whether no maintainer vouches for the file.
func (r *Release) Unsigned() bool { return r.unsigned }

// Yanked reports whether the release was yanked (PEP 592).
func (r *Release) Yanked() bool { return r.yanked }

// Check compares a file's size and SHA-256 with the authorised ones.
func (r *Release) Check(size uint64, sum digest.Digest) error {
	if size == r.file.Size && sum == r.file.SHA256 {
		return nil
	}
	return refuse(LayerFile, r.file.Name, "the file is not the authorised one").
		found("%d bytes, %s", size, sum).want("%d bytes, %s", r.file.Size, r.file.SHA256).
		do("the file was changed on the server or on the way: delete it and try another mirror")
}

// Unsigned looks a file up in the index of a package that has no list. The
// first line that names it settles its bytes.
func Unsigned(x *Index, file string) (*Release, error) {
	version, err := pypi.VersionOf(file, x.pkg)
	if err != nil {
		return nil, refuse(LayerFile, fmt.Sprintf("%.120q", file), "not a file of %s", x.pkg).because(err)
	}
	for _, l := range x.lines {
		if l.Kind == LineFile && l.File == file {
			return x.release(l, File{l.File, l.Size, l.Digest}, Release{unsigned: true}), nil
		}
	}
	return nil, refuse(LayerIndex, x.pkg, "no line names file %q of version %s", file, version).do("check the file's name")
}

func (x *Index) release(l Line, f File, r Release) *Release {
	r.pkg, r.version, r.file, r.line = x.pkg, l.Version, f, l
	r.yanked = x.Yanked(l.Version, f.Name)
	return &r
}

// Release finds the first line of the index that names the file and that the
// standing list authorises: its manifest is signed by release_threshold
// distinct maintainers of the list, with keys that are not revoked, or the
// list inherits the line and does not leave it out. It checks that the index
// extends what the list inherits. The file's own bytes are not looked at: see
// [Release.Check].
func (s *Standing) Release(ctx context.Context, x *Index, file string, fetch Fetch) (*Release, error) {
	if err := s.Fits(x); err != nil {
		return nil, err
	}
	version, err := pypi.VersionOf(file, x.pkg)
	if err != nil {
		return nil, refuse(LayerFile, fmt.Sprintf("%.120q", file), "not a file of %s", x.pkg).because(err)
	}
	var passed []error
	for _, l := range x.lines {
		if l.Version != version || l.Kind != LineManifest && (l.Kind != LineFile || l.File != file) {
			continue
		}
		r, err := s.authorise(ctx, x, l, file, fetch)
		var refused *Error
		switch {
		case err == nil && r == nil: // the manifest does not name the file
		case err == nil:
			return r, nil
		case errors.As(err, &refused) && refused.Err == errUnauthorised:
			passed = append(passed, err)
		default:
			return nil, err
		}
	}
	if len(passed) > 0 {
		return nil, passed[0]
	}
	return nil, refuse(LayerIndex, x.pkg, "no line names file %q of version %s", file, version).do("check the file's name")
}

// Fits checks that the index belongs to the list's package and extends what
// the list inherits, and that every line which the list leaves out is there.
func (s *Standing) Fits(x *Index) error {
	in := s.content.Inherits
	if x.pkg != s.content.Package || x.repository != s.repository {
		return refuse(LayerIndex, printable(x.pkg), "it is another package's").want("%s of %s", s.content.Package, s.repository)
	}
	if err := x.Extends(in.Length, in.Digest.Digest, "what its maintainer list inherits"); err != nil {
		return err
	}
	if n := len(in.Except); n > 0 {
		last := in.Except[n-1]
		if last > uint64(len(x.lines)) || x.lines[last-1].End > in.Length {
			return refuse(LayerList, subjectOf(s.List), "it leaves out line %d, which is not in the part that it inherits", last)
		}
	}
	return nil
}

// Inherits reports whether the list vouches for the line of its package's
// index, whoever signed it.
func (l *List) Inherits(line Line) bool {
	in := l.content.Inherits
	_, out := slices.BinarySearch(in.Except, line.Number)
	return line.End <= in.Length && !out
}

// errUnauthorised marks a line that the list does not authorise. Such a line
// is passed over: a thief of the online keys may have added it.
var errUnauthorised = errors.New("not authorised by the maintainer list")

// authorise judges one line that may name the file. It returns nil and no
// error where the manifest names other files.
func (s *Standing) authorise(ctx context.Context, x *Index, l Line, file string, fetch Fetch) (*Release, error) {
	inherited := s.Inherits(l)
	if l.Kind == LineFile {
		if !inherited {
			return nil, refuse(LayerFile, file, "line %d was added unsigned", l.Number).because(errUnauthorised).
				do("ask the maintainers to sign this release, or to inherit its line in their next list")
		}
		return x.release(l, File{l.File, l.Size, l.Digest}, Release{inherited: true}), nil
	}
	m, err := fetchManifest(ctx, l, x, fetch)
	if err != nil {
		return nil, err
	}
	f, ok := m.file(file)
	if !ok {
		return nil, nil
	}
	if inherited {
		return x.release(l, f, Release{inherited: true}), nil
	}
	asc, err := fetch(ctx, SignaturePath(ManifestPath(x.pkg, l.Digest)), MaxSignatureFile)
	if err != nil {
		return nil, err
	}
	by, err := s.ReleasedBy(m, asc)
	if err != nil {
		return nil, err
	}
	return x.release(l, f, Release{by: by}), nil
}

// fetchManifest returns the manifest that a line names. One that is not what
// the line says it is authorises nothing.
func fetchManifest(ctx context.Context, l Line, x *Index, fetch Fetch) (*Manifest, error) {
	path := ManifestPath(x.pkg, l.Digest)
	raw, err := fetch(ctx, path, MaxManifest)
	if err != nil {
		return nil, err
	}
	if got := digest.Sum(raw); got != l.Digest {
		return nil, refuse(LayerManifest, path, "it is not the manifest that the index names").found("%s", got).want("%s", l.Digest).
			do("it was changed on the way: try another mirror")
	}
	return x.openManifest(l, raw)
}

// openManifest checks that the bytes, whose digest is the line's, are the
// manifest of the line's release.
func (x *Index) openManifest(l Line, raw []byte) (*Manifest, error) {
	path := ManifestPath(x.pkg, l.Digest)
	m, err := ParseManifest(raw)
	if err != nil {
		return nil, refuse(LayerManifest, path, "the document is malformed (%v)", err).because(errUnauthorised)
	}
	c := &m.content
	if c.Repository != x.repository || c.Package != x.pkg || c.Version != l.Version {
		return nil, refuse(LayerManifest, path, "it is another release's").because(errUnauthorised).
			found("%s %s of %s", c.Package, c.Version, c.Repository).want("%s %s of %s", x.pkg, l.Version, x.repository)
	}
	return m, nil
}

// ReleasedBy says which maintainers of the list signed the manifest with keys
// that are not revoked, if they are release_threshold or more.
func (s *Standing) ReleasedBy(m *Manifest, asc []byte) ([]string, error) {
	subject := fmt.Sprintf("%s %s", m.content.Package, m.content.Version)
	if m.content.Package != s.content.Package || m.content.Repository != s.repository {
		return nil, refuse(LayerManifest, subject, "it is another package's").want("%s of %s", s.content.Package, s.repository)
	}
	signed, err := verify(LayerManifest, subject, Signed{m.raw, asc}, s.keys)
	if err != nil {
		return nil, err
	}
	a, err := s.release.Approve(m.digest, signed.materials(), s.revoked.hasKey)
	if err != nil {
		e := refuse(LayerManifest, subject, "not signed by the maintainers of list version %d (%v)", s.content.Version, err).because(errUnauthorised)
		return nil, e.do(s.whyUncounted(asc))
	}
	return a.By(), nil
}

// whyUncounted says what became of the signatures that a release once had. It
// reads claims that nobody verified, and only for the words.
func (s *Standing) whyUncounted(asc []byte) string {
	const next = "their next list must inherit its line"
	file, err := pgp.ParseSignatures(asc)
	if err != nil {
		return ""
	}
	left := ""
	for _, claim := range file.Claims() {
		for _, k := range union(s.keys, s.former) {
			switch {
			case k.Fingerprint() != claim:
			case s.revoked.Has(k.Material()):
				return fmt.Sprintf("key %s was revoked (%s): what it alone signed is refused until the maintainers' next list inherits it", k, s.revoked[k.Material()])
			case !signers(s.keys).has(k):
				left = fmt.Sprintf("key %s has left the maintainer list: the release needs signatures by the current maintainers, or %s", k, next)
			}
		}
	}
	if left != "" {
		return left
	}
	return "the release needs signatures by maintainers of the current list, or " + next
}
