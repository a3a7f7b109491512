package roster_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

const wheel = "sample-1.0-py3-none-any.whl"

// claimed is an index in which Dave, Erin and Frank maintain the package;
// two of them release it.
func claimed(t *testing.T) *rostertest.Index {
	t.Helper()
	x := rostertest.New(t)
	c := x.FirstList(pkg, people("Dave", "Erin", "Frank")...)
	c.ReleaseThreshold = 2
	x.PutList(c, people("Dave", "Erin", "Frank")...)
	return x
}

func release(t *testing.T, x *rostertest.Index, file string, revoked ...*rostertest.Signer) (*roster.Release, error) {
	t.Helper()
	s, err := x.Roster.Stands(lineage(t, x, x.Package(pkg).List.Digest(), revoked...))
	accepted(t, err)
	return s.Release(ctx, x.Package(pkg).Index, file, x.Fetch)
}

func TestReleaseIsSignedByEnoughMaintainers(t *testing.T) {
	for _, c := range []struct {
		name    string
		signers []string
		revoked []string
		want    string
	}{
		{"two", []string{"Dave", "Frank"}, nil, ""},
		{"one", []string{"Dave"}, nil, "signed by 1 of the 2 people required"},
		{"one and a stranger", []string{"Dave", "Mallory"}, nil, "signed by 1 of the 2"},
		{"two, one revoked", []string{"Dave", "Erin"}, []string{"Erin"}, `signatures by revoked keys do not count ("Erin")`},
		{"three, one revoked", []string{"Dave", "Erin", "Frank"}, []string{"Erin"}, ""},
		{"the root cannot release", []string{"Alice", "Bob", "Carol"}, nil, "signed by 0 of the 2"},
		{"nor the online signer", []string{"countersign-1", "snapshot-1"}, nil, "signed by 0 of the 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := claimed(t)
			x.Release(pkg, wheel, "bytes", people(c.signers...)...)
			r, err := release(t, x, wheel, people(c.revoked...)...)
			if c.want != "" {
				refused(t, err, roster.LayerManifest, c.want)
				if len(c.revoked) > 0 && !strings.Contains(err.(*roster.Error).Hint(), "next list inherits it") {
					t.Errorf("the refusal does not say that a list may inherit the line: %s", err.(*roster.Error).Hint())
				}
				return
			}
			accepted(t, err)
			if r.Version() != "1.0" || r.File().Name != wheel || r.Inherited() || r.Unsigned() || r.Yanked() || len(r.By()) != 2 {
				t.Errorf("got %+v", r)
			}
			accepted(t, r.Check(5, digest.Sum([]byte("bytes"))))
			refused(t, r.Check(5, digest.Sum([]byte("Bytes"))), roster.LayerFile, "not the authorised one")
			refused(t, r.Check(6, digest.Sum([]byte("bytes"))), roster.LayerFile, "not the authorised one")
		})
	}
}

func TestReleaseThatIsNotThere(t *testing.T) {
	x := claimed(t)
	x.Release(pkg, wheel, "bytes", people("Dave", "Erin")...)
	_, err := release(t, x, "sample-2.0-py3-none-any.whl")
	refused(t, err, roster.LayerIndex, "no line names file")
	_, err = release(t, x, "sample-1.0.tar.gz")
	refused(t, err, roster.LayerIndex, "no line names file")
	for _, name := range []string{"other-1.0.tar.gz", "../sample-1.0.tar.gz", "sample-1.0.tar.gz/..", "", "sample-1.0.exe", "\x00"} {
		_, err = release(t, x, name)
		refused(t, err, roster.LayerFile, "not a file of sample")
	}
}

func TestTheFirstAuthorisedLineSettlesAFile(t *testing.T) {
	x := claimed(t)
	x.Release(pkg, wheel, "a thief's", person("Mallory"))
	x.Upload(pkg, "sample-1.0.tar.gz", "unsigned")
	x.Release(pkg, wheel, "first", people("Dave", "Erin")...)
	x.Release(pkg, wheel, "second", people("Dave", "Erin")...)
	r, err := release(t, x, wheel)
	accepted(t, err)
	accepted(t, r.Check(5, digest.Sum([]byte("first"))))
	_, err = release(t, x, "sample-1.0.tar.gz")
	refused(t, err, roster.LayerFile, "was added unsigned")
}

