package ceremony

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/words"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// first is when the first ceremony of these tests is held.
var first = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func packet(t testing.TB, pub crypto.PublicKey) roster.Key {
	t.Helper()
	k, err := pgp.NewPublicKey(pub, first.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return roster.Key{PublicKey: k}
}

// A maker attests cards, as a maker of cards does.
type maker struct {
	root, device       *x509.Certificate
	rootKey, deviceKey *ecdsa.PrivateKey
}

func newMaker(t testing.TB) *maker {
	m := &maker{rootKey: newKey(t), deviceKey: newKey(t)}
	ca := func(n int64, name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
			NotBefore: first.AddDate(-1, 0, 0), NotAfter: first.AddDate(9, 0, 0)}
	}
	m.root = issue(t, ca(1, "Maker"), ca(1, "Maker"), m.rootKey.Public(), m.rootKey)
	m.device = issue(t, ca(2, "Device"), m.root, m.deviceKey.Public(), m.rootKey)
	return m
}

func issue(t testing.TB, template, parent *x509.Certificate, pub crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// An attesting is what an attestation says.
type attesting struct {
	serial   uint32
	slot     string
	firmware [3]byte
	policy   [2]byte // PIN, touch
}

func usual(serial uint32) attesting { return attesting{serial, "9c", [3]byte{5, 7, 1}, [2]byte{3, 2}} }

func (m *maker) attest(t testing.TB, pub crypto.PublicKey, a attesting) hsm.Evidence {
	t.Helper()
	number, err := asn1.Marshal(int64(a.serial))
	if err != nil {
		t.Fatal(err)
	}
	arc := func(n int) asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, n} }
	c := issue(t, &x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "YubiKey PIV Attestation " + a.slot},
		NotBefore: m.device.NotBefore, NotAfter: m.device.NotAfter,
		ExtraExtensions: []pkix.Extension{{Id: arc(3), Value: a.firmware[:]}, {Id: arc(7), Value: number}, {Id: arc(8), Value: a.policy[:]}},
	}, m.device, pub, m.deviceKey)
	return hsm.Evidence{Slot: c.Raw, Device: m.device.Raw}
}

// A softCard is a card in memory.
type softCard struct {
	t       testing.TB
	maker   *maker
	serial  uint32
	key     *ecdsa.PrivateKey // nil: slot empty
	pin     string
	tries   int
	signs   int   // signatures that it gives before it fails
	failure error // how
}

func (c *softCard) Serial() uint32         { return c.serial }
func (c *softCard) Firmware() hsm.Firmware { return hsm.Firmware{Major: 5, Minor: 7, Patch: 1} }

func (c *softCard) Look() (CardState, error) {
	return CardState{PINTries: c.tries, PUKTries: -1, SlotEmpty: c.key == nil}, nil
}

func (c *softCard) Provision(_ hsm.Algorithm, s Secrets) (crypto.PublicKey, hsm.Evidence, error) {
	c.key, c.pin, c.tries = newKey(c.t), s.PIN, 3
	return c.key.Public(), c.maker.attest(c.t, c.key.Public(), usual(c.serial)), nil
}

func (c *softCard) Signer(pub crypto.PublicKey, pin func(int) (string, error), touch func()) (crypto.Signer, error) {
	if !c.key.PublicKey.Equal(pub) {
		return nil, &hsm.WrongKeyError{Place: hsm.Place{Serial: c.serial, Slot: "9c"}, Detail: "in memory"}
	}
	return &softSigner{c.key, c, pin, touch}, nil
}

type softSigner struct {
	*ecdsa.PrivateKey
	card  *softCard
	pin   func(int) (string, error)
	touch func()
}

func (s *softSigner) Sign(r io.Reader, d []byte, o crypto.SignerOpts) ([]byte, error) {
	typed, err := s.pin(s.card.tries)
	if err != nil {
		return nil, err
	}
	if typed != s.card.pin {
		s.card.tries--
		return nil, &hsm.PINError{Place: hsm.Place{Serial: s.card.serial, Slot: "9c"}, Secret: hsm.PIN, Tries: s.card.tries}
	}
	s.card.tries = 3
	s.touch()
	if s.card.signs == 0 && s.card.failure != nil {
		return nil, s.card.failure
	}
	s.card.signs--
	return s.PrivateKey.Sign(r, d, o)
}

