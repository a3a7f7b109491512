package ceremony

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
)

// A strangeCard is provisioned as a test wants it.
type strangeCard struct {
	*softCard
	evidence func(pub crypto.PublicKey) hsm.Evidence
	err      error
}

func (c *strangeCard) Provision(a hsm.Algorithm, s Secrets) (crypto.PublicKey, hsm.Evidence, error) {
	pub, _, err := c.softCard.Provision(a, s)
	if c.err != nil {
		return nil, hsm.Evidence{}, c.err
	}
	return pub, c.evidence(pub), err
}

func enrolling(t *testing.T, card Card) Enrolling {
	return Enrolling{Card: card, Desk: &paper{pin: "271828"}, At: first, Rand: rand.Reader, Holder: "Alice", Repository: rehearsal,
		Dir: filepath.Join(t.TempDir(), "enrolments"), Algorithm: hsm.P384}
}

func TestEnrol(t *testing.T) {
	card := &softCard{t: t, maker: newMaker(t), serial: 77, tries: 3}
	e := enrolling(t, card)
	enrolment, err := Enrol(e)
	if err != nil {
		t.Fatal(err)
	}
	desk := e.Desk.(*paper)
	for i, want := range []string{"New PIN of card 77", "The new PIN once more", "New PUK of card 77", "Write the PUK on its paper now"} {
		if !strings.HasPrefix(desk.asked[i], want) {
			t.Errorf("question %d is %q, want %q", i+1, desk.asked[i], want)
		}
	}
	for _, want := range []string{"PIN tries left: 3. PUK tries left: the card does not say.", "Slot 9c is empty.", "kept by nobody", "KEPT by the holder", "THROWN AWAY",
		"NOT read back, because the card does not say: whether the factory's PUK is still valid.",
		"Attested: card 77, firmware 5.7.1, key generated in slot 9c, PIN always, touch always.", "no root of Yubico's"} {
		if !desk.heard(want) {
			t.Errorf("nobody said %q", want)
		}
	}
	raw, err := os.ReadFile(filepath.Join(e.Dir, "77.json"))
	if err != nil {
		t.Fatal(err)
	}
	if read, err := ParseEnrolment(raw); err != nil || read.Key.ID() != enrolment.Key.ID() || read.Holder != "Alice" || read.Serial != 77 {
		t.Errorf("the file says %+v, %v", read, err)
	}
	if !card.key.PublicKey.Equal(enrolment.Key.Public()) {
		t.Error("the enrolment has another key than the card")
	}
	cert, err := os.ReadFile(filepath.Join(e.Dir, "77.cert.asc"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := pgp.KeysIn(cert)
	if err != nil || len(keys) != 1 || keys[0].Key.ID() != enrolment.Key.ID() || keys[0].UserID != "Alice (Rootward keyholder, "+rehearsal+")" {
		t.Errorf("the certificate holds %+v, %v", keys, err)
	}
	pem, err := os.ReadFile(filepath.Join(e.Dir, enrolment.Attesting+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hsm.ParseEvidence(pem); err != nil {
		t.Error(err)
	}
	tr, err := transcript.Read(filepath.Join(e.Dir, "77.transcript.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	wantEvents(t, tr, "slot seen empty", "PUK on paper", "enrolled", "read back")
	_, err = Enrol(e)
	refusedWith(t, err, "exists already")
}

// TestNewSecretsAreAskedForAgain: a slip ends nothing, for what is typed next
// would be shown by a shell.
func TestNewSecretsAreAskedForAgain(t *testing.T) {
	card := &softCard{t: t, maker: newMaker(t), serial: 77, tries: 3}
	e := enrolling(t, card)
	desk := &typist{types: []string{"123456", "271828", "271829", "271828", "271828", "31415926", "31415927", "31415926", "31415926"}}
	e.Desk = desk
	if _, err := Enrol(e); err != nil || card.pin != "271828" || len(desk.types) != 0 {
		t.Errorf("after slips: %v, the card's PIN is %q, %d answers are left", err, card.pin, len(desk.types))
	}
}

// TestEnrolRefusesBefore lists what is refused while the card is as it was.
func TestEnrolRefusesBefore(t *testing.T) {
	m := newMaker(t)
	for what, turn := range map[string]func(*Enrolling, *softCard) string{
		"a name with a line end": func(e *Enrolling, _ *softCard) string { e.Holder = "Alice\n"; return "holder" },
		"a repository":           func(e *Enrolling, _ *softCard) string { e.Repository = "Packages"; return "repository is" },
		"a name too long for gpg": func(e *Enrolling, _ *softCard) string {
			e.Repository = rehearsal + strings.Repeat(".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 5)
			return "wanted at most 200"
		},
		"a slot that is filled": func(_ *Enrolling, c *softCard) string {
			c.key = newKey(t)
			return "holds a key or a certificate already"
		},
		"a PIN typed in two ways": func(e *Enrolling, _ *softCard) string {
			e.Desk = &typist{types: []string{"271828", "271829", "271828", "271829", "271828", "271829"}}
			return "not typed the same twice"
		},
		"a PUK that is not as on the paper": func(e *Enrolling, _ *softCard) string {
			e.Desk = &typist{types: []string{"271828", "271828", "31415926", "31415927", "31415926", "", "31415926", "31415962"}}
			return "the new PUK was not typed the same twice"
		},
		"a weak PIN": func(e *Enrolling, _ *softCard) string {
			e.Desk = &typist{types: []string{"345678", "345678", "345678"}}
			return "new PIN refused: its digits count up or down"
		},
	} {
		card := &softCard{t: t, maker: m, serial: 77, tries: 3}
		e := enrolling(t, card)
		text := turn(&e, card)
		filled := card.key
		_, err := Enrol(e)
		if refusedWith(t, err, text); card.key != filled || card.pin != "" {
			t.Errorf("%s: the card was changed", what)
		}
		if left, _ := filepath.Glob(filepath.Join(e.Dir, "*")); len(left) != 0 {
			t.Errorf("%s: left %v", what, left)
		}
	}
}

// TestEnrolBindsTheAttestation lists attestations with which no enrolment is
// written, and one that is missing, with which one is.
func TestEnrolBindsTheAttestation(t *testing.T) {
	m := newMaker(t)
	attest := func(turn func(*attesting)) func(crypto.PublicKey) hsm.Evidence {
		return func(pub crypto.PublicKey) hsm.Evidence {
			a := usual(77)
			turn(&a)
			return m.attest(t, pub, a)
		}
	}
	for what, c := range map[string]struct {
		evidence func(crypto.PublicKey) hsm.Evidence
		text     string
	}{
		"of another card": {attest(func(a *attesting) { a.serial = 78 }), "it is of card 78, want card 77"},
		"of another slot": {attest(func(a *attesting) { a.slot = "9a" }), `key is in slot "9a"`},
		"without a PIN":   {attest(func(a *attesting) { a.policy[0] = 1 }), "PIN policy is never"},
		"without a touch": {attest(func(a *attesting) { a.policy[1] = 1 }), "touch policy is never"},
		"of another key":  {func(crypto.PublicKey) hsm.Evidence { return m.attest(t, newKey(t).Public(), usual(77)) }, "another key"},
		"signed by another": {func(pub crypto.PublicKey) hsm.Evidence {
			e := m.attest(t, pub, usual(77))
			e.Device = newMaker(t).device.Raw
			return e
		}, "not signed by the device"},
	} {
		e := enrolling(t, &strangeCard{softCard: &softCard{t: t, maker: m, serial: 77, tries: 3}, evidence: c.evidence})
		_, err := Enrol(e)
		if err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: answer is %v, want %q", what, err, c.text)
		}
		if _, err := os.Stat(filepath.Join(e.Dir, "77.json")); err == nil {
			t.Errorf("%s: an enrolment was written", what)
		}
	}
	none := func(crypto.PublicKey) hsm.Evidence { return hsm.Evidence{} }
	e := enrolling(t, &strangeCard{softCard: &softCard{t: t, maker: m, serial: 77, tries: 3}, evidence: none})
	enrolment, err := Enrol(e)
	if err != nil || enrolment.Attesting != roster.NoAttestation || !e.Desk.(*paper).heard("NO ATTESTATION") {
		t.Errorf("without attestation: %+v, %v", enrolment, err)
	}
}

// TestEnrolForProduction refuses a card whose attestation leads to no root of
// the makers that this program knows.
func TestEnrolForProduction(t *testing.T) {
	e := enrolling(t, &softCard{t: t, maker: newMaker(t), serial: 77, tries: 3})
	e.Repository = "packages.example"
	_, err := Enrol(e)
	refusedWith(t, err, "leads to no trusted root")
}

// TestCertifyLater finishes an enrolment whose last touch was withheld.
func TestCertifyLater(t *testing.T) {
	card := &softCard{t: t, maker: newMaker(t), serial: 77, tries: 3, failure: &hsm.TouchError{Status: 0x6600}}
	e := enrolling(t, card)
	enrolment, err := Enrol(e)
	if !errors.As(err, new(*hsm.TouchError)) || enrolment == nil {
		t.Fatalf("enrolment %v, %v; want one, and that the card was not touched", enrolment, err)
	}
	card.failure = nil
	if err := Certify(e); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(e.Dir, "77.cert.asc")); err != nil {
		t.Error(err)
	}
}

// TestProvisioningThatFailed leaves a trace and no enrolment, and does not
// stand in the way of the next attempt.
func TestProvisioningThatFailed(t *testing.T) {
	soft := &softCard{t: t, maker: newMaker(t), serial: 77, tries: 3}
	card := &strangeCard{softCard: soft, err: &hsm.RemovedError{Place: hsm.Place{Serial: 77}, Err: errors.New("gone")}}
	e := enrolling(t, card)
	if _, err := Enrol(e); !errors.As(err, new(*hsm.RemovedError)) {
		t.Fatalf("answer is %v", err)
	}
	soft.key = nil // reset outside the ceremony
	e.Card = soft
	if _, err := Enrol(e); err != nil {
		t.Fatal(err)
	}
	tr, err := transcript.Read(filepath.Join(e.Dir, "77.transcript.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	wantEvents(t, tr, "slot seen empty", "PUK on paper", "not provisioned", "slot seen empty", "PUK on paper", "enrolled", "read back")
}

// TestParseEnrolment refuses what was edited.
func TestParseEnrolment(t *testing.T) {
	good, err := Enrolment{Repository: rehearsal, Holder: "Alice", Serial: 77, Firmware: "5.7.1", Slot: "9c",
		Key: packet(t, newKey(t).Public()), Attesting: roster.NoAttestation, Enrolled: roster.At(first)}.Format()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseEnrolment(good); err != nil {
		t.Fatal(err)
	}
	replace := func(a, b string) string { return strings.Replace(string(good), a, b, 1) }
	for what, b := range map[string]string{
		"a space":        replace(": 77", ":  77"),
		"another type":   replace("card-enrolment/v1", "card-enrolment/v2"),
		"another field":  replace(`"serial"`, `"number": 1, "serial"`),
		"no serial":      replace(": 77", ": 0"),
		"another slot":   replace(`"9c"`, `"9a"`),
		"no repository":  replace(rehearsal, "Rehearsal"),
		"a holder's end": replace("Alice", `Alice\n`),
		"an attestation": replace(`"none"`, `"../none"`),
		"a tail":         string(good) + "{}",
	} {
		if _, err := ParseEnrolment([]byte(b)); err == nil {
			t.Errorf("%s was changed, and nobody noticed", what)
		}
	}
}

// TestAttestationRoots: a plan's root that is no certificate.
func TestAttestationRoots(t *testing.T) {
	s := newStage(t, rehearsal)
	plan := s.plan("genesis", 1, first, "Alice", "Bob", "Carol") + "anchor: empty\n"
	s.write("root.pem", []byte("-----BEGIN NOTHING-----\n"))
	_, err := s.load(plan, first)
	refusedWith(t, err, "is not one certificate in PEM")
	s.write("root.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no certificate")}))
	_, err = s.load(plan, first)
	refusedWith(t, err, "attestation root")
	if pool := (&Case{}).roots(); pool.Equal(x509.NewCertPool()) {
		t.Error("Yubico's roots are not there")
	}
}
