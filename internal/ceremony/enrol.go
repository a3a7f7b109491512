package ceremony

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// An Enrolling is the provisioning of one card.
type Enrolling struct {
	Card       Card
	Desk       Desk
	At         time.Time
	Rand       io.Reader // for the management key
	Holder     string
	Repository string
	Dir        string // where the enrolment goes; made if need be
	Algorithm  hsm.Algorithm
	// RandomSecrets has PIN and PUK drawn and shown, rather than thought of.
	RandomSecrets bool
}

// managementKeySize is that of AES-192 and of 3DES, in bytes.
const managementKeySize = 24

// Enrol makes a card a keyholder's: it looks at the card and wants its slot 9c
// empty; asks for a new PIN and PUK twice each, or draws them, and wants the PUK
// on paper before the card is changed; has the key made and attested, sets the
// secrets (the management key is random, set last and kept by nobody), checks
// that the attestation is of this key, card, slot and policies, and writes the
// enrolment with the attestation beside it; reads back from the card what was
// done, as far as the card says it. At last the card certifies itself once, with
// the new PIN, for people's gpg.
//
// Files that would be in the way are found before the card is touched. If Enrol
// fails after the key was made, the card is retired (see [Retire]) and enrolled
// anew; if only the certificate is missing, see [Certify].
func Enrol(e Enrolling) (*Enrolment, error) {
	if err := e.ready(); err != nil {
		return nil, err
	}
	state, err := e.Card.Look()
	if err != nil {
		return nil, Judge(err)
	}
	serial := e.Card.Serial()
	e.Desk.Say(fmt.Sprintf("Card %d, firmware %s, for %s.", serial, e.Card.Firmware(), e.Holder))
	e.Desk.Say(fmt.Sprintf("PIN tries left: %d. PUK tries left: %s.", state.PINTries, triesOrUnknown(state.PUKTries)))
	if !state.SlotEmpty {
		return nil, Judge(&hsm.OccupiedError{Place: hsm.Place{Serial: serial, Slot: slot}, What: "a key or a certificate"})
	}
	e.Desk.Say("Slot " + slot + " is empty.")
	secrets, err := e.secrets()
	if err != nil {
		return nil, err
	}
	enrolment, err := e.provision(secrets)
	if err != nil {
		return nil, Judge(err)
	}
	if err := e.readBack(enrolment); err != nil {
		return enrolment, Judge(err)
	}
	err = e.certify(enrolment, func(int) (string, error) { return secrets.PIN, nil })
	if err != nil {
		err = fmt.Errorf("the card is enrolled, but has not certified itself for gpg (ceremony card certify does that): %w", err)
	}
	return enrolment, Judge(err)
}

func triesOrUnknown(n int) string {
	if n < 0 {
		return "the card does not say"
	}
	return fmt.Sprint(n)
}

// ready checks everything that needs no card.
func (e *Enrolling) ready() error {
	if err := roster.CheckName(e.Holder); err != nil {
		return refuse("holder").because(err)
	}
	if err := roster.CheckRepository(e.Repository); err != nil {
		return &RefusedError{Err: err}
	}
	if n := len(userID(e.Holder, e.Repository)); n > pgp.MaxUserID {
		return refuse("the name for gpg, %q, has %d bytes, wanted at most %d", userID(e.Holder, e.Repository), n, pgp.MaxUserID)
	}
	for _, name := range []string{enrolmentName(e.Card.Serial()), certificateName(e.Card.Serial())} {
		path := filepath.Join(e.Dir, name)
		if _, err := os.Lstat(path); err == nil {
			return &RefusedError{Err: &durable.ExistsError{Path: path}, Do: "this card seems to be enrolled already; choose another folder if it was reset since"}
		}
	}
	return nil
}

func userID(holder, repository string) string {
	return fmt.Sprintf("%s (Rootward keyholder, %s)", holder, repository)
}

// provision has the card make the key, and writes what it leaves behind. The
// transcript shows that the slot was empty, before it is filled.
func (e *Enrolling) provision(secrets Secrets) (_ *Enrolment, err error) {
	serial := e.Card.Serial()
	facts := func(more map[string]any) map[string]any {
		more["holder"], more["slot"] = e.Holder, slot
		return more
	}
	note := func(event string, more map[string]any) error {
		return noteCard(e.Dir, serial, e.At, "enrol", event, facts(more))
	}
	err = note("slot seen empty", map[string]any{"firmware": e.Card.Firmware().String(), "algorithm": string(e.Algorithm)})
	if err != nil {
		return nil, err
	}
	if err := note("PUK on paper", map[string]any{"drawn": e.RandomSecrets}); err != nil {
		return nil, err
	}
	e.Desk.Say(fmt.Sprintf("Making a %s key in slot %s: PIN always, touch always.", e.Algorithm, slot))
	pub, evidence, err := e.Card.Provision(e.Algorithm, secrets)
	if err != nil {
		return nil, errors.Join(err, note("not provisioned", map[string]any{"why": err.Error()}))
	}
	e.Desk.Say("PIN, PUK and management key are set.")
	key, err := pgp.NewPublicKey(pub, roster.At(e.At).Time)
	if err != nil {
		return nil, err
	}
	enrolment := &Enrolment{Repository: e.Repository, Holder: e.Holder, Serial: serial, Firmware: e.Card.Firmware().String(),
		Slot: slot, Key: roster.Key{PublicKey: key}, Attesting: roster.NoAttestation, Enrolled: roster.At(e.At)}
	if err := e.bind(enrolment, evidence); err != nil {
		return nil, errors.Join(err, note("refused", map[string]any{"why": err.Error()}))
	}
	if err := e.write(enrolment, evidence); err != nil {
		return nil, err
	}
	return enrolment, note("enrolled", map[string]any{"key": key.ID().String(), "attestation": enrolment.Attesting})
}

