package rostertest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/pypi"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// Repository is the name of the test index.
const Repository = "packages.example"

// An Index is a repository in memory. Files is what it would publish: a test
// may change or delete any of them.
type Index struct {
	T          TB
	Files      map[string][]byte
	Now        time.Time
	Repository string

	Keyholders  []*Signer // of the newest roster
	Countersign *Signer
	Snapshot    *Signer

	Root            roster.Root    // what the newest roster says
	Roster          *roster.Roster // the newest roster
	Packages        map[string]*Package
	SnapshotVersion uint64
	Revoked         []digest.Digest // online keys that snapshots name
}

// A Package is one package as the online signer of the test index knows it.
type Package struct {
	Name   string
	Status tree.Status
	List   *roster.List // nil while unsigned
	Index  *roster.Index
}

// EmptyMap is the root of the map without leaves.
func EmptyMap() digest.Digest {
	root, _, err := tree.Build(nil, nil)
	if err != nil {
		panic(err)
	}
	return root
}

// New returns an index after its first ceremony: Alice, Bob and Carol hold
// the root, 2 of 3; one countersign key and one snapshot key; no package.
func New(t TB) *Index {
	t.Helper()
	x := &Index{
		T: t, Files: make(map[string][]byte), Now: Epoch.AddDate(0, 0, 1), Repository: Repository,
		Keyholders: People("Alice", "Bob", "Carol"), Countersign: Person("countersign-1"), Snapshot: Person("snapshot-1"),
		Packages: make(map[string]*Package),
	}
	x.Root = roster.Root{
		Repository: x.Repository, Version: 1, Issued: roster.At(x.Now), Expires: roster.At(x.Now.AddDate(1, 0, 0)),
		Threshold: 2, Keyholders: keyholders(x.Keyholders), OnlineKeys: x.onlineKeys(),
		SnapshotLifetime: 24 * 60 * 60, Anchor: EmptyMap(),
	}
	draft := x.Draft(x.Root)
	x.PutSigned(roster.RosterPath(1), draft.Bytes(), x.Keyholders...)
	r, err := roster.Trust(x.Signed(roster.RosterPath(1)), draft.Digest(), EmptyMap())
	if err != nil {
		t.Fatalf("the first roster: %v", err)
	}
	x.Roster, x.Root = r, draft.Root()
	return x
}

func keyholders(people []*Signer) []roster.Keyholder {
	var all []roster.Keyholder
	for _, p := range people {
		all = append(all, roster.Keyholder{Name: p.Name, Key: roster.Key{PublicKey: p.Key}, Attestation: roster.NoAttestation})
	}
	return all
}

func (x *Index) onlineKeys() []roster.OnlineKey {
	from, to := roster.At(Epoch), roster.At(Epoch.AddDate(3, 0, 0))
	return []roster.OnlineKey{
		{Role: roster.RoleCountersign, Key: roster.Key{PublicKey: x.Countersign.Key}, NotBefore: from, Expires: to},
		{Role: roster.RoleSnapshot, Key: roster.Key{PublicKey: x.Snapshot.Key}, NotBefore: from, Expires: to},
	}
}

// Pin is the digest of the first roster.
func (x *Index) Pin() digest.Digest { return digest.Sum(x.Files[roster.RosterPath(1)]) }

// Draft prints a roster, which must be well-formed.
func (x *Index) Draft(r roster.Root) *roster.Draft {
	x.T.Helper()
	d, err := roster.NewDraft(r)
	if err != nil {
		x.T.Fatalf("drafting roster %d: %v", r.Version, err)
	}
	return d
}

// Put publishes a file; PutSigned a document and its signatures.
func (x *Index) Put(path string, b []byte) { x.Files[path] = b }

// PutSigned publishes a document and its signatures.
func (x *Index) PutSigned(path string, document []byte, signers ...*Signer) {
	x.T.Helper()
	x.Put(path, document)
	if len(signers) > 0 {
		x.Put(roster.SignaturePath(path), Sign(x.T, document, signers...))
	}
}

// Signed returns a published document with its signatures.
func (x *Index) Signed(path string) roster.Signed {
	return roster.Signed{Document: x.Files[path], Signatures: x.Files[roster.SignaturePath(path)]}
}

// Fetch is the index as verifying code sees it.
func (x *Index) Fetch(_ context.Context, path string, limit int64) ([]byte, error) {
	b, ok := x.Files[path]
	if !ok {
		return nil, fmt.Errorf("fetching %s: %w", path, roster.ErrAbsent)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("fetching %s: %d bytes, wanted at most %d", path, len(b), limit)
	}
	return slices.Clone(b), nil
}

// Next returns the successor of the newest roster, for a test to edit.
func (x *Index) Next() roster.Root {
	r := x.Roster.Root()
	r.Version++
	r.Previous = roster.Ref{Digest: x.Roster.Digest()}
	r.Issued, r.Expires = roster.At(x.Now), roster.At(x.Now.AddDate(1, 0, 0))
	return r
}

