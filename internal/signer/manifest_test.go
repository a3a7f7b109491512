package signer_test

import (
	"slices"
	"testing"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

func fileOf(name, content string) roster.File {
	return roster.File{Name: name, Size: uint64(len(content)), SHA256: digest.Sum([]byte(content))}
}

// manifest makes a signed manifest without telling the model.
func (r *rig) manifest(name, version string, files []roster.File, signers ...*rostertest.Signer) roster.Signed {
	r.t.Helper()
	m, err := roster.NewManifest(roster.ManifestContent{Repository: r.x.Repository, Package: name, Version: version, Issued: roster.At(r.x.Now), Files: files})
	must(r.t, err)
	return roster.Signed{Document: m.Bytes(), Signatures: rostertest.Sign(r.t, m.Bytes(), signers...)}
}

// signers says who of some people signed a published document.
func (r *rig) signers(path string, document []byte, people ...*rostertest.Signer) []string {
	r.t.Helper()
	asc, err := r.read(roster.SignaturePath(path))
	must(r.t, err)
	f, err := pgp.ParseSignatures(asc)
	must(r.t, err)
	var keys []*pgp.PublicKey
	for _, p := range people {
		keys = append(keys, p.Key)
	}
	ids, err := f.Verify(document, keys)
	must(r.t, err)
	var names []string
	for _, p := range people {
		if slices.Contains(ids, p.Key.ID()) {
			names = append(names, p.Name)
		}
	}
	return names
}

// Each rule that a manifest must obey, broken alone.
func TestManifestsThatAreRefused(t *testing.T) {
	one := fileOf("example-1.0.tar.gz", "one")
	for _, c := range []struct {
		name, words string
		make        func(*rig) roster.Signed
	}{
		{"a package without a list", "has no maintainer list", func(r *rig) roster.Signed {
			return r.manifest("other", "1.0", []roster.File{fileOf("other-1.0.tar.gz", "one")}, alice)
		}},
		{"an unsigned package", "has no maintainer list", func(r *rig) roster.Signed {
			must(r.t, r.service.AddUnsigned(r.t.Context(), "unsigned", "1.0", fileOf("unsigned-1.0.tar.gz", "one")))
			r.x.Upload("unsigned", "unsigned-1.0.tar.gz", "one")
			return r.manifest("unsigned", "2.0", []roster.File{fileOf("unsigned-2.0.tar.gz", "one")}, alice)
		}},
		{"signed by a stranger", "signed by 0 of the 2", func(r *rig) roster.Signed {
			return r.manifest("example", "2.0", []roster.File{fileOf("example-2.0.tar.gz", "two")}, mary)
		}},
		{"signed by too few people", "signed by 1 of the 2", func(r *rig) roster.Signed {
			return r.manifest("example", "2.0", []roster.File{fileOf("example-2.0.tar.gz", "two")}, alice)
		}},
		{"a released file with other bytes", "settled file", func(r *rig) roster.Signed {
			return r.manifest("example", "1.0", []roster.File{fileOf("example-1.0.tar.gz", "other")}, alice, bob)
		}},
		{"a released file with other bytes, beside a new one", "settled file", func(r *rig) roster.Signed {
			return r.manifest("example", "1.0", []roster.File{fileOf("example-1.0-py3-none-any.whl", "wheel"), fileOf("example-1.0.tar.gz", "other")}, alice, bob)
		}},
		{"another repository's", "another package's", func(r *rig) roster.Signed {
			m, err := roster.NewManifest(roster.ManifestContent{Repository: "other.example", Package: "example", Version: "1.0", Issued: roster.At(r.x.Now), Files: []roster.File{one}})
			must(r.t, err)
			return roster.Signed{Document: m.Bytes(), Signatures: rostertest.Sign(r.t, m.Bytes(), alice, bob)}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			l := r.x.FirstList("example", alice, bob, carol)
			l.ReleaseThreshold = 2
			list := r.x.PutList(l, alice, bob, carol)
			r.accepted(roster.ListPath("example", list.Digest()))
			r.release("example", "example-1.0.tar.gz", "one", alice, bob)
			r.publish()
			r.refused(c.make(r), c.words)
			r.publish()
			r.same()
		})
	}
}

// Files may be added to a version; the same file may be named again; a
// manifest submitted again may bring signatures.
func TestManifestsThatAdd(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice, bob)
	m := r.release("example", "example-1.0.tar.gz", "one", alice)
	both := r.manifest("example", "1.0", []roster.File{fileOf("example-1.0-py3-none-any.whl", "wheel"), fileOf("example-1.0.tar.gz", "one")}, bob)
	if _, err := r.service.Submit(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	r.publish()
	c := r.client()
	c.finds("example", "example-1.0.tar.gz", client.New)
	c.finds("example", "example-1.0-py3-none-any.whl", client.Remembered)

	lines := len(r.shown("example").Lines)
	path := roster.ManifestPath("example", m.Digest())
	if a := r.accepted(path); a.State != signer.Published {
		t.Fatalf("submitted again the manifest is %q, wanted published", a.State)
	}
	if _, err := r.service.Submit(t.Context(), roster.Signed{Document: m.Bytes(), Signatures: rostertest.Sign(t, m.Bytes(), bob)}); err != nil {
		t.Fatal(err)
	}
	r.publish()
	if by := r.signers(path, m.Bytes(), alice, bob); len(by) != 2 {
		t.Fatalf("the manifest is published with signatures by %q, wanted Alice's and Bob's", by)
	}
	if n := len(r.shown("example").Lines); n != lines {
		t.Fatalf("signatures added %d lines to the index", n-lines)
	}
}

// A release that lost its authority with its only signer's place in the list
// counts again once a present maintainer signs the same manifest; no line is
// added for that.
func TestManifestSignedByThePresentMaintainers(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice, bob)
	m := r.release("example", "example-1.0.tar.gz", "one", bob)
	next := r.x.NextList("example", alice)
	next.Inherits = roster.Inheritance{}
	r.succeed(next, alice)
	r.publish()
	if _, err := r.client().authorise("example", "example-1.0.tar.gz"); err == nil {
		t.Fatal("a release by a former maintainer that nobody inherited is authorised")
	}
	if _, err := r.service.Submit(t.Context(), roster.Signed{Document: m.Bytes(), Signatures: rostertest.Sign(t, m.Bytes(), alice)}); err != nil {
		t.Fatal(err)
	}
	r.publish()
	r.same()
	r.client().finds("example", "example-1.0.tar.gz", client.New)
}

