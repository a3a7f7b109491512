package ceremony

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/ceremony/bundle"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/internal/durable"
)

// carry makes a bundle of a record, and opens it on the other side.
func (s *stage) carry(record string, at time.Time, kind bundle.Kind) (*bundle.Bundle, error) {
	s.t.Helper()
	var b *bundle.Bundle
	err := s.in(record, at, func(session *Session) (err error) {
		made, err := session.Bundle(s.t.Context(), kind)
		if err != nil {
			return err
		}
		raw, err := made.Bytes()
		if err != nil {
			return err
		}
		if b, err = bundle.Open(bytes.NewReader(raw)); err != nil {
			return err
		}
		return session.NoteBundle(at, b)
	})
	return b, err
}

func (s *stage) mustCarry(record string, at time.Time, kind bundle.Kind) *bundle.Bundle {
	s.t.Helper()
	b, err := s.carry(record, at, kind)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *stage) receive(b *bundle.Bundle, record string, at time.Time) {
	s.t.Helper()
	if err := Receive(s.t.Context(), b, s.path(record), at); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) collect(record string, at time.Time, b *bundle.Bundle) (c *Collected, err error) {
	s.t.Helper()
	err = s.in(record, at, func(session *Session) error {
		c, err = session.Collect(b, at)
		return err
	})
	return c, err
}

// home has somebody sign on a machine of their own, and send the signatures.
func (s *stage) home(draft *bundle.Bundle, record string, at time.Time, people ...string) *bundle.Bundle {
	s.t.Helper()
	s.receive(draft, record, at)
	s.sign(record, at, people...)
	return s.mustCarry(record, at, bundle.Signatures)
}

// TestApart holds a ceremony whose keyholders are in three places, days apart.
func TestApart(t *testing.T) {
	s := newStage(t, rehearsal)
	d := s.begin("record", s.genesis())
	day := func(n int) time.Time { return first.AddDate(0, 0, n) }
	draft := s.mustCarry("record", first, bundle.Draft)
	s.sign("record", day(1), "Alice")
	bob, carol := s.home(draft, "home-bob", day(2), "Bob"), s.home(draft, "home-carol", day(3), "Carol")
	c, err := s.collect("record", day(4), bob)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.New, []string{"Bob"}) || !slices.Equal(c.Signed, []string{"Alice", "Bob"}) || !slices.Equal(c.Missing, []string{"Carol"}) || c.Short == nil || !strings.Contains(c.Short.Error(), "missing Carol") {
		t.Errorf("after Bob's bundle: %+v", c)
	}
	if c, err = s.collect("record", day(5), carol); err != nil || len(c.Missing) != 0 || c.Short != nil {
		t.Fatalf("after Carol's bundle: %+v, %v", c, err)
	}
	if c, err = s.collect("record", day(5), carol); err != nil || len(c.New) != 0 || !slices.Equal(c.Already, []string{"Carol"}) {
		t.Errorf("Carol's bundle once more: %+v, %v", c, err)
	}
	result, err := s.combine("record", "out", day(6))
	if err != nil || result.Roster.Digest() != d.Roster.Digest() {
		t.Fatal(err)
	}
	want := []string{"opened", "drafted", "bundled", "challenge", "signing", "PIN asked for", "signed", "signing", "signed", "signing", "signed",
		"signed", "signed", "signed", "collected", "signed", "signed", "signed", "collected", "collected", "combined"}
	if got := events(t, s, "record"); !slices.Equal(got, want) {
		t.Errorf("the ceremony's transcript says %v, want %v", got, want)
	}
	want = []string{"opened", "received", "drafted", "challenge", "signing", "PIN asked for", "signed", "signing", "signed", "signing", "signed", "bundled"}
	if got := events(t, s, "home-bob"); !slices.Equal(got, want) {
		t.Errorf("Bob's transcript says %v, want %v", got, want)
	}
	s.bothSidesSay(bob, carol)
}

