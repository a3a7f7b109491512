package signer_test

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// An override replaces the list, never the index; it is public before the
// roster, and what the former maintainers proposed meanwhile no longer counts.
func TestOverride(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	r.release("example", "example-1.0.tar.gz", "one", alice)
	r.publish()
	r.x.Anchor()
	r.adopt()
	r.publish()
	c := r.client()
	c.finds("example", "example-1.0.tar.gz", client.Established)

	own := r.x.NextList("example", alice, bob)
	override := r.x.NextList("example", carol)
	theirs := []*roster.List{r.succeed(own, alice, bob), r.succeed(r.x.NextList("example", bob), bob)}
	r.publish()
	c.finds("example", "example-1.0.tar.gz", client.Established)
	r.x.PutList(override, carol)
	r.x.Anchor()
	if a := r.adopt(); !slices.Equal(a.Replaced, []string{"example"}) || a.FloorChanged {
		t.Fatalf("adopting an override gives %+v, wanted example replaced and nothing else", a)
	}
	for _, l := range theirs { // of the override's version, and above it
		if a, err := r.service.State(t.Context(), l.Digest()); err != nil || a.State != signer.Refused {
			t.Fatalf("the former maintainers' list %d is %q (%v), wanted refused", l.Version(), a.State, err)
		}
	}
	r.publish()
	path := roster.ListPath("example", r.shown("example").List.Digest)
	if _, err := r.read(roster.CountersignaturePath(path)); err == nil {
		t.Fatal("an anchored list was countersigned; it needs none")
	}
	r.same()
	for _, c := range []*reader{c, r.client()} {
		c.finds("example", "example-1.0.tar.gz", client.Established)
	}
	m := r.x.Release("example", "example-2.0.tar.gz", "two", alice)
	r.refused(r.x.Signed(roster.ManifestPath("example", m.Digest())), "signed by 0 of the 1")
	r.x.Package("example").Index, _ = roster.ParseIndex(r.x.Package("example").Index.Bytes()[:r.shown("example").IndexLength], r.x.Repository, "example")
	r.release("example", "example-3.0.tar.gz", "three", carol)
	next := r.x.NextList("example", carol, alice)
	next.Version = 4 // the former maintainers had version 3
	r.succeed(next, carol, alice)
	r.publish()
	r.same()
	c.finds("example", "example-3.0.tar.gz", client.Established)
}

// A list by which the root freezes a package has no signatures at all.
func TestOverrideThatFreezes(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	r.release("example", "example-1.0.tar.gz", "one", alice)
	r.publish()
	freeze := r.x.NextList("example")
	freeze.Threshold, freeze.ReleaseThreshold = 0, 0
	l, err := roster.NewList(freeze)
	must(t, err)
	r.x.Put(roster.ListPath("example", l.Digest()), l.Bytes())
	r.x.Package("example").List = l
	r.x.Anchor()
	r.adopt()
	r.publish()
	r.same()
	r.client().finds("example", "example-1.0.tar.gz", client.Established)
	if a, err := r.service.Submit(t.Context(), roster.Signed{Document: l.Bytes(), Signatures: rostertest.Sign(t, l.Bytes(), alice)}); err != nil || a.Message == "" {
		t.Fatalf("the freezing list submitted gives %+v, %v, wanted that it is known", a, err)
	}
}

