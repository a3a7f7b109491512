package transcript

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster/digest"
)

func statement(objection string) Statement {
	return Statement{Repository: "rehearsal.example", Ceremony: "2026-11-first", Version: 2, Roster: digest.Sum([]byte("roster")),
		Transcript: digest.Sum([]byte("transcript")), Witness: "Wendy", Objection: objection}
}

func printed(t testing.TB, s Statement) []byte {
	t.Helper()
	b, err := s.Format()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestStatementText(t *testing.T) {
	for _, s := range []Statement{statement(""), statement("the clock was never compared"), statement("two\nlines \"quoted\" \u202e\\"),
		{Repository: "rehearsal.example", Ceremony: "x", Transcript: digest.Sum(nil), Witness: "Z\u00eb B"}} {
		b := printed(t, s)
		again, err := ParseStatement(b)
		if err != nil || again != s {
			t.Errorf("%+v is read as %+v, %v", s, again, err)
		}
		if bytes.ContainsAny(b, "\u202e\r\x1b") || bytes.Count(b, []byte("Verdict:")) != 1 {
			t.Errorf("the text can deceive a reader:\n%s", b)
		}
	}
	got := string(printed(t, statement("the clock was never compared")))
	if want := "Verdict:     I DISAGREE: \"the clock was never compared\"\n"; !strings.Contains(got, want) {
		t.Errorf("text lacks %q:\n%s", want, got)
	}
	if !strings.Contains(string(printed(t, statement(""))), "Verdict:     AGREE\n") {
		t.Error("an agreement does not say so")
	}
}

// TestStatementHasOneSpelling changes and cuts it at each place.
func TestStatementHasOneSpelling(t *testing.T) {
	whole := printed(t, statement("why"))
	for i := range whole {
		b := slices.Clone(whole)
		b[i] ^= 1
		if s, err := ParseStatement(b); err == nil && s == statement("why") {
			t.Fatalf("byte %d was changed and the statement reads as before", i)
		} else if err != nil && !errors.Is(err, ErrStatement) {
			t.Fatalf("byte %d changed gives %v, want ErrStatement", i, err)
		}
		if _, err := ParseStatement(whole[:i]); err == nil {
			t.Fatalf("the first %d bytes pass for a statement", i)
		}
	}
	if _, err := ParseStatement(bytes.ReplaceAll(whole, []byte("\n"), []byte("\r\n"))); err == nil {
		t.Error("other line ends pass")
	}
	if _, err := ParseStatement(append(slices.Clone(whole), '\n')); err == nil {
		t.Error("a line more passes")
	}
}

func TestStatementWants(t *testing.T) {
	for what, change := range map[string]func(*Statement){
		"a transcript":            func(s *Statement) { s.Transcript = digest.Digest{} },
		"a digest with a version": func(s *Statement) { s.Roster = digest.Digest{} },
		"a version with a digest": func(s *Statement) { s.Version = 0 },
		"a witness":               func(s *Statement) { s.Witness = "" },
		"a plain name":            func(s *Statement) { s.Witness = "a\nVerdict: AGREE" },
		"a ceremony":              func(s *Statement) { s.Ceremony = "" },
		"a repository":            func(s *Statement) { s.Repository = "../" },
		"a short reason":          func(s *Statement) { s.Objection = strings.Repeat("x", MaxReason+1) },
		"a reason that is UTF-8":  func(s *Statement) { s.Objection = "\xff" },
		"a reason":                func(s *Statement) { s.Objection = " " },
	} {
		s := statement("")
		change(&s)
		if _, err := s.Format(); err == nil {
			t.Errorf("a statement without %s is printed", what)
		}
	}
}

// witnessKey is an OpenPGP key in memory, with its certificate.
func witnessKey(t *testing.T) (ed25519.PrivateKey, *pgp.PublicKey, []byte) {
	t.Helper()
	pub, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := pgp.NewPublicKey(pub, noon.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pgp.Certify(rand.Reader, "Wendy", key, secret, noon)
	if err != nil {
		t.Fatal(err)
	}
	return secret, key, cert
}

func TestVerifyStatement(t *testing.T) {
	secret, key, cert := witnessKey(t)
	_, _, other := witnessKey(t)
	b := printed(t, statement(""))
	asc, err := pgp.Sign(rand.Reader, b, key, secret, noon)
	if err != nil {
		t.Fatal(err)
	}
	if by, err := VerifyStatement(b, asc, cert); err != nil || by.ID() != key.ID() {
		t.Errorf("a right signature: %v", err)
	}
	if _, err := VerifyStatement(b, asc, other); err == nil {
		t.Error("another's signature passes")
	}
	if _, err := VerifyStatement(printed(t, statement("no")), asc, cert); err == nil {
		t.Error("a signature over an agreement passes for one over a disagreement")
	}
	if _, err := VerifyStatement(b, []byte("nothing"), cert); !errors.Is(err, pgp.ErrMalformedSignature) {
		t.Errorf("no signature gives %v", err)
	}
	if _, err := VerifyStatement(b, asc, []byte("nothing")); !errors.Is(err, pgp.ErrMalformedCertificate) {
		t.Errorf("no certificate gives %v", err)
	}
}

// TestStockGPG signs as a witness does at home.
func TestStockGPG(t *testing.T) {
	if _, err := exec.LookPath("gpg"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("no gpg on this machine")
	}
	home, err := os.MkdirTemp("", "g") // short, for gpg-agent's sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		os.RemoveAll(home)
	})
	gpg := func(args ...string) []byte {
		t.Helper()
		c := exec.Command("gpg", append([]string{"--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
		out, err := c.Output()
		if err != nil {
			t.Fatalf("gpg %v: %v", args, err)
		}
		return out
	}
	gpg("--quick-generate-key", "Wendy", "ed25519", "sign", "1y")
	file := filepath.Join(t.TempDir(), "statement.txt")
	b := printed(t, statement("the clock was never compared"))
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	gpg("--armor", "--detach-sign", file)
	asc, err := os.ReadFile(file + ".asc")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyStatement(b, asc, gpg("--armor", "--export", "Wendy")); err != nil {
		t.Error(err)
	}
}
