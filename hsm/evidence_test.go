package hsm

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"testing"
)

func parseNext(t *testing.T, rest *[]byte) *x509.Certificate {
	t.Helper()
	block, after := pem.Decode(*rest)
	if block == nil {
		t.Fatal("a certificate is missing")
	}
	*rest = after
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestEvidencePrintsBack(t *testing.T) {
	e := newMaker(t).evidence(t)
	again, err := ParseEvidence(e.Format())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Slot, e.Slot) || !bytes.Equal(again.Device, e.Device) || again.Digest() != sha256.Sum256(e.Format()) {
		t.Error("evidence does not parse back, or its digest is not that of its PEM bytes")
	}
}

func TestParseEvidenceRefuses(t *testing.T) {
	e := newMaker(t).evidence(t)
	good := string(e.Format())
	slot := string(pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: e.Slot}))
	long := newMaker(t)
	long.slot.DNSNames = []string{strings.Repeat("long.", MaxEvidence/5)}
	tests := map[string]string{
		"empty":           "",
		"one block":       slot,
		"three blocks":    good + slot,
		"text before":     "hello\n" + good,
		"text after":      good + "hello\n",
		"blank line":      good + "\n",
		"CRLF":            strings.ReplaceAll(good, "\n", "\r\n"),
		"a header":        strings.Replace(good, "-----\n", "-----\nA: b\n\n", 1),
		"another type":    strings.ReplaceAll(good, pemType, "PUBLIC KEY"),
		"no certificate":  string(Evidence{Slot: []byte("x"), Device: e.Device}.Format()),
		"too long":        string(long.evidence(t).Format()),
		"trailing in DER": string(Evidence{Slot: append(bytes.Clone(e.Slot), 0), Device: e.Device}.Format()),
	}
	for name, text := range tests {
		if _, err := ParseEvidence([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	_, err := ParseEvidence([]byte(tests["another type"]))
	if err == nil || !strings.Contains(err.Error(), `PEM block 1 is a "PUBLIC KEY", want "CERTIFICATE"`) {
		t.Errorf("another type: %v", err)
	}
}

// What is accepted prints back to the same bytes, and nothing makes the parser
// or the check panic.
func FuzzParseEvidence(f *testing.F) {
	for _, name := range []string{"yubikey-5.4.3.pem", "yubikey-4.3.7.pem"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEvidence(b)
		if err != nil {
			return
		}
		if !bytes.Equal(e.Format(), b) {
			t.Errorf("accepted %q and prints %q", b, e.Format())
		}
		_, _ = CheckAttestation(e, YubicoRoots(), nil, noon)
	})
}

func TestErrorsSpeakPlainly(t *testing.T) {
	slot := Place{Serial: 11223344, Slot: "9c"}
	tests := []struct {
		err  error
		want string
	}{
		{&PINError{slot, PIN, 1}, "card 11223344 slot 9c: PIN refused, 1 try left"},
		{&PINError{slot, PUK, 2}, "card 11223344 slot 9c: PUK refused, 2 tries left"},
		{&BlockedError{slot, PIN}, "card 11223344 slot 9c: PIN is blocked, 0 tries left"},
		{&TouchError{slot, 0x6600}, "card 11223344 slot 9c: not touched in time, nothing signed (status 6600)"},
		{&ManyCardsError{[]uint32{1, 22}}, "2 PIV cards found (1, 22), want one"},
		{&NoCardError{Want: 5, Others: []uint32{7}}, "card 5 is not there, found 7"},
		{&NoCardError{Readers: 2}, "no PIV card found in 2 readers"},
		{&NoCardError{Want: 5, Readers: 2}, "card 5 is not there, found no PIV card in 2 readers"},
		{&SecretsError{Changed: []Secret{PIN, PUK}, Failed: ManagementKey, Err: errors.New("no")},
			"setting the management key, PIN and PUK changed already: no"},
		{&UnsupportedError{Place: slot, What: "attestation"}, "card 11223344 slot 9c: the card does not support attestation"},
	}
	for _, test := range tests {
		if got := test.err.Error(); got != test.want {
			t.Errorf("%T says %q, want %q", test.err, got, test.want)
		}
	}
}
