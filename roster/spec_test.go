package roster_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/pypi"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// testdata/example has the worked example of docs/spec.md: a repository as it
// would be published, the revocations that its ceremony sealed, the files
// that were carried to its ceremonies, and certificates for people's gpg.
// Its documents are the same every time; its signatures are not, so it is
// committed once. To make it anew: go test ./roster -run Spec -update

var update = flag.Bool("update", false, "make testdata/example anew, with new signatures")

const (
	specFile   = "../docs/spec.md"
	exampleDir = "testdata/example"
	published  = "repository/"
	sealed     = "sealed/"
)

// exampleKeys are all who sign in the example.
var exampleKeys = []string{"Alice", "Bob", "Carol", "Dave", "Erin", "Frank", "countersign-1", "snapshot-1"}

// makeExample plays the example's history and returns its files.
func makeExample(t *testing.T) map[string][]byte {
	t.Helper()
	x := rostertest.New(t)
	for i := range 66 {
		x.Package(fmt.Sprintf("filler-%02d", i+1))
	}
	x.Upload("plain", "plain-1.0.tar.gz", "plain 1.0\n")
	x.Upload("sample", "sample-0.9.tar.gz", "sample 0.9\n")
	first := x.FirstList("sample", people("Dave", "Erin")...)
	first.Inherits = x.Package("sample").Index.Inheritance()
	x.PutList(first, people("Dave", "Erin")...)
	x.Release("sample", "sample-1.0-py3-none-any.whl", "sample 1.0\n", person("Erin"))
	x.Publish(nil)
	kept := keptSnapshot(t, x)

	x.Now = x.Now.AddDate(0, 0, 30)
	x.Anchor()
	x.RevokeOnline(x.Countersign.Key)
	x.RevokeOnline(x.Snapshot.Key)

	x.Now = x.Now.AddDate(0, 0, 5)
	x.Release("sample", "sample-1.0.post1-py3-none-any.whl", "a thief's\n", person("Erin"))
	x.RevokeKey(person("Erin"), "sample")
	second := x.NextList("sample", people("Dave", "Frank")...)
	second.Inherits = x.Package("sample").Index.Inheritance(3)
	x.PutList(second, people("Dave", "Frank")...)
	x.Release("sample", "sample-1.1-py3-none-any.whl", "sample 1.1\n", person("Frank"))
	x.Append("sample", roster.Line{Kind: roster.LineYank, Version: "0.9"})
	x.Publish(nil)

	files := map[string][]byte{"handover/kept-snapshot.json": kept}
	for name, b := range x.Files {
		if strings.HasPrefix(name, "revocations/") {
			files[sealed+name] = b
			continue
		}
		files[published+name] = b
	}
	certificates := make(map[string]string)
	for _, name := range exampleKeys {
		s := person(name)
		cert, err := pgp.Certify(rand.Reader, name, s.Key, s.Private, rostertest.Epoch)
		accepted(t, err)
		files["certificates/"+name+".asc"] = cert
		certificates[name] = string(cert)
	}
	files["handover/online-keys.json"] = onlineKeys(t, x, certificates)
	return files
}

func keptSnapshot(t *testing.T, x *rostertest.Index) []byte {
	t.Helper()
	kept, err := handover.KeptSnapshot{Repository: x.Repository, Version: 1, Snapshot: digest.Sum(x.Files[roster.SnapshotPath(1)]),
		Map: x.Map(), KeptAt: roster.At(x.Now.Add(time.Hour))}.Format()
	accepted(t, err)
	return kept
}

func onlineKeys(t *testing.T, x *rostertest.Index, certificates map[string]string) []byte {
	t.Helper()
	o := handover.OnlineKeys{Repository: x.Repository, Keys: []handover.OnlineKey{
		{Role: roster.RoleCountersign, Name: "countersign-1", Key: key(x.Countersign), Certificate: certificates["countersign-1"]},
		{Role: roster.RoleSnapshot, Name: "snapshot-1", Key: key(x.Snapshot), Certificate: certificates["snapshot-1"]},
	}}
	b, err := o.Format()
	accepted(t, err)
	return b
}

// signature says whether a file of the example differs each time it is made.
func signature(name string) bool {
	return strings.HasSuffix(name, ".asc") || name == "handover/online-keys.json"
}

// committed reads the example as it is in the repository.
func committed(t *testing.T) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	err := filepath.WalkDir(exampleDir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(exampleDir, p)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(rel)], err = os.ReadFile(p)
		return err
	})
	accepted(t, err)
	return files
}