// What a mirror can do to a line's files must not lead on to a later line.
func TestALineThatCannotBeJudgedIsNotPassedOver(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(x *rostertest.Index, path string)
		want  string
	}{
		"manifest withheld":   {func(x *rostertest.Index, p string) { delete(x.Files, p) }, "no such file"},
		"signatures withheld": {func(x *rostertest.Index, p string) { delete(x.Files, p+".asc") }, "no such file"},
		"manifest changed":    {func(x *rostertest.Index, p string) { x.Files[p] = []byte("{}\n") }, "not the manifest that the index names"},
		"signatures spoilt":   {func(x *rostertest.Index, p string) { x.Files[p+".asc"] = []byte("junk") }, "signature file is malformed"},
		"signatures of another": {func(x *rostertest.Index, p string) {
			x.Files[p+".asc"] = rostertest.Sign(x.T, []byte("another"), people("Dave", "Erin")...)
		}, "a signature is refused"},
	} {
		t.Run(name, func(t *testing.T) {
			x := claimed(t)
			m := x.Release(pkg, wheel, "first", people("Dave", "Erin")...)
			x.Release(pkg, wheel, "second", people("Dave", "Erin")...)
			c.spoil(x, roster.ManifestPath(pkg, m.Digest()))
			r, err := release(t, x, wheel)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, %v; wanted %s", r, err, c.want)
			}
		})
	}
}

func TestAManifestIsForItsPackageAndVersion(t *testing.T) {
	x := claimed(t)
	x.Claim("other", person("Dave"))
	// A manifest that Dave and Erin signed for another package, or another
	// version, is named by a line of this one.
	other := x.Release("other", "other-1.0.tar.gz", "bytes", people("Dave", "Erin")...)
	x.Put(roster.ManifestPath(pkg, other.Digest()), other.Bytes())
	x.Append(pkg, roster.Line{Kind: roster.LineManifest, Version: "1.0", Digest: other.Digest()})
	_, err := release(t, x, wheel)
	refused(t, err, roster.LayerManifest, "it is another release's")

	x = claimed(t)
	two := x.Release(pkg, "sample-2.0.tar.gz", "bytes", people("Dave", "Erin")...)
	x.Append(pkg, roster.Line{Kind: roster.LineManifest, Version: "1.0", Digest: two.Digest()})
	_, err = release(t, x, wheel)
	refused(t, err, roster.LayerManifest, "it is another release's")
}

func TestManifestRefusesWhatContradictsTheFormat(t *testing.T) {
	x := rostertest.New(t)
	file := func(name string) roster.File { return roster.File{Name: name, Size: 1, SHA256: x.Pin()} }
	for name, c := range map[string]struct {
		edit func(*roster.ManifestContent)
		want string
	}{
		"repository":            {func(c *roster.ManifestContent) { c.Repository = "x" }, "lower-case DNS name"},
		"package not normal":    {func(c *roster.ManifestContent) { c.Package = "Sample" }, "PEP 503"},
		"version not normal":    {func(c *roster.ManifestContent) { c.Version = "v1.0" }, "PEP 440"},
		"no files":              {func(c *roster.ManifestContent) { c.Files = nil }, "0 files"},
		"another package's":     {func(c *roster.ManifestContent) { c.Files[0] = file("other-1.0.tar.gz") }, "other"},
		"another version's":     {func(c *roster.ManifestContent) { c.Files[0] = file("sample-1.1.tar.gz") }, "of version 1.1"},
		"a path":                {func(c *roster.ManifestContent) { c.Files[0] = file("a/sample-1.0.tar.gz") }, "a/sample"},
		"one file twice":        {func(c *roster.ManifestContent) { c.Files = append(c.Files, c.Files[0]) }, "wanted each once and sorted"},
		"a file without digest": {func(c *roster.ManifestContent) { c.Files[0].SHA256 = digest.Digest{} }, "digest is missing"},
		"a file too large":      {func(c *roster.ManifestContent) { c.Files[0].Size = 1 << 53 }, "wanted at most 2^53-1"},
	} {
		t.Run(name, func(t *testing.T) {
			m := roster.ManifestContent{Repository: x.Repository, Package: pkg, Version: "1.0", Issued: roster.At(x.Now), Files: []roster.File{file(wheel)}}
			c.edit(&m)
			_, err := roster.NewManifest(m)
			refused(t, err, roster.LayerManifest, c.want)
		})
	}
}