// What a ceremony hands over is judged before anything changes.
func TestAdoptionsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, words string
		make        func(*rig, fstest.MapFS)
	}{
		{"nothing new", "no new roster", func(r *rig, dir fstest.MapFS) { delete(dir, "root/2.json") }},
		{"another roster of an adopted version", "another roster of this version", func(r *rig, dir fstest.MapFS) {
			dir["root/1.json"] = dir["root/2.json"]
		}},
		{"too few keyholders", "quorum", func(r *rig, dir fstest.MapFS) {
			dir["root/2.json.asc"] = &fstest.MapFile{Data: rostertest.Sign(r.t, dir["root/2.json"].Data, r.x.Keyholders[0])}
		}},
		{"no signatures", "reading the signatures", func(r *rig, dir fstest.MapFS) { delete(dir, "root/2.json.asc") }},
		{"expired", "expired", func(r *rig, dir fstest.MapFS) { r.x.Now = r.x.Now.AddDate(1, 0, 0) }},
		{"a node of the anchor is missing", "anchor's map cannot be read", func(r *rig, dir fstest.MapFS) {
			for path := range dir {
				if strings.HasPrefix(path, "map/") {
					delete(dir, path)
				}
			}
		}},
		{"a node of the anchor is another", "anchor's map cannot be read", func(r *rig, dir fstest.MapFS) {
			for path := range dir {
				if strings.HasPrefix(path, "map/") {
					dir[path] = &fstest.MapFile{Data: []byte("map-bucket/v1 -\n")}
				}
			}
		}},
		{"the override's list is missing", "the anchored list is not at hand", func(r *rig, dir fstest.MapFS) {
			for path := range dir {
				if strings.HasPrefix(path, "lists/") {
					delete(dir, path)
				}
			}
		}},
		{"the override's list is another", "it is not the anchored list", func(r *rig, dir fstest.MapFS) {
			for path := range dir {
				if strings.HasPrefix(path, "lists/") {
					dir[path] = &fstest.MapFile{Data: []byte("{}")}
				}
			}
		}},
		{"an attestation is missing", "attestation of keyholder", func(r *rig, dir fstest.MapFS) {
			delete(dir, roster.AttestationPath(digest.Sum([]byte("attested"))))
		}},
		{"an attestation is another", "attestation of keyholder", func(r *rig, dir fstest.MapFS) {
			dir[roster.AttestationPath(digest.Sum([]byte("attested")))] = &fstest.MapFile{Data: []byte("other")}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.claim("example", alice)
			r.publish()
			r.x.PutList(r.x.NextList("example", bob), bob) // an override
			root := r.x.Map().Root
			r.x.Put(roster.AttestationPath(digest.Sum([]byte("attested"))), []byte("attested"))
			r.x.Succeed(func(next *roster.Root) {
				next.Anchor = root
				next.Keyholders[0].Attestation = digest.Sum([]byte("attested")).String()
			})
			dir := r.ceremony().(fstest.MapFS)
			c.make(r, dir)
			before := r.show()
			_, err := r.service.Adopt(t.Context(), dir)
			if err == nil || !strings.Contains(err.Error(), c.words) {
				t.Fatalf("adopting gives %v, wanted a refusal with the words %q", err, c.words)
			}
			h, err := r.service.Health(t.Context())
			if err != nil || h.Roster != 1 || r.show() != before {
				t.Fatalf("after a refused adoption the roster is %d and the packages are\n%s", h.Roster, r.show())
			}
			if _, err := r.read("root/2.json"); !errors.Is(err, fs.ErrNotExist) {
				t.Fatal("a refused roster was published")
			}
		})
	}
}

// An anchor whose packages, or whose indices, this signer does not know.
func TestAnchorThatDoesNotFit(t *testing.T) {
	for _, c := range []struct {
		name, words string
		make        func(*rig)
	}{
		{"a package that is not known", "does not", func(r *rig) { r.x.Claim("stranger", bob) }},
		{"an index with other lines", "does not extend", func(r *rig) {
			r.x.Append("example", roster.Line{Kind: roster.LineYank, Version: "1.0"})
		}},
		{"the leaf of a list with a wrong version", "as what it is not", func(r *rig) {
			list := r.x.Package("example").List
			r.x.Package("example").List = nil
			leaf := r.x.Package("example").Leaf()
			leaf.List, leaf.ListVersion = list.Digest(), 7
			r.anchorLeaf = &leaf
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.claim("example", alice)
			r.publish()
			c.make(r)
			root := r.x.Map().Root
			if r.anchorLeaf != nil {
				var err error
				root, _, err = tree.Build([]tree.Leaf{*r.anchorLeaf}, func(d digest.Digest, file []byte) error {
					r.x.Put(roster.MapPath(d), slices.Clone(file))
					return nil
				})
				must(t, err)
			}
			r.x.Succeed(func(next *roster.Root) { next.Anchor = root })
			_, err := r.service.Adopt(t.Context(), r.ceremony())
			var refusal *roster.Error
			if !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.words) {
				t.Fatalf("adopting gives %v, wanted a refusal with the words %q", err, c.words)
			}
			r.publish()
		})
	}
}

