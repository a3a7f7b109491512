package hsm

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// PINPolicy says when a card wants the PIN for a key.
type PINPolicy byte

// PIN policies, with the numbers of Yubico's PIV extensions.
const (
	PINNever       PINPolicy = 1
	PINOnce        PINPolicy = 2
	PINAlways      PINPolicy = 3
	PINMatchOnce   PINPolicy = 4 // a fingerprint instead
	PINMatchAlways PINPolicy = 5
)

func (p PINPolicy) String() string {
	return policyName(int(p), "", "never", "once", "always", "match once", "match always")
}

// TouchPolicy says when a card wants to be touched for a key.
type TouchPolicy byte

// Touch policies, with the numbers of Yubico's PIV extensions.
const (
	TouchNever  TouchPolicy = 1
	TouchAlways TouchPolicy = 2
	TouchCached TouchPolicy = 3 // good for 15 seconds
)

func (p TouchPolicy) String() string { return policyName(int(p), "", "never", "always", "cached") }

func policyName(n int, names ...string) string {
	if n <= 0 || n >= len(names) {
		return fmt.Sprintf("unknown (%d)", n)
	}
	return names[n]
}

// A FormFactor says which shape of YubiKey it is; 0 where the card does not say.
type FormFactor byte

func (f FormFactor) String() string {
	if f == 0 {
		return "not said"
	}
	name := policyName(int(f&0x0f), "", "USB-A keychain", "USB-A nano", "USB-C keychain", "USB-C nano", "USB-C and Lightning keychain")
	if f&0x80 != 0 {
		name += ", FIPS"
	}
	return name
}

// An Attestation is proof that a key was generated on a card, in a slot, under
// policies that the card enforces: a value exists only after [CheckAttestation].
type Attestation struct {
	pub         crypto.PublicKey
	digest      [32]byte
	slot        string
	serial      uint32
	firmware    Firmware
	pinPolicy   PINPolicy
	touchPolicy TouchPolicy
	formFactor  FormFactor
	root        string
}

// PublicKey is the key attested.
func (a Attestation) PublicKey() crypto.PublicKey { return a.pub }

// Digest is the digest of the evidence; see [Evidence.Digest].
func (a Attestation) Digest() [32]byte { return a.digest }

// Slot is the slot in two hexadecimal digits, such as "9c".
func (a Attestation) Slot() string { return a.slot }

// Serial is the card's serial number; 0 where the card does not say, as some
// YubiKey 4 do.
func (a Attestation) Serial() uint32 { return a.serial }

// Firmware is the version with which the card made the attestation.
func (a Attestation) Firmware() Firmware { return a.firmware }

// PINPolicy is the policy of the key.
func (a Attestation) PINPolicy() PINPolicy { return a.pinPolicy }

// TouchPolicy is the policy of the key.
func (a Attestation) TouchPolicy() TouchPolicy { return a.touchPolicy }

// FormFactor is the shape of the card.
func (a Attestation) FormFactor() FormFactor { return a.formFactor }

// Root is the common name of the root certificate that the evidence ends with.
func (a Attestation) Root() string { return a.root }

// RequireRootPolicy checks that the key is one that may sign for the root: in
// slot 9c, with PIN always and touch always. The error is an
// [*AttestationError].
func (a Attestation) RequireRootPolicy() error {
	switch {
	case a.slot != "9c":
		return refuse("key is in slot %q, want 9c", a.slot)
	case a.pinPolicy != PINAlways:
		return refuse("PIN policy is %v, want %v", a.pinPolicy, PINAlways)
	case a.touchPolicy != TouchAlways:
		return refuse("touch policy is %v, want %v", a.touchPolicy, TouchAlways)
	}
	return nil
}

// An AttestationError reports evidence that does not prove what was asked.
type AttestationError struct {
	Reason string
	Err    error // may be nil
}

func (e *AttestationError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("attestation: %s: %v", e.Reason, e.Err)
	}
	return "attestation: " + e.Reason
}

func (e *AttestationError) Unwrap() error { return e.Err }

func refuse(format string, args ...any) error {
	return &AttestationError{Reason: fmt.Sprintf(format, args...)}
}