func writeExample(t *testing.T, files map[string][]byte) {
	t.Helper()
	accepted(t, os.RemoveAll(exampleDir))
	for name, b := range files {
		file := filepath.Join(exampleDir, filepath.FromSlash(name))
		accepted(t, os.MkdirAll(filepath.Dir(file), 0o755))
		accepted(t, os.WriteFile(file, b, 0o644))
	}
}

// The committed example has the files that its history makes, and all but
// the signatures have these very bytes.
func TestSpecExampleIsWhatItsHistoryMakes(t *testing.T) {
	want := makeExample(t)
	if *update {
		writeExample(t, want)
	}
	got := committed(t)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		b, ok := got[name]
		switch {
		case !ok:
			t.Errorf("%s is missing; make the example anew with -update", name)
		case !signature(name) && !bytes.Equal(b, want[name]):
			t.Errorf("%s is not what its history makes; make the example anew with -update", name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is not of the example", name)
		}
	}
}

// exampleFetch is the published part of the committed example.
// The map without leaves is not in it: every client knows it.
func exampleFetch(files map[string][]byte) roster.Fetch {
	return func(_ context.Context, name string, limit int64) ([]byte, error) {
		if name == roster.MapPath(rostertest.EmptyMap()) {
			return []byte("map-bucket/v1 -\n"), nil
		}
		b, ok := files[published+name]
		if !ok {
			return nil, fmt.Errorf("fetching %s: %w", name, roster.ErrAbsent)
		}
		if int64(len(b)) > limit {
			return nil, fmt.Errorf("fetching %s: %d bytes, wanted at most %d", name, len(b), limit)
		}
		return b, nil
	}
}

// exampleNow is when the spec's reader looks at the example.
var exampleNow = time.Date(2026, 2, 10, 12, 0, 0, 0, time.UTC)

// walked verifies the example's rosters from the pin that the spec prints.
func walked(t *testing.T, files map[string][]byte) (first, last *roster.Roster) {
	t.Helper()
	spec, err := os.ReadFile(specFile)
	accepted(t, err)
	found := regexp.MustCompile("pinned digest is\\s+`([0-9a-f]{64})`").FindSubmatch(spec)
	if found == nil {
		t.Fatal("the spec does not say: pinned digest is `...`")
	}
	pin, err := digest.Parse(string(found[1]))
	accepted(t, err)
	fetch := exampleFetch(files)
	s, err := roster.FetchSigned(ctx, roster.RosterPath(1), roster.MaxRoster, fetch)
	accepted(t, err)
	first, err = roster.Trust(s, pin, rostertest.EmptyMap())
	accepted(t, err)
	s, err = roster.FetchSigned(ctx, roster.RosterPath(2), roster.MaxRoster, fetch)
	accepted(t, err)
	last, err = first.Succeed(s)
	accepted(t, err)
	if _, err := fetch(ctx, roster.RosterPath(3), roster.MaxRoster); !errors.Is(err, roster.ErrAbsent) {
		t.Fatalf("the example has a third roster: %v", err)
	}
	accepted(t, last.Current(exampleNow))
	return first, last
}

// openExample verifies snapshot version under r, and the index and the list
// of sample that its map leads to.
func openExample(t *testing.T, r *roster.Roster, version uint64, at time.Time, files map[string][]byte) (*roster.Index, *roster.Standing, *roster.Snapshot) {
	t.Helper()
	fetch := exampleFetch(files)
	s, err := roster.FetchSigned(ctx, roster.SnapshotPath(version), roster.MaxSnapshot, fetch)
	accepted(t, err)
	snap, err := r.OpenSnapshot(s, version, at, nil)
	accepted(t, err)
	leaf, found, err := roster.Lookup(ctx, snap.Map().Root, "sample", fetch)
	if err != nil || !found {
		t.Fatalf("sample: found %v, %v", found, err)
	}
	anchored, _, err := roster.Lookup(ctx, r.Root().Anchor, "sample", fetch)
	accepted(t, err)
	raw, err := fetch(ctx, roster.IndexPath("sample", leaf.Index), int64(leaf.IndexLength))
	accepted(t, err)
	x, err := roster.OpenIndex(raw, r.Repository(), leaf)
	accepted(t, err)
	accepted(t, x.Extends(anchored.IndexLength, anchored.Index, "the anchored index"))
	revoked := make(roster.Revoked)
	keys, err := roster.FetchKeyRevocations(ctx, x, fetch)
	accepted(t, err)
	for _, k := range keys {
		revoked.Add(k.Key(), k.Reason())
	}
	chain, err := roster.FetchChain(ctx, "sample", leaf.List, anchored.List, nil, fetch)
	accepted(t, err)
	counter, err := fetch(ctx, roster.CountersignaturePath(roster.ListPath("sample", leaf.List)), roster.MaxSignatureFile)
	accepted(t, err)
	list, err := r.OpenList(roster.Lineage{Package: "sample", Anchored: anchored.List, Chain: chain, Revoked: revoked}, leaf, counter, at)
	accepted(t, err)
	return x, list, snap
}