func TestAListVouchesForWhatItInherits(t *testing.T) {
	x := claimed(t)
	x.Release(pkg, wheel, "one", people("Dave", "Erin")...)                 // line 1
	x.Upload(pkg, "sample-1.1.tar.gz", "two")                               // line 2
	x.Release(pkg, "sample-1.2.tar.gz", "three", people("Dave", "Erin")...) // line 3
	next := x.NextList(pkg, people("Grace")...)                             // nobody of the old list stays
	next.Inherits = x.Package(pkg).Index.Inheritance(3)                     // but for line 3
	x.PutList(next, people("Dave", "Grace")...)                             //
	x.Release(pkg, "sample-1.3.tar.gz", "four", people("Dave", "Erin")...)  // line 4, after they left
	x.Release(pkg, "sample-1.4.tar.gz", "five", person("Grace"))            // line 5
	for file, want := range map[string]string{wheel: "", "sample-1.1.tar.gz": "", "sample-1.2.tar.gz": "not signed by the maintainers", "sample-1.3.tar.gz": "not signed by the maintainers", "sample-1.4.tar.gz": ""} {
		r, err := release(t, x, file, person("Dave"))
		if want != "" {
			refused(t, err, roster.LayerManifest, want)
			continue
		}
		accepted(t, err)
		if r.Inherited() != (file != "sample-1.4.tar.gz") {
			t.Errorf("%s inherited: %v", file, r.Inherited())
		}
	}
}

func TestTheRefusalSaysWhatBecameOfTheSigner(t *testing.T) {
	x := claimed(t)
	x.Release(pkg, wheel, "one", people("Dave", "Erin")...)
	next := x.NextList(pkg, people("Frank", "Grace")...)
	next.Inherits.Except = []uint64{1}
	first := x.Package(pkg).List
	x.PutList(next, people("Frank", "Grace")...)
	for want, revoked := range map[string][]*rostertest.Signer{"has left the maintainer list": nil, "was revoked (stolen)": people("Erin")} {
		s, err := x.Roster.Stands(lineage(t, x, first.Digest(), revoked...))
		accepted(t, err)
		_, err = s.Release(ctx, x.Package(pkg).Index, wheel, x.Fetch)
		refused(t, err, roster.LayerManifest, "not signed by the maintainers of list version 2")
		if hint := err.(*roster.Error).Hint(); !strings.Contains(hint, want) {
			t.Errorf("hint %q, wanted %q", hint, want)
		}
	}
}

func TestAnIndexNamesOnlySoManyKeyRevocations(t *testing.T) {
	x := rostertest.New(t)
	var lines []roster.Line
	for i := range roster.MaxKeyRevocations + 1 {
		lines = append(lines, roster.Line{Kind: roster.LineRevocation, Digest: digest.Sum([]byte{byte(i), byte(i >> 8)})})
	}
	_, err := x.Package(pkg).Index.Append(lines[1:]...)
	accepted(t, err)
	_, err = x.Package(pkg).Index.Append(lines...)
	refused(t, err, roster.LayerIndex, "too many key revocations")
}

func TestAFrozenListAuthorisesOnlyWhatItInherits(t *testing.T) {
	x := claimed(t)
	x.Release(pkg, wheel, "one", people("Dave", "Erin")...)
	frozen := x.NextList(pkg)
	frozen.Threshold, frozen.ReleaseThreshold = 0, 0
	x.PutList(frozen, person("Dave"))
	x.Release(pkg, "sample-1.1.tar.gz", "two", people("Dave", "Erin")...)
	_, err := release(t, x, wheel)
	accepted(t, err)
	_, err = release(t, x, "sample-1.1.tar.gz")
	refused(t, err, roster.LayerManifest, "nobody may approve anything")
}

func TestTheIndexExtendsWhatTheListInherits(t *testing.T) {
	x := claimed(t)
	x.Release(pkg, wheel, "one", people("Dave", "Erin")...)
	was := x.Package(pkg).Index
	next := x.NextList(pkg, person("Dave"))
	x.PutList(next, person("Dave"))
	empty, err := roster.NewIndex(x.Repository, pkg)
	accepted(t, err)
	x.Package(pkg).Index = empty
	_, err = release(t, x, wheel)
	refused(t, err, roster.LayerIndex, "it does not extend what its maintainer list inherits")
	x.Append(pkg, roster.Line{Kind: roster.LineYank, Version: "1.0"}, roster.Line{Kind: roster.LineManifest, Version: "1.0", Digest: was.Lines()[0].Digest})
	_, err = release(t, x, wheel)
	refused(t, err, roster.LayerIndex, "it does not extend what its maintainer list inherits")

	x.Package(pkg).Index = was
	next.Version, next.Inherits = 3, was.Inheritance(2)
	next.Previous = ref(x.Package(pkg).List.Digest())
	x.PutList(next, person("Dave"))
	x.Append(pkg, roster.Line{Kind: roster.LineYank, Version: "1.0"})
	_, err = release(t, x, wheel)
	refused(t, err, roster.LayerList, "it leaves out line 2, which is not in the part that it inherits")
}