// Several rosters may come at once: a walk.
func TestAdoptTwoRosters(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	r.publish()
	r.x.Succeed(nil)
	r.x.Anchor()
	if a := r.adopt(); a.Roster != 3 {
		t.Fatalf("adopted roster %d, wanted 3", a.Roster)
	}
	r.publish()
	for _, path := range []string{"root/2.json", "root/2.json.asc", "root/3.json"} {
		if _, err := r.read(path); err != nil {
			t.Fatalf("%s is not published", path)
		}
	}
	r.same()
}

// New online keys, without a theft: every list that needs a countersignature
// gets one by the new key, and nothing else changes.
func TestNewOnlineKeys(t *testing.T) {
	r := newRig(t)
	r.claim("anchored", alice)
	r.release("anchored", "anchored-1.0.tar.gz", "one", alice)
	r.claim("moved", bob)
	r.publish()
	r.x.Anchor()
	r.adopt()
	r.succeed(r.x.NextList("moved", bob, carol), bob, carol)
	r.release("moved", "moved-1.0.tar.gz", "one", bob)
	r.claim("fresh", carol)
	r.release("fresh", "fresh-1.0.tar.gz", "one", carol)
	r.publish()
	c := r.client()
	c.finds("fresh", "fresh-1.0.tar.gz", client.New)

	r.x.Countersign, r.x.Snapshot = rostertest.Person("countersign-2"), rostertest.Person("snapshot-2")
	r.x.Succeed(func(next *roster.Root) {
		for i, s := range []*rostertest.Signer{r.x.Countersign, r.x.Snapshot} {
			next.OnlineKeys[i].Key = roster.Key{PublicKey: s.Key}
		}
	})
	r.keys.use(r.x)
	if a := r.adopt(); len(a.Dropped)+len(a.Replaced)+len(a.Shortened) > 0 {
		t.Fatalf("new keys changed %+v", a)
	}
	r.publish()
	r.same()
	c.finds("fresh", "fresh-1.0.tar.gz", client.Remembered)
	for _, c := range []*reader{c, r.client()} {
		c.finds("anchored", "anchored-1.0.tar.gz", client.Established)
		c.finds("moved", "moved-1.0.tar.gz", client.Established)
	}
}

