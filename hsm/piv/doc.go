// Package piv reaches PIV cards through PC/SC: it finds them, provisions slot 9c
// for the root's keys, and signs with it. It is the only package that knows
// PC/SC. It speaks to YubiKeys of all firmware since 4.3 and to cards that
// behave like them, and names what a card lacks with the errors of package hsm.
//
// A [Card] holds no connection: each operation opens the card exclusively, finds
// out that it is still the same card by its serial number, and resets it at the
// end, so that no verified PIN or proven management key outlives the operation,
// and a card that was pulled out and put back works again.
//
// Provisioning has an order, which [Card.Provision] follows. Generate and attest
// while the card still has its factory management key; then PIN and PUK; then
// the management key. A card that fails half-way has a key in its slot, and is
// reset ([Card.Reset]) or set aside.
//
// It needs cgo and PC/SC headers (Debian: libpcsclite-dev). Without cgo, every
// function returns an [hsm.UnsupportedError].
package piv

import (
	"github.com/rootward/rootward/hsm"
)

// Slot is the one slot that this package uses: digital signature.
const Slot = "9c"

// Info describes a card that is in a reader.
type Info struct {
	Reader   string // the reader's name; it can change when the card is put back
	Serial   uint32
	Firmware hsm.Firmware // as the card claims it; its attestation proves it
}

// Answer is what a card says to a question of yes or no.
type Answer = hsm.Answer

// The answers.
const (
	Unknown = hsm.Unknown
	No      = hsm.No
	Yes     = hsm.Yes
)

func answer(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}

// State is what a card says of itself without any secret.
type State struct {
	Info
	PINTries int // left; 0 when blocked
	PUKTries int // left, or -1 where the card does not say (firmware before 5.3)

	DefaultPIN           Answer // PIN still as it left the factory
	DefaultPUK           Answer
	DefaultManagementKey Answer

	// ManagementKeyAlgorithm is "3DES", "AES-128", "AES-192", "AES-256", or ""
	// where the card does not say (then it is 3DES).
	ManagementKeyAlgorithm string

	// Key is the key in slot 9c, or nil. Firmware before 5.3 does not tell of an
	// imported key without a certificate.
	Key *KeyState
	// Certificate reports whether slot 9c's certificate object is filled.
	Certificate bool
}

// KeyState is what a card says of the key in slot 9c.
type KeyState = hsm.KeyState

// Secrets are the three secrets of a card. They print as nothing.
type Secrets struct {
	PIN, PUK      string
	ManagementKey []byte // 24 bytes: AES-192, or 3DES on older cards
}

// String hides the secrets.
func (Secrets) String() string { return "(secrets)" }

// GoString hides the secrets.
func (Secrets) GoString() string { return "piv.Secrets{}" }

// FactorySecrets gives the secrets with which every YubiKey leaves the factory.
// They serve as the old secrets of a new card and never as new ones.
func FactorySecrets() Secrets {
	key := make([]byte, 24)
	for i := range key {
		key[i] = byte(i%8 + 1)
	}
	return Secrets{PIN: "123456", PUK: "12345678", ManagementKey: key}
}
