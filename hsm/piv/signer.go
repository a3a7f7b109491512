//go:build cgo && (linux || darwin || freebsd || openbsd)

package piv

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"

	"github.com/go-piv/piv-go/v2/piv"

	"github.com/rootward/rootward/hsm"
)

// Signer gives a signer for the key in slot 9c, which must be pub. Whether it is
// shows by metadata, else by attestation, else by the slot's certificate; a card
// that has none of these is believed until it signs. The error is a
// [*hsm.WrongKeyError] or [*hsm.EmptySlotError].
//
// For each signature, Sign asks the card how many tries the PIN has left, calls
// pin once with that number, verifies the PIN, calls touch just before the card
// waits to be touched, and checks the signature with pub before it returns it.
// A wrong PIN is not asked for again: the caller decides. While pin waits, the
// card is free and may be pulled out and put back.
//
// Sign's errors are [*hsm.BlockedError] (pin was not called), [*hsm.PINError],
// [*hsm.TouchError], [*hsm.RemovedError], [*hsm.NoCardError],
// [*hsm.SignatureError], or what pin returned, wrapped. The rand that is given
// to Sign matters only to RSA-PSS; the card has its own.
func (c *Card) Signer(pub crypto.PublicKey, pin func(tries int) (string, error), touch func()) (crypto.Signer, error) {
	if _, err := hsm.AlgorithmOf(pub); err != nil {
		return nil, err
	}
	if err := c.onCard(func(yk *piv.YubiKey) error { return c.checkKey(yk, pub) }); err != nil {
		return nil, explain(c.slot(), "looking at the slot's key", err)
	}
	return &signer{card: c, pub: pub, pin: pin, touch: touch}, nil
}

// checkKey finds out whether slot 9c holds pub.
func (c *Card) checkKey(yk *piv.YubiKey, pub crypto.PublicKey) error {
	compare := func(found crypto.PublicKey, how string) error {
		e, ok := pub.(interface{ Equal(crypto.PublicKey) bool })
		if !ok || !e.Equal(found) {
			return &hsm.WrongKeyError{Place: c.slot(), Detail: "by its " + how}
		}
		return nil
	}
	info, err := yk.KeyInfo(piv.SlotSignature)
	switch {
	case err == nil && info.PublicKey != nil:
		return compare(info.PublicKey, "metadata")
	case errors.Is(err, piv.ErrNotFound):
		return &hsm.EmptySlotError{Place: c.slot()}
	case err != nil && isGone(err):
		return err
	}
	attested, err := yk.Attest(piv.SlotSignature)
	switch {
	case err == nil:
		return compare(attested.PublicKey, "attestation")
	case isGone(err):
		return err
	}
	cert, err := yk.Certificate(piv.SlotSignature)
	switch {
	case err == nil:
		return compare(cert.PublicKey, "certificate")
	case isGone(err):
		return err
	}
	return nil // Sign checks what the card signs
}

// A signer is slot 9c of a card as a crypto.Signer.
type signer struct {
	card  *Card
	pub   crypto.PublicKey
	pin   func(tries int) (string, error)
	touch func()
}

// Public implements [crypto.Signer].
func (s *signer) Public() crypto.PublicKey { return s.pub }

// Sign implements [crypto.Signer]; see [Card.Signer].
func (s *signer) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if h := opts.HashFunc(); h == 0 || h.Size() != len(digest) {
		return nil, fmt.Errorf("digest has %d bytes, want a whole digest of a named hash", len(digest))
	}
	pin, err := s.askPIN()
	if err != nil {
		return nil, err
	}
	c := s.card
	var sig []byte
	err = c.onCard(func(yk *piv.YubiKey) error {
		if err := yk.VerifyPIN(pin); err != nil {
			return explainSecret(c.slot(), hsm.PIN, "verifying the PIN", err)
		}
		// The PIN is verified; piv-go must not verify it again.
		key, err := yk.PrivateKey(piv.SlotSignature, s.pub, piv.KeyAuth{PINPolicy: piv.PINPolicyNever})
		if err != nil {
			return err
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return fmt.Errorf("a %T cannot sign", key)
		}
		if s.touch != nil {
			s.touch()
		}
		sig, err = signer.Sign(rand, digest, opts)
		if sw, answered := status(err); answered && isNoTouch(sw) {
			return &hsm.TouchError{Place: c.slot(), Status: sw}
		}
		return err
	})
	if err != nil {
		return nil, explain(c.slot(), "signing", err)
	}
	if !verify(s.pub, digest, sig, opts) {
		return nil, &hsm.SignatureError{Place: c.slot()}
	}
	return sig, nil
}

// askPIN asks the card for the tries left, and the caller for the PIN.
func (s *signer) askPIN() (string, error) {
	c := s.card
	var tries int
	err := c.onWire(func(w *wire) (err error) {
		tries, err = w.pinTries()
		return err
	})
	if err != nil {
		return "", explain(c.slot(), "asking for the tries left", err)
	}
	if tries == 0 {
		return "", &hsm.BlockedError{Place: c.slot(), Secret: hsm.PIN}
	}
	pin, err := s.pin(tries)
	if err != nil {
		return "", fmt.Errorf("asking for the PIN of card %d: %w", c.serial, err)
	}
	return pin, checkForm(hsm.PIN, pin)
}

// isNoTouch knows the answers of cards that were not touched in time, once their
// PIN was verified; cards differ.
func isNoTouch(sw uint16) bool {
	switch sw {
	case 0x6600, 0x6400, 0x6401, 0x6982, 0x6985:
		return true
	}
	return false
}

// verify checks a signature as the standard library's verifiers do.
func verify(pub crypto.PublicKey, digest, sig []byte, opts crypto.SignerOpts) bool {
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(pub, digest, sig)
	case *rsa.PublicKey:
		if pss, ok := opts.(*rsa.PSSOptions); ok {
			return rsa.VerifyPSS(pub, opts.HashFunc(), digest, sig, pss) == nil
		}
		return rsa.VerifyPKCS1v15(pub, opts.HashFunc(), digest, sig) == nil
	}
	return false
}