// After a theft every line is derived anew from the anchor: what the
// maintainers signed stays, what only the online keys vouched for goes, names
// that no anchor holds are claimed anew, and clients, with memory and
// without, accept again.
func TestAfterATheft(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"example", "still"} {
		r.claim(name, alice, bob)
		r.release(name, name+"-1.0.tar.gz", "one", alice)
	}
	must(t, r.service.AddUnsigned(t.Context(), "unsigned", "1.0", fileOf("unsigned-1.0.tar.gz", "one")))
	r.x.Upload("unsigned", "unsigned-1.0.tar.gz", "one")
	r.publish()
	r.same()
	r.x.Anchor()
	r.adopt()
	r.publish()
	r.succeed(r.x.NextList("example", alice, carol), alice, carol)
	r.release("example", "example-2.0.tar.gz", "two", carol)
	r.claim("fresh", dave)
	r.release("fresh", "fresh-1.0.tar.gz", "one", dave)
	r.publish()
	c := r.client()
	c.finds("example", "example-2.0.tar.gz", client.Established)
	c.finds("fresh", "fresh-1.0.tar.gz", client.New)

	honest := r.x.Package("example").Index
	r.theft("example", "unsigned")
	// A maintainer goes on during the theft; her line comes after the thief's.
	r.x.Package("example").Index, _ = roster.ParseIndex(r.index("example"), r.x.Repository, "example")
	late := r.release("example", "example-3.0.tar.gz", "three", alice)
	r.append("example", "revocation "+digest.Sum([]byte("never was")).String())

	r.x.Succeed(func(next *roster.Root) {
		r.x.ReplaceOnlineKeys(next, "countersign-2", "snapshot-2")
		next.SnapshotFloor = 1000
	})
	r.keys.use(r.x)
	a := r.adopt()
	if !a.FloorChanged || !slices.Equal(a.Dropped, []string{"fresh"}) || !slices.Equal(a.Shortened, []string{"example", "unsigned"}) {
		t.Fatalf("the adoption is %+v, wanted fresh dropped, and example and unsigned shortened", a)
	}
	r.publish()
	if version, _ := r.latest(); version != 1000 {
		t.Fatalf("latest is %d, wanted the floor, 1000", version)
	}
	want, err := honest.Append(roster.Line{Kind: roster.LineYank, Version: "1.0"}, roster.Line{Kind: roster.LineManifest, Version: "3.0", Digest: late.Digest()})
	must(t, err)
	if got := r.index("example"); string(got) != string(want.Bytes()) {
		t.Fatalf("the index is\n%s\nwanted\n%s", got, want.Bytes())
	}
	for _, c := range []*reader{c, r.client()} {
		for _, f := range []string{"example-2.0.tar.gz", "example-3.0.tar.gz"} {
			c.finds("example", f, client.Established)
		}
		c.finds("still", "still-1.0.tar.gz", client.Established)
		c.finds("unsigned", "unsigned-1.0.tar.gz", client.Unsigned)
		if _, err := c.authorise("unsigned", "unsigned-2.0.tar.gz"); err == nil {
			t.Fatal("a file that a thief added to an unsigned package is authorised")
		}
		var outcome *client.OutcomeError
		if _, err := c.authorise("fresh", "fresh-1.0.tar.gz"); !errors.As(err, &outcome) || outcome.Outcome != client.Unknown {
			t.Fatalf("a dropped name is found %v, wanted unknown", err)
		}
	}
	// The dropped name is claimed anew, by whoever comes; here by the same.
	delete(r.x.Packages, "fresh")
	r.claim("fresh", dave)
	r.release("fresh", "fresh-1.0.tar.gz", "one", dave)
	r.x.Package("example").Index = want
	r.succeed(r.x.NextList("example", alice), alice)
	r.publish()
	c.finds("fresh", "fresh-1.0.tar.gz", client.New)
	c.finds("example", "example-3.0.tar.gz", client.Established)
}

// After a theft, what a list inherits stays whole, with the lines that it
// leaves out: or the list would no longer fit. A list that vouches for what
// nobody can follow gives way to the one before.
func TestAfterATheftInheritedLinesStay(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice, bob)
	r.release("example", "example-1.0.tar.gz", "one", bob)
	r.publish()
	r.x.Anchor()
	r.adopt()
	r.publish()
	reread := func() {
		r.x.Package("example").Index, _ = roster.ParseIndex(r.index("example"), r.x.Repository, "example")
	}
	r.append("example", "manifest 6.6 "+digest.Sum([]byte("never was")).String())
	reread()
	c := r.x.NextList("example", alice)
	c.Inherits = r.x.Package("example").Index.Inheritance(2)
	good := r.succeed(c, alice)
	before := r.index("example")
	r.append("example", "revocation "+digest.Sum([]byte("never was")).String())
	reread()
	c = r.x.NextList("example", alice)
	l, err := roster.NewList(c)
	must(t, err)
	must(t, r.store.Update(t.Context(), func(w store.Writer) error { // as a signer would that a thief had changed
		s := roster.Signed{Document: l.Bytes(), Signatures: rostertest.Sign(t, l.Bytes(), alice)}
		return errors.Join(storeJSON(w, "documents", l.Digest().String(), s),
			w.Store("lists", "example 00000000000000000003", []byte(l.Digest().String())))
	}))
	r.x.Succeed(func(next *roster.Root) { next.SnapshotFloor = 1000 })
	r.adopt()
	r.publish()
	if got := r.index("example"); string(got) != string(before) {
		t.Fatalf("the index is\n%s\nwanted\n%s", got, before)
	}
	if p := r.shown("example"); p.List.Digest != good.Digest() {
		t.Fatalf("the list is version %d, wanted version 2", p.ListVersion)
	}
	r.client().finds("example", "example-1.0.tar.gz", client.Established)
}

