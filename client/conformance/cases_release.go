package conformance

import (
	"strings"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// rawManifest is Dave's sample, whose one manifest is edited if the story is
// wrong.
func rawManifest(edit func(*roster.ManifestContent), text func(string) string) play {
	return func(s *Stage, wrong bool) *Result {
		r := s.Open()
		r.Claim(sample, dave)
		sum := digest.Sum([]byte(content))
		r.expect(wheel, content)
		r.Put(roster.FilePath(sum, wheel), []byte(content))
		m := roster.ManifestContent{Type: "release-manifest/v1", Repository: r.Repository, Package: sample, Version: "1.0", Issued: roster.At(r.Now),
			Files: []roster.File{{Name: wheel, Size: uint64(len(content)), SHA256: sum}}}
		if wrong && edit != nil {
			edit(&m)
		}
		doc := Print(m)
		if wrong && text != nil {
			doc = []byte(text(string(doc)))
		}
		r.PutManifestBytes(sample, "1.0", doc, dave)
		r.Publish(nil)
		return r.User().Get()
	}
}

type manifest = roster.ManifestContent

func manifestCases() []Case {
	var cases []Case
	for _, m := range few(misprints) {
		cases = append(cases, pair(m.rule, "a manifest "+m.what+" authorises nothing", Refused, rawManifest(nil, m.edit)))
	}
	sdist := roster.File{Name: "sample-1.0.tar.gz", Size: 1, SHA256: digest.Sum([]byte("x"))}
	for _, c := range []struct {
		rule, what string
		edit       func(*manifest)
		text       func(string) string
	}{
		{"RELEASE-3", "for another repository", func(m *manifest) { m.Repository = "other.example" }, nil},
		{"RELEASE-3", "for another package", func(m *manifest) { m.Package = other }, nil},
		{"RELEASE-3", "for another version", func(m *manifest) { m.Version = "1.1" }, nil},
		{"ENC-5", "for a version that is not in normal form", func(m *manifest) { m.Version = "v1.0" }, nil},
		{"MANIFEST-1", "that names a file twice", func(m *manifest) { m.Files = append(m.Files, m.Files[0]) }, nil},
		{"MANIFEST-1", "whose files are not sorted", func(m *manifest) { m.Files = []roster.File{sdist, m.Files[0]} }, nil},
		{"MANIFEST-2", "with a file of another package", func(m *manifest) {
			sdist := sdist
			sdist.Name = "other-1.0.tar.gz"
			m.Files = []roster.File{sdist, m.Files[0]}
		}, nil},
		{"MANIFEST-2", "with a file of another version", func(m *manifest) { sdist := sdist; sdist.Name = "sample-1.1.tar.gz"; m.Files = append(m.Files, sdist) }, nil},
		{"MANIFEST-2", "with a file name that is a path", func(m *manifest) {
			sdist := sdist
			sdist.Name = "../sample-1.0.tar.gz"
			m.Files = []roster.File{sdist, m.Files[0]}
		}, nil},
		{"NAME-2", "with an absolute file name", func(m *manifest) {
			sdist := sdist
			sdist.Name = "/sample-1.0.tar.gz"
			m.Files = []roster.File{sdist, m.Files[0]}
		}, nil},
		{"ENC-5", "whose file has no digest", nil, func(s string) string { return strings.Replace(s, digest.Sum([]byte(content)).String(), "", 1) }},
		{"ENC-5", "whose file has a short digest", nil, func(s string) string { return strings.Replace(s, digest.Sum([]byte(content)).String()[60:], "", 1) }},
		{"ENC-5", "whose file has a digest in capitals", nil, func(s string) string {
			d := digest.Sum([]byte(content)).String()
			return strings.Replace(s, d, strings.ToUpper(d), 1)
		}},
		{"ENC-4", "whose file has another digest beside SHA-256", nil, func(s string) string {
			return strings.Replace(s, "\"\n    }", "\",\n      \"sha512\": \"00\"\n    }", 1)
		}},
		{"ENC-5", "whose file has a negative size", nil, replace(`"size": `, `"size": -`)},
	} {
		cases = append(cases, pair(c.rule, "a manifest "+c.what+" authorises nothing", Refused, rawManifest(c.edit, c.text)))
	}
	return cases
}

// releaseCases are about who may release what.
func releaseCases() []Case {
	const next = "sample-1.1.tar.gz"
	trio := func(r *Repo) { // two of three release
		c := r.FirstList(sample, dave, erin, frank)
		c.ReleaseThreshold = 2
		r.PutList(c, dave, erin, frank)
	}
	by := func(good, bad []*rostertest.Signer) play {
		return func(s *Stage, wrong bool) *Result {
			r := s.Open()
			trio(r)
			who := good
			if wrong {
				who = bad
			}
			r.Release(sample, wheel, content, who...)
			r.Publish(nil)
			return r.User().Get()
		}
	}
	two := []*rostertest.Signer{dave, erin}
	laptop := rostertest.Person("Dave's laptop")
	cases := []Case{
		pair("RELEASE-3", "a release signed by one of the two maintainers required is refused", Refused, by(two, []*rostertest.Signer{dave})),
		pair("RELEASE-3", "a stranger's signature does not count for a release", Refused, by(two, []*rostertest.Signer{dave, mallory})),
		pair("RELEASE-3", "a release signed by the online keys is refused", Refused, by(two, signers("countersign-1", "snapshot-1"))),
		pair("RELEASE-3", "a release signed by all keyholders is refused", Refused, by(two, []*rostertest.Signer{alice, bob, carol})),
		pair("RELEASE-3", "one person's two keys count once for a release", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			c := r.FirstList(sample, dave, erin)
			c.ReleaseThreshold = 2
			c.Maintainers[0].Keys = append(c.Maintainers[0].Keys, key(laptop))
			r.PutList(c, dave, laptop, erin)
			if wrong {
				r.Release(sample, wheel, content, dave, laptop)
			} else {
				r.Release(sample, wheel, content, dave, erin)
			}
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("RELEASE-3", "a maintainer who has left releases nothing more", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			r.Claim(sample, dave)
			nextList(r, []*rostertest.Signer{erin}, []*rostertest.Signer{dave, erin})
			who := erin
			if wrong {
				who = dave
			}
			r.Release(sample, wheel, content, who)
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("RELEASE-3", "what a maintainer who has left signed is refused if the list leaves it out", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			c := r.NextList(sample, erin)
			if wrong {
				c.Inherits = r.Packages[sample].Index.Inheritance(1)
			}
			r.PutList(c, dave, erin)
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("RELEASE-3", "a file that was uploaded unsigned after the list is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			r.Claim(sample, dave)
			if wrong {
				r.Upload(sample, wheel, content)
			} else {
				r.Release(sample, wheel, content, dave)
			}
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("RELEASE-3", "a file that was uploaded unsigned before the list is refused unless the list inherits it", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			r.Upload(sample, wheel, content)
			c := r.FirstList(sample, dave)
			if !wrong {
				c.Inherits = r.Packages[sample].Index.Inheritance()
			}
			r.PutList(c, dave)
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("RELEASE-3", "what is appended after a list is not inherited by it", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			frozen := func() { freeze(r) }
			if wrong {
				frozen()
			}
			r.Release(sample, next, "1.1\n", dave)
			if !wrong {
				frozen()
			}
			r.Publish(nil)
			return r.User().Get(File{sample, next})
		}),
		pair("RELEASE-3", "a line of another version does not authorise a file", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			r.Claim(sample, dave)
			m := r.Release(sample, next, "1.1\n", dave)
			file := next
			if wrong {
				file = wheel
				r.Append(sample, roster.Line{Kind: roster.LineManifest, Version: "1.0", Digest: m.Digest()})
			}
			r.Publish(nil)
			return r.User().Get(File{sample, file})
		}),
		pair("RELEASE-3", "a file that no line names is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claimed(r)
			if wrong {
				return r.User().Get(File{sample, "sample-1.0.tar.gz"})
			}
			return r.User().Get()
		}),
		pair("RELEASE-1", "file names are told apart by case", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claimed(r)
			if wrong {
				return r.User().Get(File{sample, strings.Replace(wheel, "py3", "PY3", 1)})
			}
			return r.User().Get()
		}),
		accepted("RELEASE-3", "the first line that authorises a file settles its bytes", func(r *Repo) *Result {
			claim(r)
			r.Release(sample, wheel, "other bytes of the same name\n", dave)
			r.Publish(nil)
			return r.User().Get()
		}),
		accepted("RELEASE-3", "a line that authorises nothing is passed over", func(r *Repo) *Result {
			r.Claim(sample, dave)
			r.Index.Release(sample, wheel, "malware\n", mallory)
			r.Index.Upload(sample, wheel, "more malware\n")
			r.PutManifestBytes(sample, "1.0", []byte("no manifest\n"), dave)
			r.Release(sample, wheel, content, dave)
			r.Publish(nil)
			return r.User().Get()
		}),
		accepted("RELEASE-3", "inherited releases count though their signers' keys are revoked", func(r *Repo) *Result {
			shared(r)
			r.RevokeKey(dave, sample)
			nextList(r, []*rostertest.Signer{erin, frank}, []*rostertest.Signer{erin, frank})
			return r.User().Get()
		}),
		accepted("RELEASE-4", "of an inherited line the manifest's signatures are not looked at", func(r *Repo) *Result {
			r.Claim(sample, dave)
			m := r.Release(sample, wheel, content, dave)
			nextList(r, []*rostertest.Signer{dave}, []*rostertest.Signer{dave})
			delete(r.Files, roster.SignaturePath(roster.ManifestPath(sample, m.Digest())))
			return r.User().Get()
		}),
		pair("RELEASE-2", "an index that does not extend what the list inherits is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			r.Claim(sample, dave)
			r.Upload(sample, "sample-0.9.tar.gz", "0.9\n")
			c := r.NextList(sample, dave)
			if wrong {
				c.Inherits.Digest.Digest = digest.Sum([]byte("another"))
			}
			r.PutList(c, dave)
			r.Release(sample, wheel, content, dave)
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("RELEASE-2", "a list that inherits a part of a line is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			r.Claim(sample, dave)
			r.Upload(sample, "sample-0.9.tar.gz", "0.9\n")
			c := r.NextList(sample, dave)
			if wrong {
				part := r.Packages[sample].Index.Bytes()[:c.Inherits.Length-3]
				c.Inherits.Length, c.Inherits.Digest.Digest = uint64(len(part)), digest.Sum(part)
			}
			r.PutList(c, dave)
			r.Release(sample, wheel, content, dave)
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("RELEASE-2", "a list that leaves out a line which it does not inherit is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			r.Claim(sample, dave)
			r.Upload(sample, "sample-0.9.tar.gz", "0.9\n")
			c := r.NextList(sample, dave)
			if wrong {
				c.Inherits.Except = []uint64{2}
			}
			r.PutList(c, dave)
			r.Release(sample, wheel, content, dave)
			r.Publish(nil)
			return r.User().Get()
		}),
	}
	for what, bytes := range map[string]string{"other bytes of the same length": strings.ToUpper(content), "a byte less": content[1:], "a byte more": content + "\n", "nothing": ""} {
		cases = append(cases, spoilt("RELEASE-5", "a file with "+what+" is not written", Refused, claimed, func(r *Repo) {
			r.Put(roster.FilePath(digest.Sum([]byte(content)), wheel), []byte(bytes))
		}))
	}
	return append(cases, Case{"RELEASE-5: eleven rounds of releases and substitutions, of which the client sees every second, leave the right files", func(s *Stage) {
		r := s.Open()
		claimed(r)
		u := r.User()
		for i := range 11 {
			file := "sample-2." + string(rune('0'+i%10)) + strings.Repeat(".1", i/10) + ".tar.gz"
			r.Release(sample, file, "round "+file+"\n", dave)
			r.Publish(nil)
			if i%2 == 1 {
				continue
			}
			u.Get(File{sample, file}).Want(Done)
			back := r.save()
			r.Put(roster.FilePath(digest.Sum([]byte("round "+file+"\n")), file), []byte("malware!!!"))
			u.Get(File{sample, file}).Want(Refused)
			back()
		}
	}})
}

// keyRevocationCases are about maintainers' keys.
func keyRevocationCases() []Case {
	// doomed is a package that Erin alone released, with the revocation of
	// her key, edited and signed by others if the story says so.
	raw := func(edit func(*roster.MaintainerRevocation), text func(string) string, by ...*rostertest.Signer) play {
		return func(s *Stage, wrong bool) *Result {
			r := s.Open()
			r.PutList(r.FirstList(sample, dave, erin), dave, erin)
			r.Release(sample, wheel, content, dave)
			m := roster.MaintainerRevocation{Type: "key-revocation/v1", Repository: r.Repository, Key: key(erin), Reason: "stolen", Issued: roster.At(r.Now)}
			who := []*rostertest.Signer{erin}
			if wrong && edit != nil {
				edit(&m)
			}
			if wrong && by != nil {
				who = by
			}
			doc := Print(m)
			if wrong && text != nil {
				doc = []byte(text(string(doc)))
			}
			d := digest.Sum(doc)
			r.PutSigned(roster.KeyRevocationPath(d), doc, who...)
			r.Append(sample, roster.Line{Kind: roster.LineRevocation, Digest: d})
			r.Publish(nil)
			return r.User().Get()
		}
	}
	takes := func(promise string, revoke func(*Repo)) Case {
		return pair("RELEASE-3", promise, Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			r.PutList(r.FirstList(sample, dave, erin), dave, erin)
			r.Release(sample, wheel, content, erin)
			if wrong {
				revoke(r)
			}
			r.Publish(nil)
			return r.User().Get()
		})
	}
	cases := []Case{
		pair("KEYREV-1", "a key revocation for another repository refuses the index", Refused, raw(func(m *roster.MaintainerRevocation) { m.Repository = "other.example" }, nil)),
		pair("KEYREV-2", "a key revocation that another key signed refuses the index", Refused, raw(nil, nil, dave)),
		pair("KEYREV-2", "a key revocation that the keyholders signed refuses the index", Refused, raw(nil, nil, alice, bob, carol)),
		pair("KEYREV-2", "a key revocation that the same key in another packet signed refuses the index", Refused, raw(nil, nil, erin.Repacked())),
		pair("NAME-1", "a key revocation with an escape sequence for a reason refuses the index", Refused, raw(func(m *roster.MaintainerRevocation) { m.Reason = "stolen\x1b[2J" }, nil)),
		takes("what a revoked key alone signed is refused", func(r *Repo) { r.RevokeKey(erin, sample) }),
		takes("a key that was revoked in another packet is revoked", func(r *Repo) { r.RevokeKey(erin.Repacked(), sample) }),
		takes("a key that the newest roster revokes signs no release", func(r *Repo) {
			r.Succeed(func(c *roster.Root) {
				c.Revoked = []roster.RevokedKey{{Key: key(erin), Reason: "stolen", At: c.Issued}}
			})
		}),
		takes("a key that the newest roster revokes in another packet signs no release", func(r *Repo) {
			r.Succeed(func(c *roster.Root) {
				c.Revoked = []roster.RevokedKey{{Key: key(erin.Repacked()), Reason: "stolen", At: c.Issued}}
			})
		}),
		{"RELEASE-3: a signature dated before the revocation does not count either", func(s *Stage) {
			r := s.Open()
			r.PutList(r.FirstList(sample, dave, erin), dave, erin)
			m := r.Release(sample, wheel, content, erin)
			f := honest(erin)
			f.hashed = append(subIssuer(erin), subpacket(2, 0x10, 0, 0, 0)...)
			r.Put(roster.SignaturePath(roster.ManifestPath(sample, m.Digest())), f.file(erin, m.Bytes()))
			r.Publish(nil)
			r.User().Get().Want(Done)
			r.RevokeKey(erin, sample)
			r.Publish(nil)
			r.User().Get().Want(Refused)
		}},
		{"MEM-5: a key revocation that was seen in one package counts in every other", func(s *Stage) {
			r := s.Open()
			claimed(r)
			r.Claim(other, dave)
			r.RevokeKey(dave, other)
			r.Publish(nil)
			u := r.User()
			u.Get().Want(Done)
			u.Get(File{other, otherWheel}).Want(Refused)
			u.Get().Want(Refused)
			r.User().Get().Want(Done)
		}},
		{"MEM-5: a key revocation that was seen counts though the server withdraws it", func(s *Stage) {
			r := s.Open()
			r.PutList(r.FirstList(sample, dave, erin), dave, erin)
			r.Release(sample, wheel, content, erin)
			r.Claim(other, erin)
			r.Publish(nil)
			before := r.Packages[other].Index
			u := r.User()
			u.Get().Want(Done)
			r.RevokeKey(erin, other)
			r.Publish(nil)
			u.Get(File{other, otherWheel}).Want(Refused)
			r.Packages[other].Index = before
			r.Publish(nil)
			u.Get().Want(Refused)
		}},
		{"RELEASE-3: a revoked release counts again when a list inherits its line", func(s *Stage) {
			r := s.Open()
			r.PutList(r.FirstList(sample, dave, erin), dave, erin)
			r.Release(sample, wheel, content, erin)
			r.RevokeKey(erin, sample)
			r.Publish(nil)
			u := r.User()
			u.Get().Want(Refused)
			nextList(r, []*rostertest.Signer{dave}, []*rostertest.Signer{dave})
			u.Get().Want(Done)
		}},
		turned("LEAF-7", "a key revocation that is withheld is a lack of freshness", Done, Stale, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			r.RevokeKey(erin, sample)
			if wrong {
				for path := range r.Files {
					if strings.HasPrefix(path, "key-revocations/") {
						delete(r.Files, path)
					}
				}
			}
			r.Publish(nil)
			return r.User().Get()
		}),
		spoilt("LEAF-7", "a key revocation with another digest is refused", Refused, func(r *Repo) {
			claim(r)
			r.RevokeKey(erin, sample)
			r.Publish(nil)
		}, func(r *Repo) {
			for path := range r.Files {
				if strings.HasPrefix(path, "key-revocations/") && strings.HasSuffix(path, ".json") {
					r.Edit(path, replace("laptop", "tablet"), erin)
				}
			}
		}),
	}
	for _, m := range few(misprints) {
		cases = append(cases, pair(m.rule, "a key revocation "+m.what+" refuses the index", Refused, raw(nil, m.edit)))
	}
	return cases
}
