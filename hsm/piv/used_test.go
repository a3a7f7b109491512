//go:build cgo && linux

package piv_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"

	yubikey "github.com/go-piv/piv-go/v2/piv"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/hsm/piv"
	"github.com/rootward/rootward/internal/vcard"
)

func TestImportedKeyHasNoEvidence(t *testing.T) {
	c := open(t, cardImported)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw(t, c, func(yk *yubikey.YubiKey) error {
		return yk.SetPrivateKeyInsecure(yubikey.DefaultManagementKey, yubikey.SlotSignature, key,
			yubikey.Key{Algorithm: yubikey.AlgorithmEC256, PINPolicy: yubikey.PINPolicyAlways, TouchPolicy: yubikey.TouchPolicyNever})
	})
	var imported *hsm.ImportedError
	if _, err := c.Evidence(); !errors.As(err, &imported) ||
		!strings.HasSuffix(err.Error(), "attestation: key was imported, not generated on the card") {
		t.Errorf("Evidence of an imported key: %v, want an ImportedError", err)
	}
	state, err := c.Inspect()
	if err != nil || state.Key == nil || state.Key.Generated != piv.No || !key.PublicKey.Equal(state.Key.Public) {
		t.Errorf("state is %+v, %v; want the imported key", state, err)
	}
}

// A card that another program holds is named, and does not hide the others.
func TestHeldByAnother(t *testing.T) {
	c := open(t, cardImported)
	raw(t, c, func(*yubikey.YubiKey) error {
		var busy *hsm.BusyError
		if _, err := c.Inspect(); !errors.As(err, &busy) {
			t.Errorf("card held by another: %v, want a BusyError", err)
		}
		if _, err := piv.Open(serial(cardNew)); err != nil {
			t.Errorf("another card meanwhile: %v", err)
		}
		all, err := piv.List()
		if !errors.As(err, &busy) || len(all) != len(cards)-2 {
			t.Errorf("List gives %d cards and %v, want the %d others and a BusyError", len(all), err, len(cards)-2)
		}
		return nil
	})
}

// certify makes some certificate of the key.
func certify(t *testing.T, pub crypto.PublicKey) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// What a used card holds is not overwritten.
func TestUsedCardIsRefused(t *testing.T) {
	fault(t, cardForeign, vcard.NotPIV, 0)
	defer fault(t, cardForeign, vcard.NotPIV, 1)
	c := open(t, cardForeign)
	raw(t, c, func(yk *yubikey.YubiKey) error {
		return yk.SetManagementKey(yubikey.DefaultManagementKey, secrets.ManagementKey)
	})
	var management *hsm.ManagementKeyError
	if err := provisionAgain(c); !errors.As(err, &management) {
		t.Errorf("Provision with another management key: %v, want a ManagementKeyError", err)
	}
	raw(t, c, func(yk *yubikey.YubiKey) error {
		return yk.SetCertificate(secrets.ManagementKey, yubikey.SlotSignature, certify(t, anotherKey(t)))
	})
	var occupied *hsm.OccupiedError
	if err := generateAgain(c); !errors.As(err, &occupied) || occupied.What != "a certificate" {
		t.Errorf("Generate over a certificate: %v, want an OccupiedError", err)
	}
	raw(t, c, func(yk *yubikey.YubiKey) error { return yk.SetPUK(yubikey.DefaultPUK, secrets.PUK) })
	if err := provisionAgain(c); !errors.As(err, &occupied) || !strings.Contains(occupied.What, "PUK") {
		t.Errorf("Provision with another PUK: %v, want an OccupiedError", err)
	}
	raw(t, c, func(yk *yubikey.YubiKey) error {
		return errors.Join(yk.SetPUK(secrets.PUK, yubikey.DefaultPUK), yk.SetPIN(yubikey.DefaultPIN, secrets.PIN))
	})
	if err := provisionAgain(c); !errors.As(err, &occupied) || !strings.Contains(occupied.What, "PIN") {
		t.Errorf("Provision with another PIN: %v, want an OccupiedError", err)
	}
	weak := secrets
	weak.PIN = "123456"
	var weakError *hsm.WeakSecretError
	if _, _, err := c.Provision(hsm.P384, weak); !errors.As(err, &weakError) {
		t.Errorf("Provision with a weak PIN: %v, want a WeakSecretError", err)
	}
	if err := c.SetSecrets(secrets, weak); !errors.As(err, &weakError) {
		t.Errorf("SetSecrets with a weak PIN: %v, want a WeakSecretError", err)
	}
	if _, err := c.Generate(hsm.RSA2048, secrets.ManagementKey); err == nil || !strings.Contains(err.Error(), `algorithm is "RSA-2048"`) {
		t.Errorf("Generate RSA-2048: %v, want a refusal", err)
	}
	if _, err := c.Signer(ed25519.PublicKey(make([]byte, 32)), typed("1", nil), nil); err == nil || !strings.Contains(err.Error(), "not supported") {
		t.Errorf("Signer for Ed25519: %v, want a refusal", err)
	}
}
