package main

import (
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

func combine(files [][]byte) ([]byte, error) {
	var all []*pgp.SignatureFile
	for _, f := range files {
		all = append(all, must(pgp.ParseSignatures(f)))
	}
	return pgp.Combine(all...)
}

// anchored makes sample established.
func anchored(s *script) {
	s.x.Anchor()
	s.x.Publish(nil)
}

// unlisted takes the list away.
func unlisted(s *script) { s.x.Package(pkg).List = nil }

var leafTales = []tale{
	{"LEAF-1", "a name that is in no map", func(s *script) {
		s.init(1)
		s.do(3, "proven absent", "get", "absent", "absent-1.0.tar.gz")
		s.do(3, "no name at all", "get", "../sample", wheel)
		s.do(0, "a name need not be in normal form", "get", "Sample", wheel)
	}},
	{"LEAF-2", "an anchored name that is gone from the snapshot's map", func(s *script) {
		anchored(s)
		s.init(1)
		s.get("as it should be")
		delete(s.x.Packages, pkg)
		s.later(0)
		s.ends(3, "the leaf is gone")
		s.init(1)
		s.ends(3, "the leaf is gone")
	}},
	{"LEAF-3", "a remembered name that is gone from the snapshot's map", func(s *script) {
		s.init(1)
		s.get("remembered from now on")
		delete(s.x.Packages, pkg)
		s.later(0)
		s.ends(3, "the leaf is gone")
	}},
	snap("LEAF-4", "quarantined", 3, func(s *script) { s.x.Package(pkg).Status = tree.Quarantined; s.later(0) }),
	snap("LEAF-4", "removed", 3, func(s *script) { s.x.Package(pkg).Status = tree.Removed; s.later(0) }),
	fresh("FETCH-4", "an index with another digest", 3, func(s *script) {
		s.x.Put(roster.IndexPath(pkg, s.x.Package(pkg).Index.Digest()), []byte("release-index/v1 packages.example sample\n"))
	}),
	fresh("FETCH-1", "the index is absent, which is stale", 4, func(s *script) { delete(s.x.Files, roster.IndexPath(pkg, s.x.Package(pkg).Index.Digest())) }),
	fresh("FETCH-1", "the map's root is absent, which is stale", 4, func(s *script) { delete(s.x.Files, roster.MapPath(s.x.Map().Root)) }),
	fresh("MAP-1", "a file of the map with another digest", 3, func(s *script) {
		s.x.Put(roster.MapPath(s.x.Map().Root), []byte("map-bucket/v1 -\n"))
	}),
	{"LEAF-5", "a leaf that names another length than the index's", func(s *script) {
		s.init(1)
		leaf := s.x.Package(pkg).Leaf()
		leaf.IndexLength++
		s.relist(leaf)
		s.ends(3, "one octet too many")
		leaf.IndexLength -= 2
		s.relist(leaf)
		s.ends(3, "one octet too few")
	}},
	{"LEAF-6", "an index that does not extend the anchored one", func(s *script) {
		s.x.Upload(pkg, sdist, "other\n")
		anchored(s)
		s.init(1)
		s.rewrite(func(lines []roster.Line) []roster.Line { return lines[:1] })
		s.ends(3, "the index has lost its second line")
	}},
	{"MEM-3", "an index that does not extend the remembered one", func(s *script) {
		s.x.Upload(pkg, sdist, "other\n")
		s.x.Publish(nil)
		s.init(1)
		s.get("two lines")
		s.rewrite(func(lines []roster.Line) []roster.Line { return lines[:1] })
		s.ends(3, "the index has lost its second line")
	}},
	{"LEAF-7", "a key revocation that the index names is not there, which is stale", func(s *script) {
		s.init(1)
		s.x.RevokeKey(person("Erin"), pkg)
		s.x.Publish(nil)
		hidden := s.hide("key-revocations/")
		s.ends(4, "the revocation is hidden")
		s.x.Files = hidden
		s.get("the revocation is there; Dave signed the release")
	}},
	{"KEYREV-1", "a key revocation for another repository", func(s *script) {
		s.init(1)
		s.x.Repository = "other.example"
		s.x.RevokeKey(person("Erin"))
		s.x.Repository = rostertest.Repository
		for path := range s.x.Files {
			if strings.HasPrefix(path, "key-revocations/") && strings.HasSuffix(path, ".json") {
				s.x.Append(pkg, roster.Line{Kind: roster.LineRevocation, Digest: digest.Sum(s.x.Files[path])})
			}
		}
		s.later(0)
		s.ends(3, "rightly signed")
	}},
	{"KEYREV-2", "a key revocation that another key signed", func(s *script) {
		s.init(1)
		s.x.RevokeKey(person("Erin"), pkg)
		s.x.Publish(nil)
		for path, b := range s.x.Files {
			if strings.HasPrefix(path, "key-revocations/") && strings.HasSuffix(path, ".json") {
				s.x.PutSigned(path, b, person("Dave"))
			}
		}
		s.ends(3, "Dave signed the revocation of Erin's key")
	}},
	{"LEAF-8", "an anchored package that is shown without a list", func(s *script) {
		anchored(s)
		s.init(1)
		unlisted(s)
		s.later(0)
		s.do(3, "unsigned, all of a sudden", "get", pkg, wheel)
		s.accepting("established,remembered,new,unsigned")
	}},
	{"LEAF-8", "a remembered package that is shown without a list", func(s *script) {
		s.init(1)
		s.get("remembered from now on")
		unlisted(s)
		s.later(0)
		s.do(3, "unsigned, all of a sudden", "get", pkg, wheel)
		s.accepting("established,remembered,new,unsigned")
	}},
}

// rewrite publishes a snapshot with the index of sample made anew of some lines.
func (s *script) rewrite(keep func([]roster.Line) []roster.Line) {
	p := s.x.Package(pkg)
	p.Index = must(must(roster.NewIndex(s.x.Repository, pkg)).Append(keep(p.Index.Lines())...))
	s.later(0)
}

// hide takes what is below a path away, and returns all files as they were.
func (s *script) hide(prefix string) map[string][]byte {
	all := make(map[string][]byte)
	for path, b := range s.x.Files {
		all[path] = b
	}
	for path := range all {
		if strings.HasPrefix(path, prefix) {
			delete(s.x.Files, path)
		}
	}
	return all
}

// list publishes the next list of sample, changed, and signed by those named.
func (s *script) list(maintainers string, change func(*roster.ListContent), signers ...string) {
	c := s.x.NextList(pkg, people(strings.Fields(maintainers)...)...)
	if change != nil {
		change(&c)
	}
	s.x.PutList(c, people(signers...)...)
	s.later(0)
}

// claim publishes another version 1 of sample's list.
func (s *script) claim(maintainers string, change func(*roster.ListContent), signers ...string) {
	c := s.x.FirstList(pkg, people(strings.Fields(maintainers)...)...)
	if change != nil {
		change(&c)
	}
	s.x.PutList(c, people(signers...)...)
	s.later(0)
}

func countersigned(s *script, by ...string) {
	l := s.x.Package(pkg).List
	s.x.Put(roster.CountersignaturePath(roster.ListPath(pkg, l.Digest())), rostertest.Sign(stop{}, l.Bytes(), people(by...)...))
}

var listTales = []tale{
	turn("STAND-1", "a list of another package", 3, func(s *script, wrong bool) {
		s.claim("Dave Erin", func(c *roster.ListContent) {
			if wrong {
				c.Package = "other"
			}
		}, "Dave", "Erin")
		if wrong {
			other := s.x.Packages["other"].List
			delete(s.x.Packages, "other")
			for _, end := range []string{"", ".asc", ".countersign.asc"} {
				s.x.Files[roster.ListPath(pkg, other.Digest())+end] = s.x.Files[roster.ListPath("other", other.Digest())+end]
			}
			s.x.Package(pkg).List = other
			s.later(0)
		}
	}),
	turn("STAND-2", "a list that names a keyholder's key", 3, func(s *script, wrong bool) {
		s.claim("Dave "+pick(wrong, "Erin", "Alice"), nil, "Dave", pick(wrong, "Erin", "Alice"))
	}),
	turn("STAND-4", "a first list that one of its keys did not sign", 3, func(s *script, wrong bool) {
		s.claim("Dave Erin", nil, "Dave", pick(wrong, "Erin", "Frank"))
	}),
	turn("STAND-7", "a succession that nobody of the list before signed", 3, func(s *script, wrong bool) {
		s.list("Dave Frank", nil, pick(wrong, "Dave", "Mallory"), "Frank")
	}),
	turn("STAND-8", "a new key that did not sign", 3, func(s *script, wrong bool) {
		s.list("Dave Frank", nil, "Dave", pick(wrong, "Frank", "Erin"))
	}),
	turn("STAND-5", "a list whose version does not rise", 3, func(s *script, wrong bool) {
		s.list("Dave Erin", func(c *roster.ListContent) { c.Version = 3 }, "Dave")
		s.list("Dave", func(c *roster.ListContent) {
			if wrong {
				c.Version = 3
			}
		}, "Dave")
	}),
	turn("STAND-6", "a successor of a frozen list", 3, func(s *script, wrong bool) {
		if !wrong {
			return
		}
		s.list("", func(c *roster.ListContent) { c.Threshold, c.ReleaseThreshold = 0, 0 }, "Dave")
		s.list("Dave", nil, "Dave")
	}),
	{"STAND-3", "a list that does not lead from the anchored one", func(s *script) {
		anchored(s)
		s.init(1)
		s.get("established")
		s.claim("Mallory", func(c *roster.ListContent) { c.Inherits = s.x.Package(pkg).Index.Inheritance() }, "Mallory")
		s.ends(3, "another first list")
		s.init(1)
		s.ends(3, "another first list")
	}},
	{"STAND-3", "signatures of the anchored list are not looked at", func(s *script) {
		anchored(s)
		s.x.Put(roster.SignaturePath(roster.ListPath(pkg, s.x.Package(pkg).List.Digest())), []byte("nothing\n"))
		delete(s.x.Files, roster.CountersignaturePath(roster.ListPath(pkg, s.x.Package(pkg).List.Digest())))
		s.init(1)
		s.get("it is in the anchor")
	}},
	{"STAND-7", "a revoked key does not count in a succession", func(s *script) {
		s.x.RevokeKey(person("Erin"), pkg)
		s.x.Publish(nil)
		s.init(1)
		s.get("list 1 stands: Erin's consent stays")
		s.list("Dave Mallory", nil, "Erin", "Mallory")
		s.ends(3, "Erin alone signed for list 1")
	}},
	{"STAND-9", "a 65th succession", func(s *script) {
		s.init(1)
		for range 63 {
			s.x.PutList(s.x.NextList(pkg, people("Dave", "Erin")...), person("Dave"))
		}
		s.list("Dave Erin", nil, "Dave")
		s.get("64 successions")
		s.list("Dave Erin", nil, "Dave")
		s.ends(3, "65 successions")
	}},
	{"STAND-10", "a leaf that names another version than the list's", func(s *script) {
		s.init(1)
		leaf := s.x.Package(pkg).Leaf()
		leaf.ListVersion++
		s.relist(leaf)
		s.ends(3, "the leaf says version 2 of list 1")
	}},
	turn("STAND-11", "a list that the snapshot key countersigned", 3, func(s *script, wrong bool) {
		countersigned(s, pick(wrong, "countersign-1", "snapshot-1"))
	}),
	turn("STAND-11", "a list without a countersignature, which is stale", 4, func(s *script, wrong bool) {
		if wrong {
			delete(s.x.Files, roster.CountersignaturePath(roster.ListPath(pkg, s.x.Package(pkg).List.Digest())))
		}
	}),
}

// relist publishes a snapshot in whose map sample has another leaf.
func (s *script) relist(leaf tree.Leaf) {
	all := []tree.Leaf{leaf, s.x.Package("plain").Leaf()}
	root, size, err := tree.Build(all, func(d digest.Digest, file []byte) error {
		s.x.Put(roster.MapPath(d), slices.Clone(file))
		return nil
	})
	if err != nil {
		panic(err)
	}
	s.snapshot(func(c *roster.SnapshotContent) { c.Map = roster.MapRoot{Root: root, Size: size} })
}

var releaseTales = []tale{
	{"RELEASE-1", "a file that belongs to another package", func(s *script) {
		s.init(1)
		s.do(3, "no file of sample", "get", pkg, "other-1.0.tar.gz")
		s.do(3, "no file name", "get", pkg, "../"+wheel)
	}},
	{"RELEASE-2", "an index that does not extend what the list inherits", func(s *script) {
		s.init(1)
		s.list("Dave Erin", func(c *roster.ListContent) { c.Inherits.Digest = roster.Ref{Digest: digest.Sum(nil)} }, "Dave")
		s.ends(3, "another digest")
	}},
	{"RELEASE-2", "a line left out that is beyond what the list inherits", func(s *script) {
		s.init(1)
		s.list("Dave Erin", func(c *roster.ListContent) { c.Inherits.Except = []uint64{2} }, "Dave")
		s.ends(3, "there is one line")
	}},
	turn("RELEASE-3", "a manifest that nobody of the list signed", 3, func(s *script, wrong bool) {
		s.resign(pick(wrong, "Erin", "Mallory"))
	}),
	{"RELEASE-3", "a release threshold of two", func(s *script) {
		s.init(1)
		s.list("Dave Erin", func(c *roster.ListContent) { c.ReleaseThreshold, c.Inherits = 2, roster.Inheritance{} }, "Dave")
		s.ends(3, "one signed")
		s.resign("Dave", "Erin")
		s.get("two signed")
	}},
	{"RELEASE-3", "a release by a revoked key alone, until a list inherits it", func(s *script) {
		s.init(1)
		s.get("signed by Dave")
		s.x.RevokeKey(person("Dave"), pkg)
		s.later(0)
		s.ends(3, "Dave's key is revoked")
		s.list("Erin", func(c *roster.ListContent) { c.Inherits = s.x.Package(pkg).Index.Inheritance(1) }, "Erin")
		s.ends(3, "list 2 leaves line 1 out")
		s.list("Erin", nil, "Erin")
		s.get("list 3 inherits it")
	}},
	{"RELEASE-3", "the first line that authorises a file settles it", func(s *script) {
		s.init(1)
		p := s.x.Package(pkg)
		p.Index = must(roster.NewIndex(s.x.Repository, pkg))
		s.x.Release(pkg, sdist, "a thief's\n", person("Mallory"))
		s.x.Release(pkg, sdist, "the first\n", person("Dave"))
		s.x.Release(pkg, sdist, "the second\n", person("Dave"))
		s.x.Upload(pkg, sdist, "unsigned\n")
		s.later(0)
		s.do(0, "line 1 is passed over, line 2 counts", "get", pkg, sdist)
		first := "the first\n"
		s.Steps[len(s.Steps)-1].Out = &first
	}},
	{"RELEASE-3", "an uploaded file counts with a list only if it is inherited", func(s *script) {
		s.init(1)
		s.x.Upload(pkg, sdist, "unsigned\n")
		s.later(0)
		s.do(3, "the list does not inherit it", "get", pkg, sdist)
		s.list("Dave Erin", nil, "Dave")
		s.do(0, "list 2 inherits it", "get", pkg, sdist)
	}},
	snap("SIG-10", "a manifest with a bad signature by a key of the list", 3, func(s *script) {
		path := s.manifest()
		s.x.Put(path+".asc", must(combine([][]byte{rostertest.Sign(stop{}, s.x.Files[path], person("Dave")), rostertest.Sign(stop{}, []byte("else"), person("Erin"))})))
	}),
	snap("RELEASE-4", "a manifest with another digest", 3, func(s *script) { s.x.Put(s.manifest(), append(s.x.Files[s.manifest()], '\n')) }),
	snap("FETCH-1", "the manifest is absent, which is stale", 4, func(s *script) { delete(s.x.Files, s.manifest()) }),
	{"RELEASE-5", "a file with other bytes", func(s *script) {
		s.init(1)
		path := roster.FilePath(digest.Sum([]byte(bytes1)), wheel)
		s.x.Put(path, []byte("sample 2.0\n"))
		s.ends(3, "of the same length")
		s.x.Put(path, []byte(bytes1+" "))
		s.ends(3, "longer")
		s.x.Put(path, []byte(bytes1))
		s.get("as it should be")
	}},
	{"POLICY-1", "an unsigned file", func(s *script) {
		s.init(1)
		s.do(3, "unsigned", "get", "plain", "plain-1.0.tar.gz")
		s.do(0, "unsigned is accepted", "get", "plain", "plain-1.0.tar.gz")
		s.accepting("unsigned")
		s.ends(3, "new is not")
		s.accepting("unsigned")
	}},
	{"POLICY-2", "a frozen package", func(s *script) {
		s.init(1)
		s.list("", func(c *roster.ListContent) { c.Threshold, c.ReleaseThreshold = 0, 0 }, "Dave")
		s.get("frozen is accepted by default; the line is inherited")
		s.get("remembered")
		s.accepting("remembered,frozen")
		s.ends(3, "frozen is not accepted")
		s.accepting("new,remembered")
	}},
	{"POLICY-3", "a yanked release", func(s *script) {
		s.init(1)
		s.x.Append(pkg, roster.Line{Kind: roster.LineYank, Version: "1.0"})
		s.later(0)
		s.ends(3, "yanked")
		s.get("yanked is accepted")
		s.accepting("new,remembered,yanked")
	}},
}

// manifest is the path of sample's one manifest.
func (s *script) manifest() string {
	for _, l := range s.x.Package(pkg).Index.Lines() {
		if l.Kind == roster.LineManifest {
			return roster.ManifestPath(pkg, l.Digest)
		}
	}
	panic("no manifest")
}

// resign gives sample's manifest other signatures.
func (s *script) resign(signers ...string) {
	path := s.manifest()
	s.x.PutSigned(path, s.x.Files[path], people(signers...)...)
}

var memoryTales = []tale{
	snapBack("MEM-1", "a snapshot below the remembered one", func(s *script, old map[string][]byte) { s.x.Files = old }),
	snapBack("MEM-2", "another snapshot of the remembered version", func(s *script, _ map[string][]byte) {
		s.x.SnapshotVersion--
		s.snapshot(func(c *roster.SnapshotContent) { c.Expires = roster.At(s.x.Now.Add(hour)) })
	}),
	{"MEM-4", "a list that does not follow the remembered one", func(s *script) {
		s.init(1)
		s.get("remembered from now on")
		s.claim("Mallory", func(c *roster.ListContent) { c.Inherits = s.x.Package(pkg).Index.Inheritance() }, "Mallory")
		s.ends(3, "another first list, rightly signed and countersigned")
		s.init(1)
		s.get("who remembers nothing takes it")
	}},
	{"MEM-4", "a remembered list that no longer stands is forgotten", func(s *script) {
		s.list("Dave Erin", func(c *roster.ListContent) { c.Inherits = roster.Inheritance{} }, "Erin")
		s.init(1)
		s.get("list 2, signed by Erin")
		s.x.RevokeKey(person("Erin"), pkg)
		c := s.x.FirstList(pkg, people("Dave", "Erin")...)
		one := must(roster.NewList(c))
		c = s.x.NextList(pkg, person("Dave"))
		c.Version, c.Previous = 3, roster.Ref{Digest: one.Digest()}
		s.x.PutList(c, person("Dave"))
		s.later(0)
		s.get("list 3 follows list 1; list 2 fell with Erin's key")
	}},
	{"MEM-4", "a remembered list binds until the anchor holds another", func(s *script) {
		s.init(1)
		s.get("remembered from now on")
		s.claim("Mallory", func(c *roster.ListContent) { c.Inherits = s.x.Package(pkg).Index.Inheritance() }, "Mallory")
		s.ends(3, "another first list")
		s.x.Anchor()
		s.x.Publish(nil)
		s.get("it is anchored: the root has decided")
	}},
	{"MEM-6", "a new floor forgets what only the online keys vouched for", func(s *script) {
		s.init(1)
		s.get("remembered from now on")
		s.claim("Mallory", func(c *roster.ListContent) { c.Inherits = s.x.Package(pkg).Index.Inheritance() }, "Mallory")
		s.ends(3, "another first list")
		s.x.Succeed(func(r *roster.Root) { r.SnapshotFloor = 2 })
		s.x.Publish(nil)
		s.get("new, under the new floor")
		s.accepting("new")
	}},
	{"CLI-1", "a directory that pins another roster", func(s *script) {
		s.init(1)
		s.do(0, "the same again", "init", "root/1.json")
		s.next(same, "Alice", "Bob")
		s.do(3, "another", "init", "root/2.json")
		s.get("the first pin stays")
	}},
	{"CLI-2", "refresh asks for no package", func(s *script) {
		s.init(1)
		s.hide("map/")
		s.do(0, "the map is not there", "refresh")
		s.ends(4, "the map is needed now")
	}},
}

// snapBack is a story of a client that has seen snapshot 2.
func snapBack(rule, why string, spoil func(s *script, old map[string][]byte)) tale {
	return tale{rule, why, func(s *script) {
		old := s.hide("nothing")
		s.x.Publish(nil)
		s.init(1)
		s.get("snapshot 2")
		spoil(s, old)
		s.ends(3, why)
	}}
}