func TestInheritanceEndsWithALine(t *testing.T) {
	x := claimed(t)
	x.Release(pkg, wheel, "one", people("Dave", "Erin")...)
	part := x.Package(pkg).Index.Bytes()[:60]
	next := x.NextList(pkg, person("Dave"))
	next.Inherits = roster.Inheritance{Length: 60, Digest: ref(digest.Sum(part))}
	x.PutList(next, person("Dave"))
	_, err := release(t, x, wheel)
	refused(t, err, roster.LayerIndex, "ends within a line")
}

func TestAManifestThatIsNoneAuthorisesNothing(t *testing.T) {
	x := claimed(t)
	junk := []byte("{}\n")
	x.Put(roster.ManifestPath(pkg, digest.Sum(junk)), junk)
	x.Append(pkg, roster.Line{Kind: roster.LineManifest, Version: "1.0", Digest: digest.Sum(junk)})
	_, err := release(t, x, wheel)
	refused(t, err, roster.LayerManifest, "the document is malformed")
	x.Release(pkg, wheel, "one", people("Dave", "Erin")...)
	_, err = release(t, x, wheel)
	accepted(t, err)
}

func TestAStandingJudgesItsOwnPackageOnly(t *testing.T) {
	x := claimed(t)
	s, err := x.Roster.Stands(lineage(t, x, x.Package(pkg).List.Digest()))
	accepted(t, err)
	other := x.Release("other", "other-1.0.tar.gz", "one", people("Dave", "Erin")...)
	refused(t, s.Fits(x.Package("other").Index), roster.LayerIndex, "it is another package's")
	_, err = s.ReleasedBy(other, x.Signed(roster.ManifestPath("other", other.Digest())).Signatures)
	refused(t, err, roster.LayerManifest, "it is another package's")
	elsewhere, err := roster.NewIndex("other.example", pkg)
	accepted(t, err)
	refused(t, s.Fits(elsewhere), roster.LayerIndex, "it is another package's")
}

func TestAnIndexIsOfANameThatCanBe(t *testing.T) {
	for header, want := range map[string][2]string{
		"release-index/v1 Localhost sample\n":        {"Localhost", "sample"},
		"release-index/v1 packages.example Sample\n": {"packages.example", "Sample"},
	} {
		_, err := roster.ParseIndex([]byte(header), want[0], want[1])
		refused(t, err, roster.LayerIndex, "malformed")
	}
}

func TestAYankIsFinal(t *testing.T) {
	x := claimed(t)
	x.Append(pkg, roster.Line{Kind: roster.LineYank, Version: "1.0", File: wheel})
	x.Release(pkg, wheel, "one", people("Dave", "Erin")...)
	x.Release(pkg, "sample-1.0.tar.gz", "two", people("Dave", "Erin")...)
	for file, want := range map[string]bool{wheel: true, "sample-1.0.tar.gz": false} {
		r, err := release(t, x, file)
		accepted(t, err)
		if r.Yanked() != want {
			t.Errorf("%s yanked: %v, wanted %v", file, r.Yanked(), want)
		}
	}
	x.Append(pkg, roster.Line{Kind: roster.LineYank, Version: "1.0"})
	r, err := release(t, x, "sample-1.0.tar.gz")
	accepted(t, err)
	if !r.Yanked() {
		t.Error("a yank of the version does not cover its files")
	}
}

func TestUnsigned(t *testing.T) {
	x := rostertest.New(t)
	x.Upload(pkg, wheel, "one")
	x.Upload(pkg, wheel, "another")
	r, err := roster.Unsigned(x.Package(pkg).Index, wheel)
	accepted(t, err)
	if !r.Unsigned() || r.Inherited() || r.By() != nil {
		t.Error("an unsigned file is called something else")
	}
	accepted(t, r.Check(3, digest.Sum([]byte("one"))))
	_, err = roster.Unsigned(x.Package(pkg).Index, "sample-2.0.tar.gz")
	refused(t, err, roster.LayerIndex, "no line names file")
	_, err = roster.Unsigned(x.Package(pkg).Index, "other-2.0.tar.gz")
	refused(t, err, roster.LayerFile, "not a file of sample")
}