// A paper is a desk that answers by itself.
type paper struct {
	said   []string
	asked  []string
	digest digest.Digest
	pin    string
	types  map[string]string // answers by the beginning of what is asked
	err    error             // of every question
}

func (p *paper) Say(line string) { p.said = append(p.said, line) }

var wordsAsked = regexp.MustCompile(`^Type word (\d+) and word (\d+) of the digest$`)

func (p *paper) Ask(prompt string) (string, error) {
	p.asked = append(p.asked, prompt)
	if p.err != nil {
		return "", p.err
	}
	for begin, answer := range p.types {
		if strings.HasPrefix(prompt, begin) {
			return answer, nil
		}
	}
	m := wordsAsked.FindStringSubmatch(prompt)
	if m == nil {
		return "", errors.New("no answer to " + prompt)
	}
	i, _ := strconv.Atoi(m[1])
	j, _ := strconv.Atoi(m[2])
	w := words.Words(p.digest[:])
	return strings.ToUpper(w[i-1]) + "  " + w[j-1], nil
}

func (p *paper) Secret(prompt string) (string, error) {
	p.asked = append(p.asked, prompt)
	return p.pin, p.err
}

// heard reports whether a line with the text was said.
func (p *paper) heard(text string) bool {
	return strings.Contains(strings.Join(p.said, "\n"), text)
}

// A stage is a folder in which ceremonies are played, with cards in memory.
type stage struct {
	t          testing.TB
	dir        string
	repository string
	maker      *maker
	cards      map[string]*softCard
	pin        digest.Digest // of the first roster
}

func newStage(t testing.TB, repository string) *stage {
	s := &stage{t: t, dir: t.TempDir(), repository: repository, maker: newMaker(t), cards: make(map[string]*softCard)}
	s.write("root.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.maker.root.Raw}))
	for i, name := range []string{"Alice", "Bob", "Carol", "Dave"} {
		s.enrol(name, uint32(1001+i))
	}
	s.online("online-1.json")
	s.online("online-2.json")
	return s
}

func (s *stage) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

func (s *stage) write(name string, b []byte) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), b, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) enrol(name string, serial uint32) {
	s.t.Helper()
	card := &softCard{t: s.t, maker: s.maker, serial: serial, tries: 3}
	_, err := Enrol(Enrolling{Card: card, Desk: &paper{pin: "271828"}, At: first.Add(-time.Hour), Rand: rand.Reader,
		Holder: name, Repository: s.repository, Dir: s.path("enrolments"), Algorithm: hsm.P384})
	if err != nil {
		s.t.Fatalf("enrolling %s: %v", name, err)
	}
	s.cards[name] = card
}

func (s *stage) online(file string) {
	s.t.Helper()
	o := handover.OnlineKeys{Repository: s.repository}
	for _, role := range []roster.Role{roster.RoleCountersign, roster.RoleSnapshot} {
		o.Keys = append(o.Keys, handover.OnlineKey{Role: role, Name: file + " " + string(role), Key: packet(s.t, newKey(s.t).Public())})
	}
	b, err := o.Format()
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(file, b)
}

// plan gives a plan of the stage's repository, to which a test adds.
func (s *stage) plan(acts string, version int, at time.Time, people ...string) string {
	p := fmt.Sprintf(`ceremony: number-%d
acts: [%s]
repository: %s
roster:
  version: %d
  issued: %s
  expires: %s
  threshold: 2
  snapshot_lifetime: 24h
  snapshot_floor: 5
attestation_roots: [root.pem]
online_keys:
  file: online-1.json
  not_before: %s
  expires: %s
keyholders:
`, version, acts, s.repository, version, roster.At(at), roster.At(at.AddDate(1, 0, 0)), roster.At(first.AddDate(0, 0, -1)), roster.At(first.AddDate(4, 0, 0)))
	for _, name := range people {
		serial := s.cards[name].serial
		p += fmt.Sprintf("  - {name: %s, card: %d, enrolment: enrolments/%d.json}\n", name, serial, serial)
	}
	return p
}