// A released file never changes: neither signatures added to an old line nor a
// list that brings its signer back makes it count beside a line that has
// settled the file with other bytes since.
func TestAFileThatWasSettledStaysSo(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice, bob)
	old := r.release("example", "example-1.0.tar.gz", "Bob's", bob)
	next := r.x.NextList("example", alice)
	next.Inherits = roster.Inheritance{}
	r.succeed(next, alice)
	r.release("example", "example-1.0.tar.gz", "Alice's", alice)
	r.publish()

	r.refused(roster.Signed{Document: old.Bytes(), Signatures: rostertest.Sign(t, old.Bytes(), alice)}, "settled file \"example-1.0.tar.gz\" with other bytes")
	next = r.x.NextList("example", alice, bob)
	next.Inherits = roster.Inheritance{}
	r.refused(r.list(next, alice, bob), "two lines of the index would count that give file \"example-1.0.tar.gz\" different bytes")
	next = r.x.NextList("example", alice)
	r.refused(r.list(next, alice), "two lines of the index would count") // it inherits both
	next.Inherits = r.x.Package("example").Index.Inheritance(1)
	r.succeed(next, alice)
	r.publish()
	r.same()
	r.client().finds("example", "example-1.0.tar.gz", client.New)
}

// A revoked key counts nowhere from the next snapshot on: not for releases,
// not for lists; a list that only it approved gives way to the one before,
// and the others go on from there.
func TestKeyRevocation(t *testing.T) {
	r := newRig(t)
	first := r.claim("example", alice, bob)
	r.release("example", "example-1.0.tar.gz", "one", alice)
	r.claim("other", bob)
	r.release("other", "other-1.0.tar.gz", "one", bob)
	// A thief has Bob's key and makes himself sole maintainer.
	stolen := r.x.NextList("example", bob)
	l := r.succeed(stolen, bob)
	r.publish()
	r.same()

	a := r.revokeKey(bob, "example", "other")
	r.publish()
	if a, err := r.service.State(t.Context(), a.Digest); err != nil || a.State != signer.Published {
		t.Fatalf("the revocation is %q (%v), wanted published", a.State, err)
	}
	if p := r.shown("example"); p.List.Digest != first.Digest() || p.ListVersion != 1 {
		t.Fatalf("the package has list version %d, wanted version 1 again", p.ListVersion)
	}
	if a, err := r.service.State(t.Context(), l.Digest()); err != nil || a.State != signer.Refused {
		t.Fatalf("the thief's list is %q (%v), wanted refused", a.State, err)
	}
	r.refused(r.x.Signed(roster.ListPath("example", l.Digest())), "revoked keys do not count")
	c := r.client()
	c.finds("example", "example-1.0.tar.gz", client.New)
	if _, err := c.authorise("other", "other-1.0.tar.gz"); err == nil {
		t.Fatal("what only a revoked key signed is authorised")
	}
	// The thief's version stays given.
	next := r.x.NextList("example", alice)
	next.Previous = roster.Ref{Digest: first.Digest()}
	next.Version = 2
	r.refused(r.list(next, alice), "version was given")
	next.Version = 3
	r.succeed(next, alice)
	r.publish()
	r.same()
	c.finds("example", "example-1.0.tar.gz", client.Remembered)

	// The same key, revoked again for another reason, adds no line.
	lines := len(r.shown("other").Lines)
	doc, err := roster.MaintainerRevocation{Repository: r.x.Repository, Key: roster.Key{PublicKey: bob.Key}, Reason: "again", Issued: roster.At(r.x.Now)}.Format()
	must(t, err)
	again, err := r.service.Submit(t.Context(), roster.Signed{Document: doc, Signatures: rostertest.Sign(t, doc, bob)})
	must(t, err)
	if again.Digest != a.Digest || len(r.shown("other").Lines) != lines {
		t.Fatalf("a second revocation of one key is %+v, wanted the first one's state and no new line", again)
	}
}

// Nobody revokes a key for somebody else, or one that no list names.
func TestKeyRevocationsThatAreRefused(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	revocation := func(key, by *rostertest.Signer) roster.Signed {
		doc, err := roster.MaintainerRevocation{Repository: r.x.Repository, Key: roster.Key{PublicKey: key.Key}, Reason: "stolen", Issued: roster.At(r.x.Now)}.Format()
		must(t, err)
		return roster.Signed{Document: doc, Signatures: rostertest.Sign(t, doc, by)}
	}
	r.refused(revocation(alice, bob), "has not signed it")
	r.refused(revocation(bob, bob), "no maintainer list of this repository names the key")
	r.publish()
	r.same()
}

// shown is what the service knows of a package.
func (r *rig) shown(name string) signer.PackageView {
	r.t.Helper()
	p, err := r.service.Show(r.t.Context(), name)
	must(r.t, err)
	return p
}
