//go:build !cgo || !(linux || darwin || freebsd || openbsd)

package piv

import (
	"crypto"

	"github.com/rootward/rootward/hsm"
)

// Card stands for a card; without cgo there is none.
type Card struct{}

var errNoCgo error = &hsm.UnsupportedError{What: "anything here: this program was built without PC/SC (set CGO_ENABLED=1, install libpcsclite-dev, build again)"}

// List returns an error: this program was built without PC/SC.
func List() ([]Info, error) { return nil, errNoCgo }

// Open returns an error: this program was built without PC/SC.
func Open(uint32) (*Card, error) { return nil, errNoCgo }

// Readers returns an error: this program was built without PC/SC.
func Readers() ([]string, error) { return nil, errNoCgo }

// ChangePIN returns an error: this program was built without PC/SC.
func (*Card) ChangePIN(_, _ string) error { return errNoCgo }

// ChangePUK returns an error: this program was built without PC/SC.
func (*Card) ChangePUK(_, _ string) error { return errNoCgo }

// Unblock returns an error: this program was built without PC/SC.
func (*Card) Unblock(_, _ string) error { return errNoCgo }

// Reset returns an error: this program was built without PC/SC.
func (*Card) Reset() error { return errNoCgo }

// Serial is 0.
func (*Card) Serial() uint32 { return 0 }

// Firmware is 0.0.0.
func (*Card) Firmware() hsm.Firmware { return hsm.Firmware{} }

// Close does nothing.
func (*Card) Close() error { return nil }

// Inspect returns an error: this program was built without PC/SC.
func (*Card) Inspect() (State, error) { return State{}, errNoCgo }

// Generate returns an error: this program was built without PC/SC.
func (*Card) Generate(hsm.Algorithm, []byte) (crypto.PublicKey, error) { return nil, errNoCgo }

// Evidence returns an error: this program was built without PC/SC.
func (*Card) Evidence() (hsm.Evidence, error) { return hsm.Evidence{}, errNoCgo }

// SetSecrets returns an error: this program was built without PC/SC.
func (*Card) SetSecrets(_, _ Secrets) error { return errNoCgo }

// Provision returns an error: this program was built without PC/SC.
func (*Card) Provision(hsm.Algorithm, Secrets) (crypto.PublicKey, hsm.Evidence, error) {
	return nil, hsm.Evidence{}, errNoCgo
}

// Signer returns an error: this program was built without PC/SC.
func (*Card) Signer(crypto.PublicKey, func(int) (string, error), func()) (crypto.Signer, error) {
	return nil, errNoCgo
}