// bothSidesSay finds each bundle's digest in the transcripts of sender and
// receiver, and the transcript of those who signed elsewhere in the record.
func (s *stage) bothSidesSay(bob, carol *bundle.Bundle) {
	s.t.Helper()
	for record, b := range map[string]*bundle.Bundle{"home-bob": bob, "home-carol": carol} {
		for _, in := range []string{record, "record"} {
			raw, err := os.ReadFile(s.path(in, transcriptName))
			if err != nil || !strings.Contains(string(raw), b.Digest().String()) {
				s.t.Errorf("the transcript of %s does not name the bundle of %s: %v", in, record, err)
			}
		}
		sent, _ := b.File(transcriptName)
		t, err := transcript.Parse(record, sent)
		if err != nil {
			s.t.Fatal(err)
		}
		kept, err := os.ReadFile(s.path("record", apartName, t.Head().String()+".jsonl"))
		if err != nil || !bytes.Equal(kept, sent) {
			s.t.Errorf("the record does not keep the transcript of %s: %v", record, err)
		}
		if whole, err := os.ReadFile(s.path(record, transcriptName)); err != nil || !bytes.HasPrefix(whole, sent) {
			s.t.Errorf("what was sent is not how the transcript of %s begins: %v", record, err)
		}
	}
}

// TestSameRecordSameBundle: what is noted of a bundle does not change the next.
func TestSameRecordSameBundle(t *testing.T) {
	s := founded(t, rehearsal)
	for _, kind := range bundle.Kinds() {
		one, two := s.mustCarry("record-1", first, kind), s.mustCarry("record-1", first, kind)
		if one.Digest() != two.Digest() {
			t.Errorf("two bundles of kind %s differ", kind)
		}
	}
}

// TestPublishedBundle has what the output has, but what is sealed.
func TestPublishedBundle(t *testing.T) {
	s := founded(t, rehearsal)
	s.begin("record-2", s.succession("Bob", "Carol", "Dave"))
	_, err := s.carry("record-2", second, bundle.Published)
	refusedWith(t, err, "not combined")
	s.sign("record-2", second, "Bob", "Carol", "Dave")
	if _, err := s.combine("record-2", "out-2", second); err != nil {
		t.Fatal(err)
	}
	b := s.mustCarry("record-2", second, bundle.Published)
	files := b.Files()
	if _, ok := files[bundle.AnchorPath]; !ok {
		t.Error("the bundle lacks the summary of the anchor")
	}
	if _, ok := files[bundle.PlanPath]; !ok {
		t.Error("the bundle lacks the plan")
	}
	delete(files, bundle.AnchorPath)
	delete(files, bundle.PlanPath)
	for path, raw := range files {
		written, err := os.ReadFile(s.path("out-2", path))
		if err != nil || !bytes.Equal(written, raw) {
			t.Errorf("%s is not as combine wrote it: %v", path, err)
		}
	}
	count := 0
	if err := filepath.WalkDir(s.path("out-2"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !strings.HasPrefix(path, s.path("out-2", SealedName)) && !strings.HasPrefix(path, s.path("out-2", StopName)) {
			count++
		}
		return err
	}); err != nil || count != len(files) {
		t.Errorf("the bundle has %d files of the output's %d, %v", len(files), count, err)
	}
	for path := range b.Files() {
		if secluded(path) || strings.Contains(path, "revocations") {
			t.Errorf("the bundle holds %s, which belongs into an envelope", path)
		}
	}
	if err := os.RemoveAll(s.path("record-2", signaturesName, "1002")); err != nil {
		t.Fatal(err)
	}
	_, err = s.carry("record-2", second, bundle.Published)
	refusedWith(t, err, "signed by")
}

func TestNothingToCarry(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	_, err := s.carry("record", first, bundle.Signatures)
	refusedWith(t, err, "nobody has signed")
	_, err = s.carry("record", first, "secrets")
	refusedWith(t, err, "no bundle of kind")
}