// index is the package's index in the store.
func (r *rig) index(name string) (raw []byte) {
	r.t.Helper()
	must(r.t, r.store.View(r.t.Context(), func(tx store.Reader) (err error) {
		raw, _, err = tx.Load("indexes", name)
		return err
	}))
	return raw
}

// theft writes to the store what a thief of the database would: lines that no
// maintainer authorised, a revocation that nobody signed, a list in Mallory's
// name with a far version, and a list that never was.
func (r *rig) theft(signed, unsigned string) {
	r.t.Helper()
	mallory := rostertest.Person("Mallory")
	forged := r.x.NextList(signed, mallory)
	forged.Version = 900
	doc := r.list(forged, mallory)
	manifest := r.manifest(signed, "6.6", []roster.File{fileOf(signed+"-6.6.tar.gz", "evil")}, mallory)
	must(r.t, r.store.Update(r.t.Context(), func(w store.Writer) error {
		lines := strings.Join([]string{
			"manifest 6.6 " + digest.Sum(manifest.Document).String(),
			"yank 1.0", ""}, "\n")
		index, _, err := w.Load("indexes", signed)
		other, _, err2 := w.Load("indexes", unsigned)
		f := fileOf(unsigned+"-2.0.tar.gz", "evil")
		return errors.Join(err, err2,
			w.Store("indexes", signed, append(index, lines...)),
			w.Store("indexes", unsigned, append(other, "file 2.0 4 "+f.SHA256.String()+" "+f.Name+"\n"...)),
			storeJSON(w, "documents", digest.Sum(doc.Document).String(), doc),
			storeJSON(w, "documents", digest.Sum(manifest.Document).String(), manifest),
			w.Store("lists", signed+" 00000000000000000900", []byte(digest.Sum(doc.Document).String())),
			w.Store("lists", signed+" 00000000000000000901", []byte(digest.Sum([]byte("never was")).String())))
	}))
}

// append adds a line to an index in the store, as a thief would.
func (r *rig) append(name, line string) {
	r.t.Helper()
	must(r.t, r.store.Update(r.t.Context(), func(w store.Writer) error {
		index, _, err := w.Load("indexes", name)
		return errors.Join(err, w.Store("indexes", name, append(index, line+"\n"...)))
	}))
}

// The rosters in the store are verified at each start.
func TestStoreIsNotTrusted(t *testing.T) {
	r := newRig(t)
	must(t, r.store.Update(t.Context(), func(w store.Writer) error {
		return storeJSON(w, "rosters", "00000000000000000002", r.x.Signed(roster.RosterPath(1)))
	}))
	if _, err := signer.Open(t.Context(), r.options()); err == nil || !strings.Contains(err.Error(), "version 1 does not follow version 1") {
		t.Fatalf("over a forged roster the service opens with %v, wanted a refusal", err)
	}
	for _, edit := range []func(*signer.Options){
		func(o *signer.Options) { o.Pin = digest.Sum(nil) },
		func(o *signer.Options) { o.Repository = "other.example" },
	} {
		o := r.options()
		edit(&o)
		if _, err := signer.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "another signer's") {
			t.Fatalf("a store of another configuration opens with %v, wanted a refusal", err)
		}
	}
}