// CheckAttestation checks that the evidence proves that pub was generated in a
// slot of a card whose maker's root is in roots, at the time at (UTC). See
// Yubico's "PIV attestation" for the certificates and their extensions.
//
// The device certificate must have been issued by one of roots, or by one of
// Yubico's PIV intermediates below one of roots; the slot's certificate must be
// signed by the device certificate's key and name it as its issuer. Some older
// devices' certificates lack the basic constraints by which RFC 5280 (section
// 4.2.1.9) tells a CA, and one of Yubico's roots allows no CA below it; so the
// step from device to slot checks signature, names and validity alone, and
// refuses only a device certificate that says that it is no CA. No other
// certificate can stand between them: evidence has exactly two.
//
// It does not check policies or the slot's number (see
// [Attestation.RequireRootPolicy]), advisories (see [Advisories]), or whether a
// maker revoked the device; Yubico publishes no such list. The error is an
// [*AttestationError].
func CheckAttestation(e Evidence, roots *x509.CertPool, pub crypto.PublicKey, at time.Time) (Attestation, error) {
	slot, err := x509.ParseCertificate(e.Slot)
	if err != nil {
		return Attestation{}, &AttestationError{"reading the slot's certificate", err}
	}
	device, err := x509.ParseCertificate(e.Device)
	if err != nil {
		return Attestation{}, &AttestationError{"reading the device's certificate", err}
	}
	root, err := checkDevice(device, roots, at)
	if err != nil {
		return Attestation{}, err
	}
	if err := checkIssued(slot, device, at); err != nil {
		return Attestation{}, err
	}
	if !samePublicKey(slot.PublicKey, pub) {
		return Attestation{}, refuse("it is about another key than the one given")
	}
	a := Attestation{pub: slot.PublicKey, digest: e.Digest(), root: root}
	if err := a.read(slot); err != nil {
		return Attestation{}, err
	}
	return a, nil
}

// checkDevice leads the device certificate to a root, whose name it gives.
func checkDevice(device *x509.Certificate, roots *x509.CertPool, at time.Time) (string, error) {
	if roots == nil { // x509 would take the system's roots
		return "", refuse("no root certificate is trusted")
	}
	chains, err := device.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: yubicoIntermediates(),
		CurrentTime:   at,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return "", &AttestationError{fmt.Sprintf("device certificate %q leads to no trusted root", device.Subject), err}
	}
	chain := chains[0]
	return chain[len(chain)-1].Subject.CommonName, nil
}

// checkIssued checks the step from device to slot.
func checkIssued(slot, device *x509.Certificate, at time.Time) error {
	switch {
	case device.BasicConstraintsValid && !device.IsCA:
		return refuse("device certificate %q says that it is no CA", device.Subject)
	case !bytes.Equal(slot.RawIssuer, device.RawSubject):
		return refuse("slot certificate was issued by %q, want %q", slot.Issuer, device.Subject)
	case at.Before(slot.NotBefore) || at.After(slot.NotAfter):
		return refuse("slot certificate is valid from %s to %s, not at %s", utc(slot.NotBefore), utc(slot.NotAfter), utc(at))
	}
	if err := device.CheckSignature(slot.SignatureAlgorithm, slot.RawTBSCertificate, slot.Signature); err != nil {
		return &AttestationError{"slot certificate is not signed by the device", err}
	}
	return nil
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

const slotNamePrefix = "YubiKey PIV Attestation "

// Extensions below Yubico's arc 1.3.6.1.4.1.41482.3.
const (
	extFirmware   = "1.3.6.1.4.1.41482.3.3"
	extSerial     = "1.3.6.1.4.1.41482.3.7"
	extPolicy     = "1.3.6.1.4.1.41482.3.8"
	extFormFactor = "1.3.6.1.4.1.41482.3.9"
)

// read takes the card's statements from the slot's certificate.
func (a *Attestation) read(slot *x509.Certificate) error {
	name, ok := strings.CutPrefix(slot.Subject.CommonName, slotNamePrefix)
	n, err := strconv.ParseUint(name, 16, 8)
	if !ok || err != nil || len(name) != 2 {
		return refuse("slot certificate's name is %q, want %q and two hexadecimal digits", slot.Subject.CommonName, slotNamePrefix)
	}
	a.slot = fmt.Sprintf("%02x", n)
	seen := map[string]bool{}
	for _, ext := range slot.Extensions {
		id := ext.Id.String()
		seen[id] = true
		if err := a.readExtension(id, ext.Value); err != nil {
			return err
		}
	}
	for _, id := range []string{extFirmware, extPolicy} { // older cards leave the others out
		if !seen[id] {
			return refuse("slot certificate lacks extension %s", id)
		}
	}
	return nil
}

func (a *Attestation) readExtension(id string, v []byte) error {
	sizes := map[string]int{extFirmware: 3, extPolicy: 2, extFormFactor: 1}
	if want, ok := sizes[id]; ok && len(v) != want {
		return refuse("extension %s has %d bytes, want %d", id, len(v), want)
	}
	switch id {
	case extFirmware:
		a.firmware = Firmware{v[0], v[1], v[2]}
	case extPolicy:
		a.pinPolicy, a.touchPolicy = PINPolicy(v[0]), TouchPolicy(v[1])
	case extFormFactor:
		a.formFactor = FormFactor(v[0])
	case extSerial:
		var n int64
		rest, err := asn1.Unmarshal(v, &n)
		if err != nil || len(rest) > 0 || n <= 0 || n > 1<<32-1 {
			return refuse("serial number %x is not a positive number of 32 bits", v)
		}
		a.serial = uint32(n)
	}
	return nil
}
