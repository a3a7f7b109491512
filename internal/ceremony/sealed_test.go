package ceremony

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/roster/digest"
)

// envelopes is a stage after two ceremonies, with what each sealed.
func envelopes(t *testing.T) *stage {
	t.Helper()
	s := founded(t, rehearsal)
	if _, err := s.chainOfTwo(); err != nil {
		t.Fatal(err)
	}
	return s
}

func typing(name string) *paper {
	return &paper{types: map[string]string{"Type the ceremony's name": name}}
}

// TestOpenSealed opens the newest envelope: what comes out revokes the keys for
// whoever reads it, and the envelope stays as it was.
func TestOpenSealed(t *testing.T) {
	s := envelopes(t)
	at := second.AddDate(0, 1, 0)
	before := filesBelow(t, s.path("out-2", "sealed"))
	_, err := HoldSealed(t.Context(), s.opening(at), typing("something"), at)
	refusedWith(t, err, "is not emergency; nothing was done")
	desk := typing("emergency")
	files, err := HoldSealed(t.Context(), s.opening(at), desk, at)
	if err != nil || len(files) != 4 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, want := range []string{"REVOKES online countersign key", "NO snapshot KEY IS LEFT that counts now: clients refuse the whole index", `"as it happened"`} {
		if !desk.heard(want) {
			t.Errorf("the room did not hear %q:\n%s", want, strings.Join(desk.said, "\n"))
		}
	}
	if after := filesBelow(t, s.path("out-2", "sealed")); !slices.Equal(after, before) {
		t.Errorf("the envelope was changed: %v, before %v", after, before)
	}
	if err := os.CopyFS(s.path("chain-of-out-2", "revocations"), os.DirFS(s.path("opened", "revocations"))); err != nil {
		t.Fatal(err)
	}
	p := s.plan("renewal", 3, at, "Alice", "Bob", "Carol") + "anchor: keep\nprevious: {directory: chain-of-out-2, pin: " + s.pin.String() + "}\n"
	if c := s.mustLoad(p, at); len(c.Opened) != 2 {
		t.Errorf("%d keys are revoked for the next ceremony, want both", len(c.Opened))
	}
	_, err = HoldSealed(t.Context(), s.opening(at), desk, at)
	refusedWith(t, err, "this was done at")
	if got := events(t, s, "sealed-record"); !slices.Equal(got, []string{"opened", "checked", "checked", "breaking the seal", "revocations opened"}) {
		t.Errorf("events are %v", got)
	}
}

// TestOpenSealedResumes after a crash between the output's name and the record's
// last entry, and not for another plan.
func TestOpenSealedResumes(t *testing.T) {
	s := envelopes(t)
	c := s.opening(second)
	r, err := NewRecord(t.Context(), s.path("sealed-record"), Opening{Ceremony: "emergency", Repository: rehearsal, Plan: digest.Sum(c.Raw)}, second, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Note(second, "open", eventBreaking, nil), r.Close()); err != nil {
		t.Fatal(err)
	}
	c.Record = s.path("sealed-record")
	if _, err := OpenSealed(t.Context(), c, s.path("opened")); err != nil {
		t.Fatal(err)
	}
	other := s.mustLoad(strings.Replace(string(c.Raw), "ceremony: emergency", "ceremony: other", 1), second)
	_, err = HoldSealed(t.Context(), other, typing("other"), second)
	refusedWith(t, err, "OUTPUT-FREE")
	if files, err := HoldSealed(t.Context(), s.opening(second), typing("emergency"), second); err != nil || len(files) != 4 {
		t.Errorf("going on: %v, %v", files, err)
	}
}

