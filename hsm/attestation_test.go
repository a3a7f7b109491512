package hsm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// A maker issues cards' certificates as a card's maker does; its fields are
// what a test turns wrong.
type maker struct {
	root, device, slot             *x509.Certificate // templates
	rootKey, deviceKey, slotKey    *ecdsa.PrivateKey
	slotSigner                     *ecdsa.PrivateKey // deviceKey, unless a test says otherwise
	firmware, serial, policy, form []byte            // extension values; nil leaves one out
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newMaker(t *testing.T) *maker {
	template := func(n int64, name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: name},
			NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(1, 0, 0)}
	}
	m := &maker{
		root: template(1, "Maker Root"), device: template(2, "Maker Device"), slot: template(3, "YubiKey PIV Attestation 9c"),
		rootKey: newKey(t), deviceKey: newKey(t), slotKey: newKey(t),
		firmware: []byte{5, 7, 1}, serial: []byte{2, 4, 0, 0xab, 0x41, 0x30}, policy: []byte{3, 2}, form: []byte{3},
	}
	m.root.IsCA, m.root.BasicConstraintsValid, m.root.MaxPathLenZero = true, true, true // as Yubico's U2F root
	m.slotSigner = m.deviceKey
	return m
}

func (m *maker) pool(t *testing.T) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(m.issue(t, m.root, m.root, m.rootKey, m.rootKey))
	return pool
}

func (m *maker) issue(t *testing.T, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (m *maker) evidence(t *testing.T) Evidence {
	t.Helper()
	m.slot.ExtraExtensions = nil
	for i, value := range [][]byte{m.firmware, m.serial, m.policy, m.form} {
		id := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, []int{3, 7, 8, 9}[i]}
		if value != nil {
			m.slot.ExtraExtensions = append(m.slot.ExtraExtensions, pkix.Extension{Id: id, Value: value})
		}
	}
	device := m.issue(t, m.device, m.root, m.deviceKey, m.rootKey)
	return Evidence{Slot: m.issue(t, m.slot, m.device, m.slotKey, m.slotSigner).Raw, Device: device.Raw}
}