// changed is a bundle made anew after a change to its files and its manifest.
func changed(t *testing.T, b *bundle.Bundle, change func(*bundle.Manifest, map[string][]byte)) *bundle.Bundle {
	t.Helper()
	m, files := b.Manifest(), b.Files()
	change(&m, files)
	again, err := bundle.Make(m, files)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// TestReceiveRefuses: whoever makes a bundle anew, with right digests in its
// manifest, does not get past the transcript in it; nothing is left behind.
func TestReceiveRefuses(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	good := s.mustCarry("record", first, bundle.Draft)
	find := func(files map[string][]byte, prefix string) string {
		for _, path := range slices.Sorted(maps.Keys(files)) {
			if strings.HasPrefix(path, prefix) {
				return path
			}
		}
		t.Fatal("no file ", prefix)
		return ""
	}
	for text, change := range map[string]func(*bundle.Manifest, map[string][]byte){
		"wanted \"draft\"":                  func(m *bundle.Manifest, _ map[string][]byte) { m.Kind = bundle.Published },
		"does not end with the draft":       func(m *bundle.Manifest, _ map[string][]byte) { m.Roster[0] ^= 1 },
		"its manifest names":                func(m *bundle.Manifest, _ map[string][]byte) { m.Ceremony = "another" },
		"lacks origin/transcript.jsonl":     func(_ *bundle.Manifest, f map[string][]byte) { delete(f, originName) },
		"transcript \"origin":               func(_ *bundle.Manifest, f map[string][]byte) { f[originName] = f[originName][:100] },
		"belongs to no draft":               func(_ *bundle.Manifest, f map[string][]byte) { f["transcript.jsonl"] = nil },
		"\"signatures/1001/root/1.json.asc": func(_ *bundle.Manifest, f map[string][]byte) { f["signatures/1001/root/1.json.asc"] = nil },
		"record's plan has digest":          func(_ *bundle.Manifest, f map[string][]byte) { f[planName] = append(f[planName], '\n') },
		"is not the one that the transcript names": func(_ *bundle.Manifest, f map[string][]byte) {
			f["draft/root/1.json"] = bytes.Replace(f["draft/root/1.json"], []byte("Alice"), []byte("Mallo"), 1)
		},
		"is not in the transcript": func(_ *bundle.Manifest, f map[string][]byte) { f["draft/root/2.json"] = f["draft/root/1.json"] },
		"is not there":             func(_ *bundle.Manifest, f map[string][]byte) { delete(f, find(f, "inputs/")) },
		"has digest":               func(_ *bundle.Manifest, f map[string][]byte) { f[find(f, "inputs/")] = []byte("other") },
	} {
		refusedWith(t, Receive(t.Context(), changed(t, good, change), s.path("home"), first), text)
		if _, err := os.Lstat(s.path("home")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: something was left", text)
		}
	}
	s.write("home/there", nil)
	var exists *durable.ExistsError
	if err := Receive(t.Context(), good, s.path("home"), first); !errors.As(err, &exists) {
		t.Errorf("receiving into a folder that is there answers %v", err)
	}
	if left, _ := filepath.Glob(s.path(".tmp-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestCollectRefuses: nothing is taken of a bundle that is not wholly of
// signatures over this draft by its keyholders.
func TestCollectRefuses(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	draft := s.mustCarry("record", first, bundle.Draft)
	bob := s.home(draft, "home-bob", first, "Bob")
	other := s.mustLoad(s.plan("genesis", 1, first.Add(time.Hour), "Alice", "Bob", "Carol")+"anchor: empty\n", first)
	s.begin("other", other)
	elsewhere := s.home(s.mustCarry("other", first, bundle.Draft), "home-other", first, "Bob")
	const roster, revocations = "signatures/1002/root/1.json.asc", "signatures/1002/revocations/"
	for text, b := range map[string]*bundle.Bundle{
		"wanted \"signatures\"":                         draft,
		"is for another draft":                          elsewhere,
		"wanted roster 1":                               changed(t, bob, func(m *bundle.Manifest, _ map[string][]byte) { m.Version = 2 }),
		"(ceremony another)":                            changed(t, bob, func(m *bundle.Manifest, _ map[string][]byte) { m.Ceremony = "another" }),
		"not one over this draft":                       changed(t, elsewhere, func(m *bundle.Manifest, _ map[string][]byte) { *m = bob.Manifest() }),
		"signature by Alice":                            changed(t, bob, func(_ *bundle.Manifest, f map[string][]byte) { f["signatures/1001/root/1.json.asc"] = f[roster] }),
		"no signature that this":                        changed(t, bob, func(_ *bundle.Manifest, f map[string][]byte) { f["signatures/9999/root/1.json.asc"] = f[roster] }),
		"\"notes.txt\"":                                 changed(t, bob, func(_ *bundle.Manifest, f map[string][]byte) { f["notes.txt"] = nil }),
		"lacks the transcript":                          changed(t, bob, func(_ *bundle.Manifest, f map[string][]byte) { delete(f, transcriptName) }),
		"not an acceptable OpenPG":                      changed(t, bob, func(_ *bundle.Manifest, f map[string][]byte) { f[roster] = []byte("nothing") }),
		"transcript in the bundle is not of this draft": changed(t, bob, func(_ *bundle.Manifest, f map[string][]byte) { f[transcriptName] = lines(f[transcriptName], 2) }),
		"does not speak of":                             changed(t, bob, func(_ *bundle.Manifest, f map[string][]byte) { f[transcriptName] = lines(f[transcriptName], 3) }),
		"transcript \"transcript.":                      changed(t, bob, func(_ *bundle.Manifest, f map[string][]byte) { f[transcriptName] = f[transcriptName][1:] }),
	} {
		before := events(t, s, "record")
		_, err := s.collect("record", first, b)
		refusedWith(t, err, text)
		if found, _ := filepath.Glob(s.path("record", signaturesName, "*", "*", "*")); len(found) > 0 || len(events(t, s, "record")) != len(before) {
			t.Fatalf("%s: something was taken: %v", text, found)
		}
	}
	if found, _ := filepath.Glob(s.path("home-bob", revocations+"*")); len(found) != 2 {
		t.Errorf("Bob has signed %v at home, want both revocations too", found)
	}
	s.sign("record", first, "Alice", "Bob", "Carol")
	if _, err := s.combine("record", "out", first); err != nil {
		t.Fatal(err)
	}
	_, err := s.collect("record", first, bob)
	refusedWith(t, err, "combined already")
}

// lines gives the first n lines.
func lines(b []byte, n int) []byte {
	return bytes.Join(bytes.SplitAfter(b, []byte("\n"))[:n], nil)
}

// TestCollectResumes: a crash after a signature was written, and before that was
// noted, leaves what the next attempt notes.
func TestCollectResumes(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	bob := s.home(s.mustCarry("record", first, bundle.Draft), "home", first, "Bob")
	crash := errors.New("power cut")
	for n := 1; ; n++ {
		left := n
		err := s.in("record", first, func(session *Session) error {
			session.SetWatch(func(string) error {
				if left--; left == 0 {
					return crash
				}
				return nil
			})
			_, err := session.Collect(bob, first)
			return err
		})
		if err == nil {
			break
		}
		if !errors.Is(err, crash) {
			t.Fatal(err)
		}
		if n > 40 {
			t.Fatal("it never ends")
		}
	}
	count := 0
	for _, e := range events(t, s, "record") {
		if e == eventSigned {
			count++
		}
	}
	if count != 3 {
		t.Errorf("%d signatures are in the transcript, want each of the 3 once", count)
	}
}
