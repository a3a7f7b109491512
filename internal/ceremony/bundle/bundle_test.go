package bundle

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/roster/digest"
)

const longPath = "draft/lists/a-package-with-a-rather-long-name/0123456789012345678901234567890123456789012345678901234567890123.json.asc"

func someManifest() Manifest {
	return Manifest{Kind: Draft, Ceremony: "2026-11-first", Repository: "rehearsal.example", Version: 2, Roster: digest.Sum([]byte("roster"))}
}

func someFiles() map[string][]byte {
	return map[string][]byte{
		"plan.yaml":         []byte("ceremony: 2026-11-first\n"),
		"draft/root/2.json": bytes.Repeat([]byte("x"), blockSize),
		"draft/empty":       nil,
		longPath:            bytes.Repeat([]byte("y"), blockSize+1),
	}
}

func made(t testing.TB) []byte {
	t.Helper()
	b, err := Make(someManifest(), someFiles())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if b.Digest() != digest.Sum(raw) {
		t.Error("Make gives another digest than its bytes have")
	}
	return raw
}

func TestSameContentSameBytes(t *testing.T) {
	if !bytes.Equal(made(t), made(t)) {
		t.Error("two bundles of the same files differ")
	}
}

func TestOpenGivesWhatWasMade(t *testing.T) {
	raw := made(t)
	b, err := Open(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if b.Digest() != digest.Sum(raw) || b.Manifest().Ceremony != "2026-11-first" {
		t.Errorf("it opens as %+v, %s", b.Manifest(), b.Digest())
	}
	for path, want := range someFiles() {
		if got, ok := b.File(path); !ok || !bytes.Equal(got, want) {
			t.Errorf("%s reads otherwise than it was written", path)
		}
	}
	if again, err := b.Bytes(); err != nil || !bytes.Equal(again, raw) {
		t.Errorf("what was opened does not print back: %v", err)
	}
}

// TestStandardTools: Go's reader of tar archives and the machine's own see the
// files, and Go's writer makes the same headers.
func TestStandardTools(t *testing.T) {
	raw := made(t)
	var want []string
	for r := tar.NewReader(bytes.NewReader(raw)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, h.Name)
		if file := someFiles()[h.Name]; h.Name != manifestName && !bytes.Equal(content, file) {
			t.Errorf("%s has other bytes", h.Name)
		}
		var again bytes.Buffer
		if err := tar.NewWriter(&again).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: h.Name, Size: h.Size, Mode: 0o644, Format: tar.FormatUSTAR, ModTime: time.Unix(0, 0)}); err != nil {
			t.Fatal(err)
		}
		if ours, _ := header(h.Name, uint64(h.Size)); !bytes.Equal(again.Bytes(), ours[:]) {
			t.Errorf("our header of %s is not the one that archive/tar writes", h.Name)
		}
	}
	if !slices.Equal(want, []string{"bundle.json", "draft/empty", longPath, "draft/root/2.json", "plan.yaml"}) {
		t.Errorf("the files are %q", want)
	}
	command := exec.Command("tar", "-tf", "-")
	command.Stdin = bytes.NewReader(raw)
	out, err := command.Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("no tar on this machine")
	}
	if err != nil || string(out) != strings.Join(want, "\n")+"\n" {
		t.Errorf("tar lists %q, %v", out, err)
	}
}

// An archive is built entry by entry, without the care of Make.
func archive(manifest []byte, entries ...[]byte) []byte {
	all := [][]byte{entry(manifestName, manifest)}
	all = append(append(all, entries...), make([]byte, 2*blockSize))
	return bytes.Join(all, nil)
}