func TestCheckAttestation(t *testing.T) {
	m := newMaker(t)
	e := m.evidence(t)
	a, err := CheckAttestation(e, m.pool(t), m.slotKey.Public(), noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.RequireRootPolicy(); err != nil {
		t.Error(err)
	}
	if a.Slot() != "9c" || a.Serial() != 11223344 || a.Firmware() != (Firmware{5, 7, 1}) || a.PINPolicy() != PINAlways ||
		a.TouchPolicy() != TouchAlways || a.FormFactor().String() != "USB-C keychain" || a.Root() != "Maker Root" ||
		a.Digest() != e.Digest() || !m.slotKey.PublicKey.Equal(a.PublicKey()) {
		t.Errorf("attestation reads %+v", a)
	}
}

// Each row turns one thing wrong; CheckAttestation refuses it for that reason.
func TestCheckAttestationRefuses(t *testing.T) {
	tests := []struct {
		name, reason string
		turn         func(t *testing.T, m *maker)
	}{
		{"no CA says the device", "says that it is no CA", func(_ *testing.T, m *maker) { m.device.BasicConstraintsValid = true }},
		{"slot signed by another", "not signed by the device", func(t *testing.T, m *maker) { m.slotSigner = newKey(t) }},
		{"root expired", "leads to no trusted root", func(_ *testing.T, m *maker) { m.root.NotAfter = noon.Add(-time.Hour) }},
		{"device expired", "leads to no trusted root", func(_ *testing.T, m *maker) { m.device.NotAfter = noon.Add(-time.Hour) }},
		{"slot expired", "not at 2026-05-01T12:00:00Z", func(_ *testing.T, m *maker) { m.slot.NotAfter = noon.Add(-time.Hour) }},
		{"slot not yet", "not at 2026-05-01T12:00:00Z", func(_ *testing.T, m *maker) { m.slot.NotBefore = noon.Add(time.Hour) }},
		{"another name", "slot certificate's name", func(_ *testing.T, m *maker) { m.slot.Subject.CommonName = "YubiKey OPGP Attestation 01" }},
		{"slot not hexadecimal", "slot certificate's name", func(_ *testing.T, m *maker) { m.slot.Subject.CommonName = "YubiKey PIV Attestation +9" }},
		{"slot of three digits", "slot certificate's name", func(_ *testing.T, m *maker) { m.slot.Subject.CommonName = "YubiKey PIV Attestation 09c" }},
		{"no firmware", "lacks extension 1.3.6.1.4.1.41482.3.3", func(_ *testing.T, m *maker) { m.firmware = nil }},
		{"no policy", "lacks extension 1.3.6.1.4.1.41482.3.8", func(_ *testing.T, m *maker) { m.policy = nil }},
		{"short policy", "has 1 bytes, want 2", func(_ *testing.T, m *maker) { m.policy = []byte{3} }},
		{"long firmware", "has 4 bytes, want 3", func(_ *testing.T, m *maker) { m.firmware = []byte{5, 7, 1, 0} }},
		{"serial negative", "not a positive number", func(_ *testing.T, m *maker) { m.serial = []byte{2, 1, 0xff} }},
		{"serial too large", "not a positive number", func(_ *testing.T, m *maker) { m.serial = []byte{2, 5, 1, 0, 0, 0, 0} }},
		{"serial not DER", "not a positive number", func(_ *testing.T, m *maker) { m.serial = []byte{1, 2, 3, 4} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newMaker(t)
			test.turn(t, m)
			_, err := CheckAttestation(m.evidence(t), m.pool(t), m.slotKey.Public(), noon)
			wantRefusal(t, err, test.reason)
		})
	}
	t.Run("another issuer's name", func(t *testing.T) {
		m := newMaker(t)
		e := m.evidence(t)
		m.device.Subject.CommonName = "Maker Device II" // same key, so the signature holds
		e.Slot = m.evidence(t).Slot
		_, err := CheckAttestation(e, m.pool(t), m.slotKey.Public(), noon)
		wantRefusal(t, err, "was issued by")
	})
}

// The time that counts is the one given, not the clock's: these certificates
// expired long ago.
func TestCheckAttestationAtItsTime(t *testing.T) {
	m := newMaker(t)
	then := time.Date(2002, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, template := range []*x509.Certificate{m.root, m.device, m.slot} {
		template.NotBefore, template.NotAfter = then.AddDate(-1, 0, 0), then.AddDate(1, 0, 0)
	}
	e := m.evidence(t)
	if _, err := CheckAttestation(e, m.pool(t), m.slotKey.Public(), then); err != nil {
		t.Error(err)
	}
	_, err := CheckAttestation(e, m.pool(t), m.slotKey.Public(), noon)
	wantRefusal(t, err, "leads to no trusted root")
}

func wantRefusal(t *testing.T, err error, reason string) {
	t.Helper()
	var refused *AttestationError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), reason) {
		t.Errorf("error is %v, want an AttestationError with %q", err, reason)
	}
}

func TestCheckAttestationOfOthers(t *testing.T) {
	m, other := newMaker(t), newMaker(t)
	e, pool, pub := m.evidence(t), m.pool(t), m.slotKey.Public()
	tests := []struct {
		name, reason string
		e            Evidence
		roots        *x509.CertPool
		pub          crypto.PublicKey
	}{
		{"another maker's roots", "leads to no trusted root", e, other.pool(t), pub},
		{"no roots", "no root certificate is trusted", e, nil, pub},
		{"Yubico's roots", "leads to no trusted root", e, YubicoRoots(), pub},
		{"another key", "another key", e, pool, other.slotKey.Public()},
		{"no key", "another key", e, pool, nil},
		{"another device", "not signed by the device", Evidence{other.evidence(t).Slot, e.Device}, pool, other.slotKey.Public()},
		{"no evidence", "reading the slot's certificate", Evidence{}, pool, pub},
		{"no device", "reading the device's certificate", Evidence{Slot: e.Slot}, pool, pub},
		// A card attests the key in 9a; that key must not attest others.
		{"slot as device", "leads to no trusted root", Evidence{e.Slot, e.Slot}, pool, pub},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := CheckAttestation(test.e, test.roots, test.pub, noon)
			wantRefusal(t, err, test.reason)
		})
	}
}

