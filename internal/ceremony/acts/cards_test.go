package acts

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
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/ceremony"
)

// Everybody's secrets.
const (
	pin = "271828"
	puk = "31415926"
)

// A maker attests cards, as a maker of cards does.
type maker struct {
	root, device *x509.Certificate
	key          *ecdsa.PrivateKey // the device's
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	return k
}

func newMaker(t testing.TB) *maker {
	t.Helper()
	root := newKey(t)
	m := &maker{key: newKey(t)}
	ca := func(n int64, name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
			NotBefore: begin.AddDate(-1, 0, 0), NotAfter: begin.AddDate(9, 0, 0)}
	}
	m.root = issue(t, ca(1, "Maker"), ca(1, "Maker"), root.Public(), root)
	m.device = issue(t, ca(2, "Device"), m.root, m.key.Public(), root)
	return m
}

func issue(t testing.TB, template, parent *x509.Certificate, pub crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, by)
	must(t, err)
	c, err := x509.ParseCertificate(der)
	must(t, err)
	return c
}

func (m *maker) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.root.Raw})
}

// attest says of a key that it was made in a card: firmware 5.7.1, slot 9c, PIN
// and touch always.
func (m *maker) attest(t testing.TB, pub crypto.PublicKey, serial uint32) hsm.Evidence {
	t.Helper()
	number, err := asn1.Marshal(int64(serial))
	must(t, err)
	arc := func(n int) asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, n} }
	c := issue(t, &x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "YubiKey PIV Attestation 9c"},
		NotBefore: m.device.NotBefore, NotAfter: m.device.NotAfter,
		ExtraExtensions: []pkix.Extension{{Id: arc(3), Value: []byte{5, 7, 1}}, {Id: arc(7), Value: number}, {Id: arc(8), Value: []byte{3, 2}}},
	}, m.device, pub, m.key)
	return hsm.Evidence{Slot: c.Raw, Device: m.device.Raw}
}

// A card is a PIV card in memory.
type card struct {
	t      testing.TB
	maker  *maker
	serial uint32
	key    *ecdsa.PrivateKey // nil: slot empty
}

func (c *card) Serial() uint32         { return c.serial }
func (c *card) Firmware() hsm.Firmware { return hsm.Firmware{Major: 5, Minor: 7, Patch: 1} }

func (c *card) Look() (ceremony.CardState, error) {
	return ceremony.CardState{PINTries: 3, PUKTries: -1, SlotEmpty: c.key == nil}, nil
}

func (c *card) Provision(hsm.Algorithm, ceremony.Secrets) (crypto.PublicKey, hsm.Evidence, error) {
	c.key = newKey(c.t)
	return c.key.Public(), c.maker.attest(c.t, c.key.Public(), c.serial), nil
}

func (c *card) Signer(pub crypto.PublicKey, pin func(int) (string, error), touch func()) (crypto.Signer, error) {
	if !c.key.PublicKey.Equal(pub) {
		return nil, &hsm.WrongKeyError{Place: hsm.Place{Serial: c.serial, Slot: "9c"}, Detail: "in memory"}
	}
	return &cardSigner{c.key, c.serial, pin, touch}, nil
}

type cardSigner struct {
	*ecdsa.PrivateKey
	serial uint32
	pin    func(int) (string, error)
	touch  func()
}

func (s *cardSigner) Sign(r io.Reader, d []byte, o crypto.SignerOpts) ([]byte, error) {
	typed, err := s.pin(3)
	if err != nil {
		return nil, err
	}
	if typed != pin {
		return nil, &hsm.PINError{Place: hsm.Place{Serial: s.serial, Slot: "9c"}, Secret: hsm.PIN, Tries: 2}
	}
	s.touch()
	return s.PrivateKey.Sign(r, d, o)
}

// A reader is where cards are put.
type reader struct {
	cards map[uint32]*card
	in    []uint32
}

func (r *reader) Present() ([]uint32, error) { return slices.Clone(r.in), nil }

func (r *reader) Open(serial uint32) (ceremony.Card, error) {
	if c := r.cards[serial]; c != nil && slices.Contains(r.in, serial) {
		return c, nil
	}
	return nil, &hsm.NoCardError{Want: serial, Readers: 1, Others: r.in}
}

// enrolling is the desk at which a card is enrolled.
type enrolling struct{}

func (enrolling) Say(string)                   {}
func (enrolling) Ask(p string) (string, error) { return "", errors.New("asked " + p) }
func (enrolling) Secret(p string) (string, error) {
	if strings.Contains(p, "PUK") {
		return puk, nil
	}
	return pin, nil
}

// serials are the cards that people have on every stage. Alice has a second one
// in a drawer.
var serials = map[string]uint32{"Alice": 1001, "Bob": 1002, "Carol": 1003, "Dave": 1004, "Erin": 1005, "Alice again": 1006}

// enrol has all cards provisioned.
func (w *world) enrol() {
	w.t.Helper()
	for name, serial := range serials {
		c := &card{t: w.t, maker: w.maker, serial: serial}
		if name == "Alice again" {
			name = "Alice"
		}
		_, err := ceremony.Enrol(ceremony.Enrolling{Card: c, Desk: enrolling{}, At: w.now.Add(-1), Rand: rand.Reader,
			Holder: name, Repository: repository, Dir: w.path("enrolments"), Algorithm: hsm.P384})
		if err != nil {
			w.t.Fatalf("enrolling card %d of %s: %v", serial, name, err)
		}
		w.cards[serial] = c
	}
}

func enrolmentOf(serial uint32) string { return fmt.Sprintf("enrolments/%d.json", serial) }