func (s *stage) load(plan string, at time.Time) (*Case, error) {
	s.t.Helper()
	s.write("plan.yaml", []byte(plan))
	return Load(s.t.Context(), s.path("plan.yaml"), at)
}

func (s *stage) mustLoad(plan string, at time.Time) *Case {
	s.t.Helper()
	c, err := s.load(plan, at)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *stage) genesis() *Case {
	s.t.Helper()
	return s.mustLoad(s.plan("genesis", 1, first, "Alice", "Bob", "Carol")+"anchor: empty\n", first)
}

// begin makes a draft and puts it into a record; a new one begins as on a machine
// of its own, where no other lies beside it.
func (s *stage) begin(record string, c *Case) *Draft {
	s.t.Helper()
	d, err := Build(s.t.Context(), c, rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	dir := s.path(record)
	if !IsRecord(dir) {
		dir = filepath.Join(s.t.TempDir(), "record")
	}
	if err := Begin(s.t.Context(), dir, c, d); err != nil {
		s.t.Fatal(err)
	}
	if dir != s.path(record) {
		if err := os.Rename(dir, s.path(record)); err != nil {
			s.t.Fatal(err)
		}
	}
	return d
}

// in runs a step on a record.
func (s *stage) in(record string, at time.Time, step func(*Session) error) error {
	s.t.Helper()
	r, err := OpenRecord(s.t.Context(), s.path(record), at)
	if err != nil {
		return err
	}
	defer r.Close()
	session, err := r.Session(s.t.Context())
	if err != nil {
		return err
	}
	return step(session)
}

// sign has people sign with their cards.
func (s *stage) sign(record string, at time.Time, people ...string) {
	s.t.Helper()
	for _, name := range people {
		if err := s.trySign(record, at, name, &paper{}); err != nil {
			s.t.Fatalf("%s signs: %v", name, err)
		}
	}
}

func (s *stage) trySign(record string, at time.Time, name string, desk *paper) error {
	s.t.Helper()
	return s.in(record, at, func(session *Session) error {
		if desk.pin == "" {
			desk.pin = s.cards[name].pin
		}
		if desk.digest.IsZero() {
			desk.digest = session.Draft.Roster.Digest()
		}
		return session.Sign(s.t.Context(), Signing{Card: s.cards[name], Desk: desk, At: at, Rand: rand.Reader})
	})
}

func (s *stage) combine(record, out string, at time.Time) (*Result, error) {
	s.t.Helper()
	var result *Result
	err := s.in(record, at, func(session *Session) (err error) {
		result, err = session.Combine(s.t.Context(), s.path(out), at)
		return err
	})
	return result, err
}

// founded is a stage after its first ceremony.
func founded(t testing.TB, repository string) *stage {
	t.Helper()
	s := newStage(t, repository)
	s.pin = s.begin("record-1", s.genesis()).Roster.Digest()
	s.sign("record-1", first, "Alice", "Bob", "Carol")
	if _, err := s.combine("record-1", "out-1", first); err != nil {
		t.Fatal(err)
	}
	return s
}

// second is when the second ceremony is held.
var second = first.AddDate(0, 10, 0)

// succession is a case in which nothing changes but the dates; its anchor is
// the map that is public, the empty one.
func (s *stage) succession(people ...string) *Case {
	s.t.Helper()
	if _, _, err := tree.Build(nil, func(d digest.Digest, file []byte) error {
		s.write("public/"+roster.MapPath(d), file)
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	kept, err := handover.KeptSnapshot{Repository: s.repository, Version: 9, Snapshot: digest.Sum([]byte("snapshot")),
		Map: roster.MapRoot{Root: EmptyMap()}, KeptAt: roster.At(second.AddDate(0, 0, -8))}.Format()
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("kept.json", kept)
	acts := "renewal, anchor"
	if !slices.Equal(people, []string{"Alice", "Bob", "Carol"}) {
		acts += ", keyholders"
	}
	return s.mustLoad(s.plan(acts, 2, second, people...)+fmt.Sprintf(`anchor:
  kept_snapshot: kept.json
  repository: public
  waiting_period: 168h
previous: {directory: out-1/publish, pin: %s}
`, s.pin), second)
}