func TestRequireRootPolicy(t *testing.T) {
	tests := []struct {
		name, reason string
		turn         func(m *maker)
	}{
		{"slot", `key is in slot "9a", want 9c`, func(m *maker) { m.slot.Subject.CommonName = "YubiKey PIV Attestation 9a" }},
		{"PIN", "PIN policy is once, want always", func(m *maker) { m.policy = []byte{2, 2} }},
		{"touch", "touch policy is cached, want always", func(m *maker) { m.policy = []byte{3, 3} }},
		{"unknown", "touch policy is unknown (9), want always", func(m *maker) { m.policy = []byte{3, 9} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newMaker(t)
			test.turn(m)
			a, err := CheckAttestation(m.evidence(t), m.pool(t), m.slotKey.Public(), noon)
			if err != nil {
				t.Fatal(err)
			}
			wantRefusal(t, a.RequireRootPolicy(), test.reason)
		})
	}
	wantRefusal(t, Attestation{}.RequireRootPolicy(), "want 9c") // the zero value refuses
}

// Attestations of real cards, old and new, lead to Yubico's roots.
func TestYubicoRoots(t *testing.T) {
	tests := []struct {
		file, root string
		firmware   Firmware
		serial     uint32
	}{
		{"yubikey-5.4.3.pem", "Yubico PIV Root CA Serial 263751", Firmware{5, 4, 3}, 15732500},
		{"yubikey-4.3.7.pem", "Yubico U2F Root CA Serial 457200631", Firmware{4, 3, 7}, 0},
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			b, err := os.ReadFile("testdata/" + test.file)
			if err != nil {
				t.Fatal(err)
			}
			e, err := ParseEvidence(b)
			if err != nil {
				t.Fatal(err)
			}
			slot, err := x509.ParseCertificate(e.Slot)
			if err != nil {
				t.Fatal(err)
			}
			a, err := CheckAttestation(e, YubicoRoots(), slot.PublicKey, noon)
			if err != nil {
				t.Fatal(err)
			}
			if a.Root() != test.root || a.Firmware() != test.firmware || a.Serial() != test.serial || a.Slot() != "9a" {
				t.Errorf("read %q, firmware %v, serial %d, slot %s", a.Root(), a.Firmware(), a.Serial(), a.Slot())
			}
		})
	}
}

// The certificates that are built in are all there, are Yubico's, and chain.
func TestYubicoCertificates(t *testing.T) {
	if n := strings.Count(string(yubicoRootsPEM), "BEGIN"); n != 3 {
		t.Errorf("%d roots, want 3", n)
	}
	rest := yubicoRootsPEM
	for range 3 {
		if c := parseNext(t, &rest); !strings.HasPrefix(c.Subject.CommonName, "Yubico ") || c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
			t.Errorf("root %s is not signed by itself", c.Subject)
		}
	}
	rest = yubicoIntermediatesPEM
	for n := range 4 {
		e := parseNext(t, &rest)
		if _, err := e.Verify(x509.VerifyOptions{Roots: YubicoRoots(), Intermediates: yubicoIntermediates(), CurrentTime: noon,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Errorf("intermediate %d, %s: %v", n, e.Subject, err)
		}
	}
}

func TestAdvisories(t *testing.T) {
	tests := []struct {
		firmware  Firmware
		algorithm Algorithm
		want      string
	}{
		{Firmware{5, 6, 9}, P384, "YSA-2024-03"},
		{Firmware{5, 7, 0}, P384, ""},
		{Firmware{4, 3, 5}, P256, "YSA-2024-03"},
		{Firmware{5, 4, 3}, RSA3072, ""},
		{Firmware{3, 9, 9}, RSA2048, ""},
		{Firmware{4, 2, 4}, RSA2048, "CVE-2017-15361"},
		{Firmware{4, 4, 1}, RSA2048, ""},
		{Firmware{4, 4, 2}, RSA2048, "YSA-2019-02"},
		{Firmware{4, 4, 4}, P384, "YSA-2024-03 YSA-2019-02"},
		{Firmware{4, 4, 5}, RSA2048, ""},
		{Firmware{4, 2, 6}, RSA2048, "CVE-2017-15361"},
		{Firmware{4, 3, 4}, RSA2048, "CVE-2017-15361"},
		{Firmware{4, 3, 5}, RSA2048, ""},
	}
	for _, test := range tests {
		var ids []string
		for _, a := range Advisories(test.firmware, test.algorithm) {
			ids = append(ids, a.ID)
		}
		if got := strings.Join(ids, " "); got != test.want {
			t.Errorf("%s on firmware %v: %q, want %q", test.algorithm, test.firmware, got, test.want)
		}
	}
}
