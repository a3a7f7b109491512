package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/pypi"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

const written = "../../docs/vectors"

// The committed files are what the generator makes, byte for byte, and no file
// is left over.
func TestFilesAreWhatTheGeneratorMakes(t *testing.T) {
	want := files()
	size := 0
	err := filepath.WalkDir(written, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(path) == readme {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, written+string(filepath.Separator)))
		b, err := os.ReadFile(path)
		size += len(b)
		if !bytes.Equal(b, want[name]) {
			t.Errorf("%s is not what the generator makes; run: go run ./tools/vectors", name)
		}
		delete(want, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		t.Errorf("%s is missing; run: go run ./tools/vectors", name)
	}
	if size > 2<<20 {
		t.Errorf("the vectors have %d bytes, wanted at most 2 MiB", size)
	}
}

// load reads index.jsonl and the files that it names, as a stranger would.
func load(t *testing.T) []vector {
	t.Helper()
	f, err := os.Open(filepath.Join(written, indexFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []vector
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v vector
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		if v.File != "" {
			if v.content, err = os.ReadFile(filepath.Join(written, filepath.FromSlash(v.File))); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, v)
	}
	return all
}

func TestNamesDiffer(t *testing.T) {
	seen := make(map[string]bool)
	for _, v := range load(t) {
		if seen[v.Name] || seen["file "+v.File] && v.File != "" {
			t.Errorf("%s (%s) is there twice", v.Name, v.File)
		}
		seen[v.Name], seen["file "+v.File] = true, true
	}
}

// Each rule that can be shown has a vector that is refused for it.
func TestEveryRuleThatCanBeShownHasAVector(t *testing.T) {
	spec, err := os.ReadFile("../../docs/spec.md")
	if err != nil {
		t.Fatal(err)
	}
	has := make(map[string]bool)
	for _, v := range load(t) {
		has[v.Rule] = true
	}
	for line := range strings.Lines(string(spec)) {
		rule, ok := strings.CutPrefix(line, "- **")
		if !ok {
			continue
		}
		rule, _, _ = strings.Cut(rule, "**")
		if !has[rule] && elsewhere[rule] == "" {
			t.Errorf("no vector for %s", rule)
		}
		if has[rule] && elsewhere[rule] != "" {
			t.Errorf("%s has a vector: take it out of elsewhere", rule)
		}
	}
}

// elsewhere says of the rules without a vector where they are shown.
var elsewhere = map[string]string{
	"FETCH-3": "HTTP: the conformance suite", "FETCH-5": "HTTP: the conformance suite",
	"SIG-8":   "nobody has two packets of one SHA-1",
	"WALK-1":  "the pin is made by init: CLI-1",
	"WALK-12": "256 rosters are too many for a file: the conformance suite",
	"MEM-7":   "a state directory is the client's own: the conformance suite",
	"MEM-8":   "several files in one process: the conformance suite",
	"CLI-3":   "command lines: the conformance suite", "CLI-4": "files: the conformance suite", "CLI-5": "files: the conformance suite",
	"ANCHOR-1": ceremony, "ANCHOR-2": ceremony, "ANCHOR-3": ceremony, "ANCHOR-4": ceremony, "ANCHOR-5": ceremony,
	"HANDOVER-1": ceremony, "HANDOVER-2": ceremony, "HANDOVER-3": ceremony,
}

const ceremony = "no client does this: the tests of roster and of internal/handover"

func TestOurOwnParsersAgree(t *testing.T) {
	judges := map[string]func(*testing.T, vector) error{
		"value": judgeValue, "normal": judgeNormal, "filename": judgeFilename, "key": judgeKey,
		"document": judgeDocument, "index": judgeIndex, "map": judgeMap, "build": judgeBuild,
	}
	count := make(map[string]int)
	for _, v := range load(t) {
		judge := judges[v.Kind]
		if judge == nil {
			continue
		}
		err := judge(t, v)
		if (err == nil) != (v.Verdict == accept) || v.Verdict != accept && v.Verdict != refuse {
			t.Errorf("%s (%s, %s): got %v, wanted %s", v.Name, v.Rule, v.Why, err, v.Verdict)
		}
		if err != nil && testing.Verbose() {
			t.Logf("%s (%s): %v", v.Name, v.Rule, err)
		}
		count[v.Kind+" "+v.Verdict]++
	}
	t.Log(count)
	for kind := range judges {
		if count[kind+" "+accept] == 0 || count[kind+" "+refuse] == 0 && kind != "build" {
			t.Errorf("of kind %s too few were judged", kind)
		}
	}
}

// judgeValue puts the value in a document, in place of one of its type.
func judgeValue(_ *testing.T, v vector) error {
	x := newIndex()
	raw := x.Files[roster.RosterPath(1)]
	list := must(roster.NewList(x.FirstList("sample", person("Dave")))).Bytes()
	put := func(b []byte, old string) []byte {
		if !bytes.Contains(b, []byte(old)) {
			panic("no " + old)
		}
		with := *v.Input
		if v.Verdict == accept || strings.Contains(with, `\u`) {
			with = respelt(with)
		}
		return bytes.Replace(b, []byte(old), []byte(with), 1)
	}
	parse := func(b []byte) error { _, err := roster.ParseDraft(b); return err }
	switch v.Type {
	case "number":
		return parse(bytes.Replace(raw, []byte(`"snapshot_floor": 0`), []byte(`"snapshot_floor": `+*v.Input), 1))
	case "digest":
		return parse(put(raw, `"`+rostertest.EmptyMap().String()+`"`))
	case "ref":
		second := bytes.Replace(raw, []byte(`"version": 1`), []byte(`"version": 2`), 1)
		if *v.Input == `""` {
			second = raw
		}
		return parse(put(second, `""`))
	case "time":
		r := x.Roster.Root()
		r.Revoked = []roster.RevokedKey{{Key: key(person("Mallory")), Reason: "stolen", At: r.Expires}}
		s := must(roster.NewDraft(r)).Bytes()
		at := bytes.LastIndex(s, []byte(`"at": `)) + len(`"at": `)
		return parse(append(bytes.Clone(s[:at]), put(s[at:], `"`+r.Expires.String()+`"`)...))
	case "repository":
		return parse(put(raw, `"packages.example"`))
	case "name":
		return parse(put(raw, `"Alice"`))
	case "key":
		return parse(put(raw, `"`+keyText("Alice")+`"`))
	case "package":
		_, err := roster.ParseList(put(list, `"sample"`))
		return err
	}
	panic("unknown type " + v.Type)
}

// respelt prints a JSON value as documents do, if it is one.
func respelt(text string) string {
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return text
	}
	return strings.TrimSpace(string(show(v)))
}