func TestIndexLinesHaveOneSpelling(t *testing.T) {
	x := rostertest.New(t)
	d := x.Pin().String()
	good := []string{"manifest 1.0 " + d, "file 1.0 5 " + d + " " + wheel, "yank 1.0", "yank 1.0 " + wheel, "revocation " + d}
	header := "release-index/v1 packages.example sample\n"
	if _, err := roster.ParseIndex([]byte(header+strings.Join(good, "\n")+"\n"), x.Repository, pkg); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", " ", "manifest", "manifest 1.0", "manifest  1.0 " + d, "manifest 1.0 " + d + " ", "manifest 1.0 " + d + "\r", "manifest v1.0 " + d, "manifest 1.0 " + strings.ToUpper(d),
		"manifest 1.0 " + d[:63], "Manifest 1.0 " + d, "add 1.0 " + d, "file 1.0 05 " + d + " " + wheel, "file 1.0 +5 " + d + " " + wheel, "file 1.0 -5 " + d + " " + wheel,
		"file 1.0 9007199254740992 " + d + " " + wheel, "file 1.1 5 " + d + " " + wheel, "file 1.0 5 " + d + " ", "file 1.0 5 " + d + " other-1.0.tar.gz", "yank", "yank 1.0 ", "yank 1.0 other-1.0.tar.gz",
		"yank 2.0 " + wheel, "revocation", "revocation " + d + " x", "revocation " + strings.Repeat("0", 64), "manifest 1.0 " + strings.Repeat("0", 64), "revocation x", "yank 1.0\x00", "\tyank 1.0", "yank 1.0 \u00a0", strings.Repeat("x", 600),
	} {
		_, err := roster.ParseIndex([]byte(header+bad+"\n"), x.Repository, pkg)
		if err == nil {
			t.Errorf("line %q: accepted", bad)
			continue
		}
		refused(t, err, roster.LayerIndex, "line 1 is malformed")
	}
	for name, raw := range map[string]string{"another package's": "release-index/v1 packages.example other\n", "another repository's": "release-index/v1 other.example sample\n", "empty": "", "no end": strings.TrimSuffix(header, "\n")} {
		_, err := roster.ParseIndex([]byte(raw), x.Repository, pkg)
		t.Log(name)
		refused(t, err, roster.LayerIndex, "its first line is not this package's")
	}
}

func TestTheIndexIsTheOneThatTheLeafNames(t *testing.T) {
	x := claimed(t)
	x.Release(pkg, wheel, "one", people("Dave", "Erin")...)
	p := x.Package(pkg)
	raw, leaf := p.Index.Bytes(), p.Leaf()
	_, err := roster.OpenIndex(raw, x.Repository, leaf)
	accepted(t, err)
	_, err = roster.OpenIndex(raw[:len(raw)-1], x.Repository, leaf)
	refused(t, err, roster.LayerIndex, "not the index that the map commits to")
	other := slices.Clone(raw)
	other[len(other)-2] ^= 1
	_, err = roster.OpenIndex(other, x.Repository, leaf)
	refused(t, err, roster.LayerIndex, "not the index that the map commits to")
	leaf.IndexLength++
	_, err = roster.OpenIndex(raw, x.Repository, leaf)
	refused(t, err, roster.LayerIndex, "not the index that the map commits to")
}

func TestKeyRevocationsOfAnIndex(t *testing.T) {
	x := claimed(t)
	x.RevokeKey(person("Erin"), pkg)
	all, err := roster.FetchKeyRevocations(ctx, x.Package(pkg).Index, x.Fetch)
	accepted(t, err)
	if len(all) != 1 || all[0].Key().ID() != person("Erin").Key.ID() {
		t.Fatalf("got %v", all)
	}
	path := roster.KeyRevocationPath(all[0].Digest())
	x.Files[path] = replace(x.Files[path], "laptop stolen", "laptop broken")
	_, err = roster.FetchKeyRevocations(ctx, x.Package(pkg).Index, x.Fetch)
	refused(t, err, roster.LayerRevocation, "not the revocation that the index names")
	delete(x.Files, path)
	if _, err = roster.FetchKeyRevocations(ctx, x.Package(pkg).Index, x.Fetch); !errors.Is(err, roster.ErrAbsent) {
		t.Fatalf("got %v, wanted ErrAbsent", err)
	}
}
