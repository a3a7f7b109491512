package hsm

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// MaxEvidence is the most bytes that [ParseEvidence] reads; cards' certificates
// have at most about 3 kB each.
const MaxEvidence = 16 << 10

// Evidence is what a card says about the key in a slot: two X.509 certificates
// in DER. Nobody has checked it; see [CheckAttestation].
type Evidence struct {
	Slot   []byte // the slot's attestation, issued by the card
	Device []byte // the card's own certificate (slot f9), issued by its maker
}

// IsZero reports whether there is no evidence at all, as from a card that
// cannot attest.
func (e Evidence) IsZero() bool { return len(e.Slot) == 0 && len(e.Device) == 0 }

const pemType = "CERTIFICATE"

// Format gives the evidence in PEM: the slot's certificate, then the device's,
// without headers or text. There is one encoding per evidence.
func (e Evidence) Format() []byte {
	b := pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: e.Slot})
	return append(b, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: e.Device})...)
}

// Digest gives the SHA-256 of [Evidence.Format], by which a root roster names
// the evidence.
func (e Evidence) Digest() [32]byte { return sha256.Sum256(e.Format()) }

// ParseEvidence reads what [Evidence.Format] wrote, and nothing that would not
// print back to the same bytes. Both parts are well-formed certificates then;
// nothing else was checked.
func ParseEvidence(b []byte) (Evidence, error) {
	if len(b) > MaxEvidence {
		return Evidence{}, fmt.Errorf("attestation has %d bytes, want at most %d", len(b), MaxEvidence)
	}
	var e Evidence
	rest := b
	for i, part := range []*[]byte{&e.Slot, &e.Device} {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			return Evidence{}, fmt.Errorf("attestation has %d PEM blocks, want 2", i)
		}
		if block.Type != pemType {
			return Evidence{}, fmt.Errorf("attestation: PEM block %d is a %q, want %q", i+1, block.Type, pemType)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return Evidence{}, fmt.Errorf("attestation: PEM block %d: %w", i+1, err)
		}
		*part = block.Bytes
	}
	if !bytes.Equal(e.Format(), b) {
		return Evidence{}, errors.New("attestation is not two PEM certificates and nothing else, spelled as they are printed")
	}
	return e, nil
}