// From the pin in the spec down to each file, by the public API.
func TestSpecExampleVerifiesFromTheRootDown(t *testing.T) {
	files := committed(t)
	first, last := walked(t, files)
	if got := string(files[published+roster.LatestPath]); got != "2\n" {
		t.Errorf("latest is %q, wanted \"2\\n\"", got)
	}

	t.Run("snapshot 1: the package is new", func(t *testing.T) {
		_, list, snap := openExample(t, first, 1, rostertest.Epoch.AddDate(0, 0, 1).Add(time.Hour), files)
		if list.Established() || list.Version() != 1 {
			t.Errorf("list %d, established %v; wanted 1 and false", list.Version(), list.Established())
		}
		anchor, err := first.Recompute(ctx, roster.AnchorCase{Map: snap.Map().Root}, nil, exampleFetch(files))
		accepted(t, err)
		if anchor.Root() != last.Root().Anchor || anchor.Size() != 68 || snap.Map().Size != 68 {
			t.Errorf("recomputed anchor %s of %d names, wanted roster 2's %s of 68", anchor.Root(), anchor.Size(), last.Root().Anchor)
		}
	})
	t.Run("snapshot 2: the package is established", func(t *testing.T) {
		x, list, _ := openExample(t, last, 2, exampleNow, files)
		if !list.Established() || list.Version() != 2 || !slices.Equal(list.ApprovedBy(), []string{"Dave"}) {
			t.Errorf("list %d, established %v, by %q; wanted 2, true, Dave", list.Version(), list.Established(), list.ApprovedBy())
		}
		checkExampleReleases(t, x, list, files)
	})
	t.Run("the sealed revocation takes the snapshot key away", func(t *testing.T) {
		id := person("snapshot-1").Key.ID()
		name := sealed + roster.RevocationPath(id)
		rev, err := last.OpenRevocation(roster.Signed{Document: files[name], Signatures: files[name+".asc"]}, id)
		accepted(t, err)
		s, err := roster.FetchSigned(ctx, roster.SnapshotPath(2), roster.MaxSnapshot, exampleFetch(files))
		accepted(t, err)
		revoked := make(roster.Revoked)
		revoked.Add(rev.Key(), rev.Reason())
		_, err = last.OpenSnapshot(s, 2, exampleNow, revoked)
		refused(t, err, roster.LayerSnapshot, "revoked")
	})
	t.Run("what was carried to the ceremonies", func(t *testing.T) {
		o, err := handover.ParseOnlineKeys(files["handover/online-keys.json"])
		accepted(t, err)
		for i, k := range last.Root().OnlineKeys {
			if o.Keys[i].Role != k.Role || o.Keys[i].Key.ID() != k.Key.ID() {
				t.Errorf("online key %d is %s %s, wanted the roster's %s %s", i+1, o.Keys[i].Role, o.Keys[i].Key, k.Role, k.Key)
			}
		}
		kept, err := handover.ParseKeptSnapshot(files["handover/kept-snapshot.json"])
		accepted(t, err)
		if kept.Map.Root != last.Root().Anchor {
			t.Errorf("the kept snapshot names map %s, wanted the anchored %s", kept.Map.Root, last.Root().Anchor)
		}
	})
}

// checkExampleReleases judges every file that the spec's table names.
func checkExampleReleases(t *testing.T, x *roster.Index, list *roster.Standing, files map[string][]byte) {
	t.Helper()
	for _, c := range []struct {
		file              string
		by                []string
		inherited, yanked bool
	}{
		{"sample-0.9.tar.gz", nil, true, true},
		{"sample-1.0-py3-none-any.whl", nil, true, false},
		{"sample-1.1-py3-none-any.whl", []string{"Frank"}, false, false},
	} {
		r, err := list.Release(ctx, x, c.file, exampleFetch(files))
		accepted(t, err)
		if !slices.Equal(r.By(), c.by) || r.Inherited() != c.inherited || r.Yanked() != c.yanked {
			t.Errorf("%s: by %q, inherited %v, yanked %v", c.file, r.By(), r.Inherited(), r.Yanked())
		}
		content := files[published+roster.FilePath(r.File().SHA256, c.file)]
		accepted(t, r.Check(uint64(len(content)), digest.Sum(content)))
	}
	_, err := list.Release(ctx, x, "sample-1.0.post1-py3-none-any.whl", exampleFetch(files))
	refused(t, err, roster.LayerManifest, `signed by 0 of the 1 people required`)
}