// TestSealedIsJudged: what was in the envelope is trusted for nothing.
func TestSealedIsJudged(t *testing.T) {
	s := envelopes(t)
	good := s.path("good")
	if err := os.CopyFS(good, os.DirFS(s.path("out-2", "sealed"))); err != nil {
		t.Fatal(err)
	}
	document := func() (names []string) {
		names, _ = filepath.Glob(s.path("out-2", "sealed", "revocations", "*.json"))
		return names
	}
	write := func(name string, b []byte) { s.write(strings.TrimPrefix(name, s.dir+"/"), b) }
	for what, c := range map[string]struct {
		turn func()
		text string
	}{
		"a signature taken away": {func() { os.Remove(document()[0] + ".asc") }, "SEALED-VALID"},
		"a document changed": {func() {
			b, _ := os.ReadFile(document()[0])
			write(document()[0], []byte(strings.Replace(string(b), "emergency", "emergencY", 1)))
		}, "SEALED-VALID"},
		"one in another's place": {func() {
			b, _ := os.ReadFile(document()[0])
			write(document()[1], b)
		}, "SEALED-VALID"},
		"a note beside": {func() { s.write("out-2/sealed/notes.txt", []byte("x")) }, "SEALED-ENVELOPE"},
		"no label":      {func() { os.Remove(s.path("out-2", "sealed", "label.txt")) }, "SEALED-ENVELOPE"},
	} {
		os.RemoveAll(s.path("out-2", "sealed"))
		if err := os.CopyFS(s.path("out-2", "sealed"), os.DirFS(good)); err != nil {
			t.Fatal(err)
		}
		c.turn()
		_, err := HoldSealed(t.Context(), s.opening(second), typing("emergency"), second)
		refusedWith(t, err, c.text)
		for _, left := range []string{"opened", "sealed-record"} {
			if _, err := os.Stat(s.path(left)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %s was left: %v", what, left, err)
			}
		}
	}
}

// TestDestroySealed destroys the envelope that a newer roster supersedes, and no
// other; the record has every file's digest.
func TestDestroySealed(t *testing.T) {
	s := envelopes(t)
	newest := s.mustLoad(s.sealedPlan(plan.DestroyRevocations, "out-2/sealed", "chain-of-out-2"), second)
	_, err := HoldSealed(t.Context(), newest, typing("emergency"), second)
	refusedWith(t, err, "SEALED-SUPERSEDED")
	files, err := HoldSealed(t.Context(), s.destroying(second), typing("emergency"), second)
	if err != nil || len(files) != 5 {
		t.Fatalf("%v, %v", files, err)
	}
	if found, _ := filepath.Glob(s.path("out-1", "sealed*")); len(found) != 0 {
		t.Errorf("%v is left", found)
	}
	b, err := os.ReadFile(s.path("sealed-record", transcriptName))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.Contains(string(b), f.Digest.String()) {
			t.Errorf("the record lacks the digest of %s", f.Path)
		}
	}
}

// TestDestroySealedResumes after the folder was moved away and not destroyed.
func TestDestroySealedResumes(t *testing.T) {
	s := envelopes(t)
	if err := os.Rename(s.path("out-1", "sealed"), s.path("out-1", "sealed"+doomedSuffix)); err != nil {
		t.Fatal(err)
	}
	desk := typing("emergency")
	if _, err := HoldSealed(t.Context(), s.destroying(second), desk, second); err != nil || !desk.heard("was BEGUN and is to be finished") {
		t.Errorf("going on: %v", err)
	}
	if found, _ := filepath.Glob(s.path("out-1", "sealed*")); len(found) != 0 {
		t.Errorf("%v is left", found)
	}
}

// TestAbandonPlanned destroys the draft that the plan names, once.
func TestAbandonPlanned(t *testing.T) {
	s := newStage(t, rehearsal)
	c := s.abandoning()
	desk := typing("number-1")
	if err := AbandonPlanned(t.Context(), c, desk, second); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.path("record-9", draftName)); !errors.Is(err, fs.ErrNotExist) || !desk.heard(`The reason is: "a wrong date".`) {
		t.Errorf("the draft: %v; said:\n%s", err, strings.Join(desk.said, "\n"))
	}
	refusedWith(t, AbandonPlanned(t.Context(), s.mustLoad(string(c.Raw), second), desk, second), "DRAFT-MATCH")
}

// filesBelow lists the files of a folder with their digests.
func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		all = append(all, path+" "+digest.Sum(b).String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