// SetKeyholders puts people in a roster's keyholders.
func SetKeyholders(r *roster.Root, people ...*Signer) { r.Keyholders = keyholders(people) }

// Succeed publishes the successor of the newest roster, edited by edit (which
// may be nil) and signed by everybody who may have to, and makes it the newest.
func (x *Index) Succeed(edit func(*roster.Root)) *roster.Roster {
	x.T.Helper()
	next := x.Next()
	if edit != nil {
		edit(&next)
	}
	draft := x.Draft(next)
	signers := slices.Clone(x.Keyholders)
	x.Keyholders = nil
	for _, k := range next.Keyholders {
		p := Person(k.Name)
		x.Keyholders = append(x.Keyholders, p)
		if !slices.ContainsFunc(signers, func(s *Signer) bool { return s.Key.ID() == p.Key.ID() }) {
			signers = append(signers, p)
		}
	}
	path := roster.RosterPath(next.Version)
	x.PutSigned(path, draft.Bytes(), signers...)
	r, err := x.Roster.Succeed(x.Signed(path))
	if err != nil {
		x.T.Fatalf("roster %d: %v", next.Version, err)
	}
	x.Roster, x.Root = r, draft.Root()
	return r
}

// ReplaceOnlineKeys edits a roster: new online keys of those names, and the
// former ones revoked.
func (x *Index) ReplaceOnlineKeys(r *roster.Root, countersign, snapshot string) {
	for _, old := range []*Signer{x.Countersign, x.Snapshot} {
		r.Revoked = append(r.Revoked, roster.RevokedKey{Key: roster.Key{PublicKey: old.Key}, Reason: "stolen", At: roster.At(x.Now)})
	}
	x.Countersign, x.Snapshot = Person(countersign), Person(snapshot)
	r.OnlineKeys = x.onlineKeys()
}

// RevokeOnline publishes the revocation of an online key under the newest
// roster, signed by its keyholders.
func (x *Index) RevokeOnline(k *pgp.PublicKey) {
	x.T.Helper()
	doc, err := roster.OnlineRevocation{
		Repository: x.Repository, Roster: x.Roster.Digest(), Key: roster.Key{PublicKey: k}, Reason: "stolen", Issued: roster.At(x.Now),
	}.Format()
	if err != nil {
		x.T.Fatal(err)
	}
	x.PutSigned(roster.RevocationPath(k.ID()), doc, x.Keyholders...)
}

// Package returns the package of that name, unsigned if it is new.
func (x *Index) Package(name string) *Package {
	x.T.Helper()
	p, ok := x.Packages[name]
	if !ok {
		index, err := roster.NewIndex(x.Repository, name)
		if err != nil {
			x.T.Fatal(err)
		}
		p = &Package{Name: name, Status: tree.Active, Index: index}
		x.Packages[name] = p
	}
	return p
}

// FirstList returns version 1 of a package's list, with one maintainer a
// signer, thresholds 1 and nothing inherited, for a test to edit.
func (x *Index) FirstList(name string, maintainers ...*Signer) roster.ListContent {
	c := roster.ListContent{Repository: x.Repository, Package: name, Version: 1, Issued: roster.At(x.Now), Threshold: 1, ReleaseThreshold: 1}
	for _, m := range maintainers {
		c.Maintainers = append(c.Maintainers, roster.Maintainer{Name: m.Name, Keys: []roster.Key{{PublicKey: m.Key}}})
	}
	return c
}

// NextList returns the successor of a package's list with other maintainers,
// inheriting its index as it is.
func (x *Index) NextList(name string, maintainers ...*Signer) roster.ListContent {
	p := x.Package(name)
	c := x.FirstList(name, maintainers...)
	c.Version, c.Previous = p.List.Version()+1, roster.Ref{Digest: p.List.Digest()}
	c.Inherits = p.Index.Inheritance()
	return c
}

// PutList publishes a list signed by the signers and countersigned, and makes
// it the package's current one.
func (x *Index) PutList(c roster.ListContent, signers ...*Signer) *roster.List {
	x.T.Helper()
	list, err := roster.NewList(c)
	if err != nil {
		x.T.Fatalf("list of %s: %v", c.Package, err)
	}
	path := roster.ListPath(c.Package, list.Digest())
	x.PutSigned(path, list.Bytes(), signers...)
	x.Put(roster.CountersignaturePath(path), Sign(x.T, list.Bytes(), x.Countersign))
	x.Package(c.Package).List = list
	return list
}

// Claim publishes version 1 of a package's list, signed by its maintainers.
func (x *Index) Claim(name string, maintainers ...*Signer) *roster.List {
	x.T.Helper()
	return x.PutList(x.FirstList(name, maintainers...), maintainers...)
}

