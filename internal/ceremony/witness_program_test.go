package ceremony

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/ceremony/bundle"
	"github.com/rootward/rootward/internal/ceremony/change"
)

// A witness's machine has the program roster, without cgo, and nothing else of
// the ceremony.
type witnessMachine struct {
	t       *testing.T
	program string
}

func newWitnessMachine(t *testing.T) witnessMachine {
	t.Helper()
	m := witnessMachine{t, filepath.Join(t.TempDir(), "roster")}
	build := exec.Command("go", "build", "-o", m.program, "../../cmd/roster")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v: %s", err, out)
	}
	return m
}

func (m witnessMachine) run(args ...string) (out, notes string, code int) {
	m.t.Helper()
	c := exec.Command(m.program, append([]string{"witness"}, args...)...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := c.Run(); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		m.t.Fatal(err)
	}
	return stdout.String(), stderr.String(), code
}

// reads wants the sentences of the ceremony on standard output, to the byte, and
// each text among what is said of them.
func (m witnessMachine) reads(want string, args []string, notes ...string) {
	m.t.Helper()
	out, said, code := m.run(args...)
	if code != 0 || out != want {
		m.t.Errorf("roster witness %q exits %d, shows:\n%s\nwant:\n%s\n%s", args, code, out, want, said)
	}
	for _, n := range notes {
		if !strings.Contains(said, n) {
			m.t.Errorf("roster witness %q does not say %q:\n%s", args, n, said)
		}
	}
}

func (m witnessMachine) refuses(text string, args ...string) {
	m.t.Helper()
	out, said, code := m.run(args...)
	if code != 3 || out != "" || !strings.Contains(said, text) {
		m.t.Errorf("roster witness %q exits %d, shows %q and %q, want 3, nothing and %q", args, code, out, said, text)
	}
}

// shown is what the room reads: what ceremony show prints of a draft.
func (s *stage) shown(record string) string {
	s.t.Helper()
	r, err := ReadRecord(s.path(record))
	if err != nil {
		s.t.Fatal(err)
	}
	session, err := r.Session(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	d := session.Draft
	return strings.Join(slices.Concat(d.Sentences(), change.Digest(d.Roster.Digest())), "\n") + "\n"
}

func (s *stage) file(name string, b *bundle.Bundle) string {
	s.t.Helper()
	raw, err := b.Bytes()
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(name, raw)
	return s.path(name)
}

// TestWitnessReadsTheSame: a witness's own machine shows the sentences and the
// words of the room, from each of the forms in which a roster reaches them.
func TestWitnessReadsTheSame(t *testing.T) {
	m, s := newWitnessMachine(t), founded(t, rehearsal)
	pin, repository := s.pin.String(), s.path("out-1/publish")
	first := s.shown("record-1")
	one := s.path("out-1/publish/root/1.json")
	m.reads(first, []string{one}, "verified: signed, as clients want it, by Alice, Bob, Carol", "not checked: whether this is the first roster that others trust")
	m.reads(first, []string{one, "--pin", pin}, "verified: signed")
	m.refuses("wanted "+strings.Repeat("0", 63)+"1", one, "--pin", strings.Repeat("0", 63)+"1")

	s.begin("record-2", s.succession("Bob", "Carol", "Dave"))
	second, at := s.shown("record-2"), second
	draft := s.file("draft.bundle", s.mustCarry("record-2", at, bundle.Draft))
	m.reads(second, []string{draft}, "the draft and the plan are as the ceremony's transcript", "not checked: the pin of the plan, "+pin, "not checked: signatures: none are there", "not recomputed here")
	m.reads(second, []string{draft, "--repository", repository, "--pin", pin}, "lead from the pin to roster 1")
	m.refuses("the plan pins", draft, "--pin", strings.Repeat("0", 63)+"1")

	s.sign("record-2", at, "Bob", "Carol", "Dave")
	if _, err := s.combine("record-2", "out-2", at); err != nil {
		t.Fatal(err)
	}
	published := s.file("published.bundle", s.mustCarry("record-2", at, bundle.Published))
	m.reads(second, []string{published, "--repository", repository, "--pin", pin}, "verified: approved for the previous roster by Bob, Carol", "verified: signed, as clients want it, by Bob, Carol, Dave")
	m.reads(second, []string{published, "--previous", one}, "nobody can say whose they must be")
	m.refuses("holds no roster", s.file("signatures.bundle", s.mustCarry("record-2", at, bundle.Signatures)))

	two := s.path("out-2/publish/root/2.json")
	out, said, code := m.run(two, "--repository", repository, "--pin", pin)
	if code != 0 || !strings.Contains(said, "whether the plan switches checks off") || strings.Count(second, "\n") < 10 {
		t.Errorf("the bare file exits %d: %s", code, said)
	}
	for _, line := range strings.Split(out, "\n") { // all but what stands in no roster
		if !strings.Contains(second, line) && !strings.Contains(line, "stands in the ceremony's record") && !strings.Contains(line, "KEPT") {
			t.Errorf("the bare file is shown with %q, which the room does not read", line)
		}
	}
	s.deceived(m, two, repository, pin)
}

// deceived gives the witness what does not belong together.
func (s *stage) deceived(m witnessMachine, two, repository, pin string) {
	s.t.Helper()
	b := s.mustCarry("record-2", second, bundle.Published)
	t := s.t.(*testing.T)
	m.refuses("summary of the anchor", s.file("x1.bundle", changed(t, b, func(_ *bundle.Manifest, f map[string][]byte) {
		f[bundle.AnchorPath] = bytes.Replace(f[bundle.AnchorPath], []byte(EmptyMap().String()), []byte(strings.Repeat("1", 64)), 1)
	})))
	m.refuses("does not hold the roster", s.file("x2.bundle", changed(t, b, func(m *bundle.Manifest, _ map[string][]byte) { m.Roster[0] ^= 1 })))
	m.refuses("quorum", s.file("x3.bundle", changed(t, b, func(_ *bundle.Manifest, f map[string][]byte) {
		f["publish/root/2.json.asc"] = readOne(t, s.path("record-2/signatures/1002/root/2.json.asc"))
	})), "--repository", repository, "--pin", pin)
	raw := readOne(t, two)
	s.write("forged.json", bytes.Replace(raw, []byte("\"Dave\""), []byte("\"Mall\""), 1))
	m.refuses("it follows the one with digest", two, "--previous", two)
	if err := os.CopyFS(s.path("public2"), os.DirFS(s.path("out-1/publish"))); err != nil {
		t.Fatal(err)
	}
	s.write("public2/root/2.json", raw)
	s.write("public2/root/2.json.asc", readOne(t, two+".asc"))
	m.refuses("there is another roster 2", s.path("forged.json"), "--repository", s.path("public2"), "--pin", pin)
}

func readOne(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
