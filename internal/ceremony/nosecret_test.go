package ceremony

import (
	"bytes"
	"crypto"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/ceremony/bundle"
	"github.com/rootward/rootward/internal/ceremony/transcript"
)

// A tellingCard remembers the secrets that it was given.
type tellingCard struct {
	*softCard
	given Secrets
}

func (c *tellingCard) Provision(a hsm.Algorithm, s Secrets) (crypto.PublicKey, hsm.Evidence, error) {
	c.given = Secrets{s.PIN, s.PUK, slices.Clone(s.ManagementKey)}
	return c.softCard.Provision(a, s)
}

// spellings are the forms in which a secret, or what it could be guessed from,
// would be found in a file.
func spellings(secret []byte) map[string][]byte {
	all := make(map[string][]byte)
	put := func(what string, b []byte) {
		all[what+" in hex"] = []byte(hex.EncodeToString(b))
		all[what+" in upper hex"] = bytes.ToUpper([]byte(hex.EncodeToString(b)))
		all[what+" in base64"] = []byte(base64.RawStdEncoding.EncodeToString(b))
		all[what+" in URL base64"] = []byte(base64.RawURLEncoding.EncodeToString(b))
	}
	all["itself"] = secret
	put("itself", secret)
	for _, end := range []string{"", "\n"} {
		b := append(slices.Clone(secret), end...)
		one, two, three, four := md5.Sum(b), sha1.Sum(b), sha256.Sum256(b), sha512.Sum512(b)
		for what, sum := range map[string][]byte{"MD5": one[:], "SHA-1": two[:], "SHA-256": three[:], "SHA-512": four[:]} {
			put(what+" with "+hex.EncodeToString([]byte(end)), sum)
		}
	}
	return all
}

// TestNoSecretIsWritten drives enrolling, signing with a wrong PIN and a right
// one, and all that follows, and then looks into every file that was written.
func TestNoSecretIsWritten(t *testing.T) {
	s := newStage(t, rehearsal)
	card := &tellingCard{softCard: &softCard{t: t, maker: s.maker, serial: 1009, tries: 3}}
	const typed, wrong = "58270316", "93615074" // too long to be found in a digest by chance
	if _, err := Enrol(Enrolling{Card: card, Desk: &paper{pin: typed}, At: first, Rand: rand.Reader,
		Holder: "Ivan", Repository: rehearsal, Dir: s.path("enrolments"), Algorithm: hsm.P384}); err != nil {
		t.Fatal(err)
	}
	s.cards["Ivan"] = card.softCard
	s.begin("record", s.mustLoad(s.plan("genesis", 1, first, "Alice", "Bob", "Ivan")+"anchor: empty\n", first))
	if err := s.trySign("record", first, "Ivan", &paper{pin: wrong}); err == nil {
		t.Fatal("a wrong PIN signs")
	}
	carried := s.home(s.mustCarry("record", first, bundle.Draft), "home", first, "Ivan")
	s.file("signatures.bundle", carried)
	if _, err := s.collect("record", first, carried); err != nil {
		t.Fatal(err)
	}
	s.sign("record", first, "Alice", "Bob")
	if _, err := s.combine("record", "out", first); err != nil {
		t.Fatal(err)
	}
	s.file("published.bundle", s.mustCarry("record", first, bundle.Published))
	s.seal("record")

	if len(card.given.PIN) < 6 || len(card.given.PUK) < 6 || len(card.given.ManagementKey) < 16 {
		t.Fatal("the card was given no secrets: this test looks for nothing")
	}
	wanted := make(map[string][]byte)
	for what, secret := range map[string][]byte{"the PIN": []byte(card.given.PIN), "the PUK": []byte(card.given.PUK),
		"the management key": card.given.ManagementKey, "the wrong PIN": []byte(wrong)} {
		for how, b := range spellings(secret) {
			wanted[what+", "+how] = b
		}
	}
	if files := s.search(wanted); files < 60 {
		t.Errorf("only %d files were looked into", files)
	}
	s.searchFacts("record", "home")
}

// search looks for each of the strings in every file of the stage.
func (s *stage) search(wanted map[string][]byte) (files int) {
	s.t.Helper()
	if err := filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for what, secret := range wanted {
			if bytes.Contains(b, secret) {
				s.t.Errorf("%s holds %s", path, what)
			}
		}
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	return files
}

// measured names a fact that says something of a secret's form.
var measured = regexp.MustCompile(`(?i)(pin|puk|management|secret).*(length|digits|len|hash|sha|digest)|(length|digits|len|hash|sha|digest).*\b(pin|puk|management|secret)\b`)

// searchFacts wants no fact by which a secret is measured.
func (s *stage) searchFacts(records ...string) {
	s.t.Helper()
	for _, record := range records {
		tr, err := transcript.Read(s.path(record, transcriptName))
		if err != nil {
			s.t.Fatal(err)
		}
		for _, e := range tr.Entries() {
			if e.Event == eventDrafted { // rules, digests of inputs and the like
				continue
			}
			for name := range e.Facts {
				if measured.MatchString(name) {
					s.t.Errorf("entry %d (%s) of %s has the fact %q", e.Number, e.Event, record, name)
				}
			}
		}
	}
}