// bind checks the attestation. In a rehearsal it may lead to a root that only
// the plan will name; that it is of this key, card, slot and policies is
// checked all the same.
func (e *Enrolling) bind(enrolment *Enrolment, evidence hsm.Evidence) error {
	if evidence.IsZero() {
		e.Desk.Say("This card gives NO ATTESTATION: nothing shows that its key was made on it. The plan must name its holder in cards_without_attestation.")
		return nil
	}
	pub := enrolment.Key.Public()
	a, err := hsm.CheckAttestation(evidence, hsm.YubicoRoots(), pub, e.At)
	if err != nil && isRehearsal(e.Repository) {
		device, parseErr := x509.ParseCertificate(evidence.Device)
		if parseErr != nil {
			return parseErr
		}
		itself := x509.NewCertPool()
		itself.AddCert(device)
		if a, err = hsm.CheckAttestation(evidence, itself, pub, e.At); err == nil {
			e.Desk.Say("The attestation leads to no root of Yubico's: the rehearsal's plan must name its root.")
		}
	}
	if err != nil {
		return err
	}
	if err := a.RequireRootPolicy(); err != nil {
		return err
	}
	if a.Serial() != e.Card.Serial() {
		return &hsm.AttestationError{Reason: fmt.Sprintf("it is of card %d, want card %d", a.Serial(), e.Card.Serial())}
	}
	enrolment.Attesting = digest.Digest(evidence.Digest()).String()
	e.Desk.Say(fmt.Sprintf("Attested: card %d, firmware %s, key generated in slot %s, PIN %v, touch %v.", a.Serial(), a.Firmware(), a.Slot(), a.PINPolicy(), a.TouchPolicy()))
	for _, adv := range hsm.Advisories(a.Firmware(), e.Algorithm) {
		e.Desk.Say(fmt.Sprintf("WARNING %s: %s (%s)", adv.ID, adv.Warning, adv.URL))
	}
	return nil
}

// write writes the attestation and then the enrolment that names it.
func (e *Enrolling) write(enrolment *Enrolment, evidence hsm.Evidence) error {
	if enrolment.Attesting != roster.NoAttestation {
		path := filepath.Join(e.Dir, attestationName(enrolment.Attesting))
		if err := durable.WriteNew(path, evidence.Format(), 0o644); err != nil {
			return err
		}
	}
	b, err := enrolment.Format()
	if err != nil {
		return err
	}
	return durable.WriteNew(filepath.Join(e.Dir, enrolmentName(enrolment.Serial)), b, 0o644)
}

// Certify has an enrolled card certify itself for people's gpg, where Enrol was
// interrupted before that.
func Certify(e Enrolling) error {
	raw, err := readFile(filepath.Join(e.Dir, enrolmentName(e.Card.Serial())), maxEnrolment)
	if err != nil {
		return refuse("reading the enrolment of card %d", e.Card.Serial()).because(err)
	}
	enrolment, err := ParseEnrolment(raw)
	if err != nil {
		return &RefusedError{Err: err}
	}
	e.Holder, e.Repository = enrolment.Holder, enrolment.Repository
	h := &Holder{Name: enrolment.Holder, Card: enrolment.Serial, Enrolment: enrolment}
	return Judge(e.certify(&enrolment, func(tries int) (string, error) { return askPIN(e.Desk, h, tries) }))
}

// certify makes the certificate and writes it.
func (e *Enrolling) certify(enrolment *Enrolment, pin func(int) (string, error)) error {
	key := enrolment.Key.PublicKey
	e.Desk.Say("The card certifies itself for gpg, with the new PIN and a touch.")
	signer, err := e.Card.Signer(key.Public(), pin, func() { e.Desk.Say(fmt.Sprintf("TOUCH card %d now.", e.Card.Serial())) })
	if err != nil {
		return err
	}
	cert, err := pgp.Certify(e.Rand, userID(e.Holder, e.Repository), key, signer, e.At)
	if err != nil {
		return err
	}
	return durable.WriteNew(filepath.Join(e.Dir, certificateName(enrolment.Serial)), cert, 0o644)
}