func TestSpecExampleHasAnUnsignedPackageAndProvesAbsence(t *testing.T) {
	files := committed(t)
	_, last := walked(t, files)
	fetch := exampleFetch(files)
	_, _, snap := openExample(t, last, 2, exampleNow, files)
	for _, name := range []string{"absent", "sampl"} {
		if _, found, err := roster.Lookup(ctx, snap.Map().Root, name, fetch); found || err != nil {
			t.Errorf("%s: found %v, %v; wanted proven absence", name, found, err)
		}
	}
	leaf, found, err := roster.Lookup(ctx, snap.Map().Root, "plain", fetch)
	if err != nil || !found || leaf.HasList() || leaf.Status != tree.Active {
		t.Fatalf("plain: %+v, found %v, %v", leaf, found, err)
	}
	raw, err := fetch(ctx, roster.IndexPath("plain", leaf.Index), int64(leaf.IndexLength))
	accepted(t, err)
	x, err := roster.OpenIndex(raw, last.Repository(), leaf)
	accepted(t, err)
	r, err := roster.Unsigned(x, "plain-1.0.tar.gz")
	accepted(t, err)
	if !r.Unsigned() {
		t.Error("plain-1.0.tar.gz is vouched for")
	}
}

// Each file whose path has a digest is the one with that digest, and the
// certificates are of the keys that sign.
func TestSpecExampleIsAddressedByContent(t *testing.T) {
	files := committed(t)
	addressed := regexp.MustCompile(`^repository/(?:map|indexes/[^/]+|files)/([0-9a-f]{64})(?:/[^/]+)?$|^repository/(?:lists/[^/]+|releases/[^/]+|key-revocations)/([0-9a-f]{64})\.json$`)
	n := 0
	for name, b := range files {
		if m := addressed.FindStringSubmatch(name); m != nil {
			n++
			if got := digest.Sum(b).String(); got != m[1]+m[2] {
				t.Errorf("%s has digest %s", name, got)
			}
		}
	}
	if n < 90 {
		t.Errorf("%d files are addressed by content, wanted the map, the indexes and the rest", n)
	}
	for _, name := range exampleKeys {
		found, err := pgp.KeysIn(files["certificates/"+name+".asc"])
		accepted(t, err)
		if len(found) != 1 || found[0].Key.ID() != person(name).Key.ID() {
			t.Errorf("the certificate of %s is of another key", name)
		}
	}
}

// A quote is a fenced block of the spec, opened by ```example <path>: its
// lines stand so in that file. A line of three dots stands for any others.
var quote = regexp.MustCompile("(?ms)^```example (\\S+)\n(.*?)^```$")

func TestSpecQuotesTheExample(t *testing.T) {
	spec, err := os.ReadFile(specFile)
	accepted(t, err)
	files := committed(t)
	quotes := quote.FindAllStringSubmatch(string(spec), -1)
	if n := strings.Count(string(spec), "```example"); n != len(quotes) || n < 6 {
		t.Errorf("read %d quotes of %d, wanted all, and at least 6", len(quotes), n)
	}
	for _, q := range quotes {
		b, ok := files[q[1]]
		if !ok {
			t.Errorf("the spec quotes %s, which the example has not", q[1])
			continue
		}
		rest := string(b)
		for part := range strings.SplitSeq(q[2], "...\n") {
			at := strings.Index(rest, part)
			if at < 0 || at > 0 && part != "" && rest[at-1] != '\n' {
				t.Errorf("%s does not say:\n%s", q[1], part)
				break
			}
			rest = rest[at+len(part):]
		}
		if !strings.HasSuffix(q[2], "...\n") && rest != "" {
			t.Errorf("the quote of %s ends before the file does", q[1])
		}
	}
}