// Append adds lines to a package's index.
func (x *Index) Append(name string, lines ...roster.Line) {
	x.T.Helper()
	p := x.Package(name)
	index, err := p.Index.Append(lines...)
	if err != nil {
		x.T.Fatalf("index of %s: %v", name, err)
	}
	p.Index = index
}

// Release publishes a manifest for one file, whose bytes are content, signed
// by the signers, and its line.
func (x *Index) Release(name, file, content string, signers ...*Signer) *roster.Manifest {
	x.T.Helper()
	version, err := pypi.VersionOf(file, name)
	if err != nil {
		x.T.Fatal(err)
	}
	sum := digest.Sum([]byte(content))
	m, err := roster.NewManifest(roster.ManifestContent{
		Repository: x.Repository, Package: name, Version: version, Issued: roster.At(x.Now),
		Files: []roster.File{{Name: file, Size: uint64(len(content)), SHA256: sum}},
	})
	if err != nil {
		x.T.Fatalf("manifest of %s: %v", file, err)
	}
	x.PutSigned(roster.ManifestPath(name, m.Digest()), m.Bytes(), signers...)
	x.Put(roster.FilePath(sum, file), []byte(content))
	x.Append(name, roster.Line{Kind: roster.LineManifest, Version: version, Digest: m.Digest()})
	return m
}

// Upload adds a line for a file uploaded unsigned, and the file.
func (x *Index) Upload(name, file, content string) {
	x.T.Helper()
	version, err := pypi.VersionOf(file, name)
	if err != nil {
		x.T.Fatal(err)
	}
	sum := digest.Sum([]byte(content))
	x.Put(roster.FilePath(sum, file), []byte(content))
	x.Append(name, roster.Line{Kind: roster.LineFile, Version: version, Size: uint64(len(content)), Digest: sum, File: file})
}

// RevokeKey publishes a maintainer's revocation of a key, signed by it, and
// its line in the index of each of the packages.
func (x *Index) RevokeKey(s *Signer, packages ...string) {
	x.T.Helper()
	doc, err := roster.MaintainerRevocation{Repository: x.Repository, Key: roster.Key{PublicKey: s.Key}, Reason: "laptop stolen", Issued: roster.At(x.Now)}.Format()
	if err != nil {
		x.T.Fatal(err)
	}
	d := digest.Sum(doc)
	x.PutSigned(roster.KeyRevocationPath(d), doc, s)
	for _, p := range packages {
		x.Append(p, roster.Line{Kind: roster.LineRevocation, Digest: d})
	}
}

// Leaf returns a package's line in the map.
func (p *Package) Leaf() tree.Leaf {
	l := tree.Leaf{Name: p.Name, Status: p.Status, IndexLength: p.Index.Length(), Index: p.Index.Digest()}
	if p.List != nil {
		l.ListVersion, l.List = p.List.Version(), p.List.Digest()
	}
	return l
}

// Map publishes the map's files and each package's index, and returns its root.
func (x *Index) Map() roster.MapRoot {
	x.T.Helper()
	var leaves []tree.Leaf
	for _, name := range slices.Sorted(maps.Keys(x.Packages)) {
		p := x.Packages[name]
		x.Put(roster.IndexPath(name, p.Index.Digest()), p.Index.Bytes())
		leaves = append(leaves, p.Leaf())
	}
	root, size, err := tree.Build(leaves, func(d digest.Digest, file []byte) error {
		x.Put(roster.MapPath(d), slices.Clone(file))
		return nil
	})
	if err != nil {
		x.T.Fatalf("the map: %v", err)
	}
	return roster.MapRoot{Root: root, Size: size}
}

// Publish publishes the next snapshot, twelve hours long, edited by edit
// (which may be nil), and points latest at it. It returns its version.
func (x *Index) Publish(edit func(*roster.SnapshotContent)) uint64 {
	x.T.Helper()
	x.SnapshotVersion = max(x.SnapshotVersion+1, x.Root.SnapshotFloor)
	c := roster.SnapshotContent{
		Repository: x.Repository, Version: x.SnapshotVersion, Issued: roster.At(x.Now), Expires: roster.At(x.Now.Add(12 * time.Hour)),
		Roster: x.Roster.Version(), Map: x.Map(), Revoked: x.Revoked,
	}
	if edit != nil {
		edit(&c)
	}
	doc, err := c.Format()
	if err != nil {
		x.T.Fatal(err)
	}
	x.SnapshotVersion = c.Version
	x.PutSigned(roster.SnapshotPath(c.Version), doc, x.Snapshot)
	x.Put(roster.LatestPath, fmt.Appendf(nil, "%d\n", c.Version))
	return c.Version
}

// Anchor publishes a roster whose anchor is the map as it is now.
func (x *Index) Anchor() *roster.Roster {
	x.T.Helper()
	root := x.Map().Root
	return x.Succeed(func(r *roster.Root) { r.Anchor = root })
}
