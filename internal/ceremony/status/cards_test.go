package status

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// A maker makes cards of firmware 5.4.3.
type maker struct {
	key    *ecdsa.PrivateKey
	device *x509.Certificate
	roots  *x509.CertPool
}

func newMaker(t *testing.T) *maker {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m := &maker{key: key, roots: x509.NewCertPool()}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Maker"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: rostertest.Epoch.AddDate(-1, 0, 0), NotAfter: rostertest.Epoch.AddDate(9, 0, 0)}
	m.device = m.issue(t, c, c, key.Public())
	m.roots.AddCert(m.device)
	return m
}

func (m *maker) issue(t *testing.T, template, parent *x509.Certificate, pub crypto.PublicKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, m.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (m *maker) attest(t *testing.T, pub crypto.PublicKey, serial int64) []byte {
	t.Helper()
	number, err := asn1.Marshal(serial)
	if err != nil {
		t.Fatal(err)
	}
	arc := func(n int) asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, n} }
	c := m.issue(t, &x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "YubiKey PIV Attestation 9c"},
		NotBefore: m.device.NotBefore, NotAfter: m.device.NotAfter, ExtraExtensions: []pkix.Extension{
			{Id: arc(3), Value: []byte{5, 4, 3}}, {Id: arc(7), Value: number}, {Id: arc(8), Value: []byte{3, 2}}}}, m.device, pub)
	return hsm.Evidence{Slot: c.Raw, Device: m.device.Raw}.Format()
}

// TestCards: each way in which an attestation can be there, or not.
func TestCards(t *testing.T) {
	known, strange := newMaker(t), newMaker(t)
	people := rostertest.People("Ann", "Ben", "Cleo", "Dan", "Eve", "Finn")
	files := make(map[string][]byte)
	names := make([]string, len(people))
	put := func(i int, raw []byte) {
		names[i] = digest.Sum(raw).String()
		files[roster.AttestationPath(digest.Sum(raw))] = raw
	}
	put(0, known.attest(t, people[0].Private.Public(), 11))
	put(1, strange.attest(t, people[1].Private.Public(), 22))
	names[2] = roster.NoAttestation
	names[3] = digest.Sum([]byte("nowhere")).String()
	put(4, known.attest(t, people[0].Private.Public(), 55)) // of another's key
	put(5, known.attest(t, people[5].Private.Public(), 66))
	changed := roster.AttestationPath(digest.Sum(files[roster.AttestationPath(mustParse(t, names[5]))]))
	files[changed] = known.attest(t, people[5].Private.Public(), 67)

	x := rostertest.New(t)
	x.Now = x.Now.AddDate(0, 1, 0)
	x.Succeed(func(r *roster.Root) {
		rostertest.SetKeyholders(r, people...)
		for i := range r.Keyholders {
			r.Keyholders[i].Attestation = names[i]
		}
	})
	for path, raw := range files {
		x.Put(path, raw)
	}
	rosters := walk(t, x)
	cards, err := ReadCards(context.Background(), rosters, x.Fetch, known.roots, hsm.Advisories, x.Now)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		proof  Proof
		serial uint32
	}{{Attested, 11}, {Claimed, 22}, {Unattested, 0}, {Missing, 0}, {Mismatched, 0}, {Mismatched, 0}} {
		c := cards[i]
		if c.Holder != people[i].Name || c.Proof != want.proof || c.Serial != want.serial || c.Version != 2 || !c.Since.Equal(x.Now) {
			t.Errorf("%s: %+v, want %s of card %d, since roster 2", people[i].Name, c, want.proof, want.serial)
		}
		if advised := len(c.Advisories) == 1 && c.Advisories[0].ID == "YSA-2024-03"; advised != (want.serial != 0) {
			t.Errorf("%s: advisories %v", c.Holder, c.Advisories)
		}
	}
	s := Of(Input{Rosters: rosters, Cards: cards, At: x.Now}, Usual())
	equal(t, "problems", s.Problems, "the attestation of Dan's card, which the roster names, is missing",
		"the attestation of Eve's card, which the roster names, is mismatched", "the attestation of Finn's card, which the roster names, is mismatched")
	if !containsID(s, "replace-YSA-2024-03-Ann") || containsID(s, "replace-YSA-2024-03-Cleo") {
		t.Errorf("actions %v", ids(s.Actions))
	}
	if len(s.Shared) != 1 || len(s.Shared[0].Holders) != 2 {
		t.Errorf("shared firmware %v, want that of Ann and Ben, who reach the threshold", s.Shared)
	}

	broken := errors.New("the disk is broken")
	_, err = ReadCards(context.Background(), rosters, func(context.Context, string, int64) ([]byte, error) { return nil, broken }, known.roots, hsm.Advisories, x.Now)
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want that of the disk", err)
	}
}

func containsID(s *Status, id string) bool {
	for _, a := range s.Actions {
		if a.ID == id {
			return true
		}
	}
	return false
}

func mustParse(t *testing.T, s string) digest.Digest {
	t.Helper()
	d, err := digest.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A key that stays is listed since the first roster that has it.
func TestSinceWhenAKeyIsListed(t *testing.T) {
	x := second(t, nil)
	cards, err := ReadCards(context.Background(), walk(t, x), x.Fetch, x509.NewCertPool(), hsm.Advisories, x.Now)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint64{1, 1, 2} { // Bob, Carol, Dave
		if cards[i].Version != want {
			t.Errorf("%s since roster %d, want %d", cards[i].Holder, cards[i].Version, want)
		}
	}
}