func TestSpecDigestsAreOfTheExample(t *testing.T) {
	spec, err := os.ReadFile(specFile)
	accepted(t, err)
	known := map[string]bool{rostertest.EmptyMap().String(): true}
	hex := regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	for name, b := range committed(t) {
		known[digest.Sum(b).String()] = true
		for _, d := range hex.FindAllString(name+"\n"+string(b), -1) {
			known[d] = true
		}
	}
	for _, name := range exampleKeys {
		known[person(name).Key.ID().String()], known[person(name).Key.Material().String()] = true, true
	}
	for _, name := range []string{"sample", "absent"} {
		known[tree.Position(name).String()] = true
	}
	digests := hex.FindAllString(string(spec), -1)
	if len(digests) < 10 {
		t.Errorf("the spec prints %d digests, wanted at least 10", len(digests))
	}
	for _, d := range digests {
		if !known[d] {
			t.Errorf("the spec prints digest %s, which is of nothing in the example", d)
		}
	}
	for _, p := range regexp.MustCompile("`(repository/[^`]*|sealed/[^`]*)`").FindAllStringSubmatch(string(spec), -1) {
		if _, err := os.Stat(path.Join(exampleDir, p[1])); err != nil {
			t.Errorf("the spec names %s: %v", p[1], err)
		}
	}
}

// The limits that the spec's table prints are the ones that the code has.
func TestSpecLimitsAreTheCodes(t *testing.T) {
	spec, err := os.ReadFile(specFile)
	accepted(t, err)
	for _, l := range []struct {
		what string
		is   int
	}{
		{"root roster", roster.MaxRoster}, {"revocation of either kind", roster.MaxRevocation}, {"snapshot", roster.MaxSnapshot},
		{"`latest`", roster.MaxLatest}, {"node or bucket of the map", tree.MaxFile}, {"leaf line", tree.MaxLine},
		{"release index", roster.MaxIndex}, {"line of a release index", roster.MaxLine}, {"maintainer list", roster.MaxList},
		{"release manifest", roster.MaxManifest}, {"signature file", roster.MaxSignatureFile}, {"card's attestation", roster.MaxAttestation},
		{"public-key packet", pgp.MaxPublicKey}, {"name of a person, or a reason", roster.MaxName}, {"package name", pypi.MaxName},
		{"version", pypi.MaxVersion}, {"file name", pypi.MaxFilename}, {"keyholders", roster.MaxKeyholders},
		{"online keys", roster.MaxOnlineKeys}, {"revoked keys in a roster", roster.MaxRevoked}, {"revoked keys in a snapshot", roster.MaxSnapshotRevoked},
		{"`snapshot_lifetime`, seconds", roster.MaxSnapshotLifetime}, {"maintainers in a list", roster.MaxMaintainers},
		{"keys in a list", roster.MaxListKeys}, {"lines left out by a list", roster.MaxExcept}, {"files in a manifest", roster.MaxFiles},
		{"signatures in a file", pgp.MaxSignatures}, {"lines in a bucket", tree.MaxLines}, {"digits of a prefix", tree.MaxDepth},
		{"successions since the anchor", roster.MaxSuccessions}, {"seconds a snapshot may be ahead", int(roster.MaxSkew / time.Second)},
		{"handover file", handover.MaxFile},
	} {
		if row := fmt.Sprintf("| %s | %d |", l.what, l.is); !bytes.Contains(spec, []byte(row)) {
			t.Errorf("the spec has no row %q", row)
		}
	}
}

// Each rule stands once, as **ID**, and each ID that the text names is a rule.
func TestSpecRulesHaveOneIDEach(t *testing.T) {
	spec, err := os.ReadFile(specFile)
	accepted(t, err)
	rules := make(map[string]int)
	for _, m := range regexp.MustCompile(`\*\*([A-Z]+-[0-9]+)\*\*`).FindAllSubmatch(spec, -1) {
		rules[string(m[1])]++
	}
	if len(rules) < 60 {
		t.Errorf("the spec has %d rules, wanted at least 60", len(rules))
	}
	for id, n := range rules {
		if n != 1 {
			t.Errorf("rule %s stands %d times", id, n)
		}
	}
	prefixes := make(map[string]bool)
	for id := range rules {
		prefixes[id[:strings.IndexByte(id, '-')]] = true
	}
	for _, id := range regexp.MustCompile(`\b([A-Z]+)-[0-9]+\b`).FindAllStringSubmatch(string(spec), -1) {
		if prefixes[id[1]] && rules[id[0]] == 0 {
			t.Errorf("the spec names rule %s, which is nowhere", id[0])
		}
	}
}