func judgeNormal(t *testing.T, v vector) error {
	normalise, normal := pypi.NormalizeVersion, pypi.IsNormalVersion
	if v.Type == "package" {
		normalise, normal = pypi.NormalizeName, pypi.IsNormal
	}
	got, err := normalise(*v.Input)
	if got != v.Normal || normal(*v.Input) != (*v.Input == v.Normal && err == nil) {
		t.Errorf("%s: got %q, wanted %q", v.Name, got, v.Normal)
	}
	return err
}

type refusal string

func (r refusal) Error() string { return string(r) }

func judgeFilename(_ *testing.T, v vector) error {
	if !pypi.BelongsTo(*v.Input, v.Package, v.Version) {
		return refusal("it does not belong")
	}
	return nil
}

func judgeKey(t *testing.T, v vector) error {
	k, err := pgp.ParsePublicKey(must(base64.StdEncoding.DecodeString(*v.Input)))
	if err != nil {
		return err
	}
	fingerprint := k.Fingerprint()
	if k.ID().String() != v.ID || k.Material().String() != v.Material || hex.EncodeToString(fingerprint[:]) != v.Fingerprint {
		t.Errorf("%s: got id %s, material %s, fingerprint %x", v.Name, k.ID(), k.Material(), fingerprint)
	}
	return nil
}

func judgeDocument(t *testing.T, v vector) (err error) {
	if digest.Sum(v.content).String() != v.Digest {
		t.Errorf("%s has another digest than %s", v.File, v.Digest)
	}
	switch v.Type {
	case "root-roster/v1":
		_, err = roster.ParseDraft(v.content)
	case "maintainer-list/v1":
		_, err = roster.ParseList(v.content)
	case "release-manifest/v1":
		_, err = roster.ParseManifest(v.content)
	case "revocation/v1":
		_, err = roster.RevocationRoster(v.content)
	case "key-revocation/v1":
		_, err = roster.OpenKeyRevocation(signed(v.content, "Dave"), rostertest.Repository)
	case "snapshot/v1":
		x := newIndex()
		_, err = x.Roster.OpenSnapshot(signed(v.content, "snapshot-1"), 1, x.Now, nil)
	default:
		t.Fatalf("%s: unknown type %s", v.Name, v.Type)
	}
	return err
}

func signed(document []byte, by string) roster.Signed {
	return roster.Signed{Document: document, Signatures: rostertest.Sign(stop{}, document, person(by))}
}

func judgeIndex(_ *testing.T, v vector) error {
	_, err := roster.ParseIndex(v.content, v.Repository, v.Package)
	return err
}

func judgeMap(_ *testing.T, v vector) error {
	if bytes.HasPrefix(v.content, []byte("map-node/")) {
		_, err := tree.ParseNode(v.Prefix, v.content)
		return err
	}
	_, err := tree.ParseBucket(v.Prefix, v.content)
	return err
}

func judgeBuild(t *testing.T, v vector) error {
	var set []tree.Leaf
	for l := range strings.Lines(string(v.content)) {
		set = append(set, must(tree.ParseLeaf(strings.TrimSuffix(l, "\n"))))
	}
	root, _, err := tree.Build(set, nil)
	if root.String() != v.Root {
		t.Errorf("%s: root %s, wanted %s", v.Name, root, v.Root)
	}
	return err
}

func TestOurOwnVerifierAgrees(t *testing.T) {
	judged := 0
	for _, v := range load(t) {
		if v.Kind != "signature" {
			continue
		}
		judged++
		got, ids, want := judgeSignature(v)
		if got != v.Verdict || got == accept && !slices.Equal(ids, want) {
			t.Errorf("%s (%s): got %s by %v, wanted %s by %v", v.Name, v.Rule, got, ids, v.Verdict, want)
		}
	}
	if judged < 40 {
		t.Errorf("%d signature files were judged", judged)
	}
}

func judgeSignature(v vector) (verdict string, ids, want []string) {
	var asked []*pgp.PublicKey
	for _, k := range v.Keys {
		p, err := pgp.ParsePublicKey(must(base64.StdEncoding.DecodeString(k.Key)))
		if err != nil {
			return refuse, nil, nil
		}
		asked = append(asked, p)
		if k.Signed {
			want = append(want, p.ID().String())
		}
	}
	slices.Sort(want)
	file, err := pgp.ParseSignatures(v.content)
	if err != nil {
		return refuse, nil, want
	}
	signers, err := file.Verify(must(base64.StdEncoding.DecodeString(*v.Document)), asked)
	switch {
	case err != nil:
		return refuse, nil, want
	case len(signers) == 0:
		return ignore, nil, want
	}
	for _, id := range signers {
		ids = append(ids, id.String())
	}
	slices.Sort(ids)
	return accept, ids, want
}