func entry(path string, content []byte) []byte {
	var b bytes.Buffer
	if err := writeEntry(&b, path, content); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// with prints a manifest of one file a, with a change to it.
func with(change func(*Manifest)) []byte {
	m := someManifest()
	m.Type, m.Files = manifestType, []File{{"a", 1, digest.Sum([]byte("A"))}}
	if change != nil {
		change(&m)
	}
	raw, err := m.format()
	if err != nil {
		panic(err)
	}
	return raw
}

// named is a right archive of one file at a path that Make would refuse.
func named(path string) []byte {
	return archive(with(func(m *Manifest) { m.Files[0].Path = path }), entry(path, []byte("A")))
}

func typed(flag byte, link string) []byte {
	e := entry("a", []byte("A"))
	e[atType] = flag
	copy(e[157:], link)
	resum(e)
	return archive(with(nil), e)
}

// resum mends a header's checksum.
func resum(e []byte) {
	copy(e[atChecksum:], "        ")
	sum := 0
	for _, c := range e[:blockSize] {
		sum += int(c)
	}
	copy(e[atChecksum:], []byte{'0' + byte(sum>>15&7), '0' + byte(sum>>12&7), '0' + byte(sum>>9&7), '0' + byte(sum>>6&7), '0' + byte(sum>>3&7), '0' + byte(sum&7), 0, ' '})
}

func patched(at int, what string) []byte {
	e := entry("a", []byte("A"))
	copy(e[at:], what)
	resum(e)
	return archive(with(nil), e)
}

// TestAttacks tries what archives have done to those who opened them. Each is
// refused, and by Extract's folder nothing is found.
func TestAttacks(t *testing.T) {
	a, good := entry("a", []byte("A")), archive(with(nil), entry("a", []byte("A")))
	if _, err := Open(bytes.NewReader(good)); err != nil {
		t.Fatal("the bundle from which the attacks are made is refused: ", err)
	}
	padded := slices.Clone(good)
	padded[len(padded)-2*blockSize-1] = 1
	two := func(m *Manifest) { m.Files = append(m.Files, m.Files[0]) }
	reject := map[string][]byte{
		"leaves its folder":         named("../a"),
		"leaves it later":           named("x/../../a"),
		"absolute path":             named("/a"),
		"a drive":                   named("c:a"),
		"backslashes":               named("..\\a"),
		"empty part":                named("x//a"),
		"current folder":            named("./a"),
		"trailing slash":            named("a/"),
		"trailing dot":              named("a."),
		"hidden file":               named(".ssh/authorized_keys"),
		"looks like a flag":         named("-rf"),
		"upper case":                named("A"),
		"not ASCII":                 named("\u00e4"),
		"control character":         named("a\x1b[2j"),
		"NUL":                       named("a\x00b"),
		"too long":                  named(strings.Repeat("a/", 104) + "a"),
		"over the manifest":         archive(with(func(m *Manifest) { m.Files[0].Path = manifestName }), entry(manifestName, []byte("A"))),
		"symbolic link":             typed('2', "/etc/passwd"),
		"hard link":                 typed('1', "/etc/passwd"),
		"character device":          typed('3', ""),
		"block device":              typed('4', ""),
		"folder":                    typed('5', ""),
		"pipe":                      typed('6', ""),
		"extended header":           typed('x', ""),
		"global extended header":    typed('g', ""),
		"GNU long name":             typed('L', ""),
		"GNU sparse file":           typed('S', ""),
		"mode setuid":               patched(atMode, "0004755"),
		"owner":                     patched(atUID, "0001750"),
		"time":                      patched(atTime, "00000000001"),
		"bytes behind the name":     patched(atName+2, "junk"),
		"bytes behind the header":   patched(500, "junk"),
		"base-256 size":             patched(atSize, "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"),
		"one byte in the padding":   padded,
		"a file too many":           archive(with(nil), a, entry("b", []byte("B"))),
		"a file doubled":            archive(with(nil), a, a),
		"a file twice in manifest":  archive(with(two), a, a),
		"a file missing":            archive(with(nil)),
		"other bytes":               archive(with(nil), entry("a", []byte("B"))),
		"other size":                archive(with(nil), entry("a", []byte("AA"))),
		"other order":               archive(with(func(m *Manifest) { m.Files = []File{{"b", 1, digest.Sum([]byte("A"))}, m.Files[0]} }), entry("b", []byte("A")), a),
		"a file that is a folder":   archive(with(func(m *Manifest) { m.Files = append(m.Files, File{"a/b", 1, digest.Sum([]byte("A"))}) }), a, entry("a/b", []byte("A"))),
		"trailing byte":             append(slices.Clone(good), 0),
		"trailing archive":          append(slices.Clone(good), good...),
		"no end":                    good[:len(good)-blockSize],
		"nothing":                   nil,
		"manifest not first":        bytes.Join([][]byte{a, entry(manifestName, with(nil)), make([]byte, 2*blockSize)}, nil),
		"manifest with a new field": archive(bytes.Replace(with(nil), []byte(`"kind"`), []byte(`"x": 1, "kind"`), 1), a),
		"manifest spelt otherwise":  archive(bytes.ReplaceAll(with(nil), []byte(": "), []byte(":")), a),
		"manifest with more behind": archive(append(with(nil), ' '), a),
		"manifest too long":         append(hugeHeader(MaxManifest+1), good...),
		"unknown kind":              archive(with(func(m *Manifest) { m.Kind = "secrets" }), a),
		"unknown type":              archive(with(func(m *Manifest) { m.Type = "ceremony-bundle/v2" }), a),
		"no files":                  archive(with(func(m *Manifest) { m.Files = []File{} })),
		"no roster":                 archive(bytes.Replace(with(nil), []byte(someManifest().Roster.String()), bytes.Repeat([]byte("0"), 64), 1), a),
		"no version":                archive(with(func(m *Manifest) { m.Version = 0 }), a),
		"hostile ceremony":          archive(with(func(m *Manifest) { m.Ceremony = "x\u202ey" }), a),
		"hostile repository":        archive(with(func(m *Manifest) { m.Repository = "../x" }), a),
		"file too long":             archive(with(func(m *Manifest) { m.Files[0].Size = MaxFile + 1 }), a),
		"too long together":         archive(with(tooMuch), a),
	}
	for what, raw := range reject {
		var refused *RefusedError
		if b, err := Open(bytes.NewReader(raw)); !errors.As(err, &refused) || b != nil {
			t.Errorf("%s: answer is %v, want a RefusedError", what, err)
		}
	}
}

func hugeHeader(size uint64) []byte {
	h, err := header(manifestName, size)
	if err != nil {
		panic(err)
	}
	return h[:]
}

func tooMuch(m *Manifest) {
	m.Files = nil
	for i := range MaxContent/MaxFile + 1 {
		m.Files = append(m.Files, File{string([]byte{'a' + byte(i/26), 'a' + byte(i%26)}), MaxFile, digest.Sum(nil)})
	}
}

// TestEveryByteCounts changes each byte, and cuts the bundle at each place.
func TestEveryByteCounts(t *testing.T) {
	raw, whole := made(t), digest.Sum(made(t))
	for i := range raw {
		b := slices.Clone(raw)
		b[i] ^= 0x20
		if opened, err := Open(bytes.NewReader(b)); err == nil && opened.Digest() == whole {
			t.Fatalf("byte %d was changed and the digest is the same", i)
		} else if err == nil && i >= blockSize+len(opened.raw) {
			t.Fatalf("byte %d, which is behind the manifest, was changed and nobody noticed", i)
		}
		if _, err := Open(bytes.NewReader(raw[:i])); err == nil {
			t.Fatalf("the first %d bytes pass for a bundle", i)
		}
	}
}

func TestMakeRefusesWhatOpenWould(t *testing.T) {
	for what, files := range map[string]map[string][]byte{
		"a path that leaves":      {"../a": nil},
		"a file that is a folder": {"a": nil, "a/b": nil},
		"no files":                {},
		"a file too long":         {"a": make([]byte, MaxFile+1)},
	} {
		var refused *RefusedError
		if _, err := Make(someManifest(), files); !errors.As(err, &refused) {
			t.Errorf("%s: answer is %v, want a RefusedError", what, err)
		}
	}
}

func TestExtract(t *testing.T) {
	b, err := Open(bytes.NewReader(made(t)))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "new")
	if err := b.Extract(dir); err != nil {
		t.Fatal(err)
	}
	found := make(map[string][]byte)
	if err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		found[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(found) != len(someFiles()) {
		t.Errorf("%d files were written, want %d", len(found), len(someFiles()))
	}
	for path, want := range someFiles() {
		if !bytes.Equal(found[path], want) {
			t.Errorf("%s was written otherwise", path)
		}
	}
}

// TestExtractOverwritesNothing: neither a folder, nor what a link leads to.
func TestExtractOverwritesNothing(t *testing.T) {
	b, err := Open(bytes.NewReader(made(t)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "link")); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	for _, out := range []string{dir, filepath.Join(dir, "link")} {
		var exists *durable.ExistsError
		if err := b.Extract(out); !errors.As(err, &exists) {
			t.Errorf("extracting to %s answers %v, want an ExistsError", out, err)
		}
	}
	if err := b.Extract(filepath.Join(dir, "missing", "new")); err == nil {
		t.Error("it was extracted below a folder that does not exist")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("refused extractions left %v, %v", left, err)
	}
}

// TestBrokenReader: a fault of the medium is not called a forged bundle.
func TestBrokenReader(t *testing.T) {
	fault := errors.New("the stick was pulled")
	raw := made(t)
	for _, n := range []int{0, 100, len(raw) / 2, len(raw) - 1, len(raw)} {
		var refused *RefusedError
		_, err := Open(io.MultiReader(bytes.NewReader(raw[:n]), failing{fault}))
		if !errors.Is(err, fault) || errors.As(err, &refused) {
			t.Errorf("a fault after %d bytes gives %v", n, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// FuzzOpen: whatever opens prints back to the same bytes, has only plain paths
// and holds what its manifest says.
func FuzzOpen(f *testing.F) {
	f.Add(made(f))
	f.Add(archive(with(nil), entry("a", []byte("A"))))
	f.Add(named("../a"))
	f.Add(typed('2', "/etc/passwd"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := Open(bytes.NewReader(raw))
		if err != nil {
			if b != nil {
				t.Fatal("something is returned with an error")
			}
			return
		}
		if again, err := b.Bytes(); err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("it does not print back to the same bytes: %v", err)
		}
		for _, file := range b.Manifest().Files {
			if !filepath.IsLocal(filepath.FromSlash(file.Path)) || !fs.ValidPath(file.Path) {
				t.Fatalf("it holds %q", file.Path)
			}
			if content, ok := b.File(file.Path); !ok || digest.Sum(content) != file.SHA256 {
				t.Fatalf("%q is not what the manifest says", file.Path)
			}
		}
		if len(b.Files()) != len(b.Manifest().Files) {
			t.Fatal("it holds files that the manifest does not name")
		}
		var m Manifest
		if json.Unmarshal(b.raw, &m) != nil {
			t.Fatal("its manifest is no JSON")
		}
	})
}
