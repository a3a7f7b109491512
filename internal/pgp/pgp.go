// Package pgp is all that Rootward knows of OpenPGP: v4 public-key packets,
// detached binary signatures by them, and nothing else.
//
// A key is the exact v4 public-key packet that signs, known by the SHA-256 of
// that packet ([KeyID]). A signature file is one armour block with one signature
// packet a signer, over the exact bytes of a document. Certificates, user ids,
// subkey bindings, expiry, key flags and the web of trust are never evaluated:
// Rootward's documents say who may sign what and for how long.
//
// The package is narrower than OpenPGP (RFC 4880, RFC 9580) on purpose. It has a
// parser of its own, which accepts one spelling of each thing, and gives to
// github.com/ProtonMail/go-crypto only what passed; go-crypto then parses it
// again and does the cryptography. What go-crypto's version 1 verifier would
// forgive (SHA-1, other signature types, text before and after) never reaches it.
//
// What this package does not know: whether a key was revoked, which role it has,
// how many signatures are enough, and what the document says. A signature's own
// date is parsed, because it is hashed, and is never evidence.
//
// All functions may be called from several goroutines at once. None reads a
// clock, a file or the network.
package pgp

import (
	"errors"
	"fmt"
	"runtime"

	// The hashes that signatures use register themselves with package crypto.
	_ "crypto/sha256"
	_ "crypto/sha512"
)

// Limits on what is parsed at all. They are checked before any arithmetic.
const (
	// MaxPublicKey is the largest public-key packet, in bytes.
	MaxPublicKey = 2048
	// MaxSignatureFile is the largest armoured signature file, in bytes.
	MaxSignatureFile = 64 << 10
	// MaxSignatures is the largest number of signature packets in a file.
	MaxSignatures = 64
	// MaxCertificate is the largest certificate that [KeysIn] reads, in bytes.
	MaxCertificate = 256 << 10
	// MaxCertificateKeys is the largest number of keys in such a certificate,
	// those that are passed over included.
	MaxCertificateKeys = 64
	// MaxUserID is the longest user id that [Certify] writes, in bytes.
	MaxUserID = 200
)

// Errors that callers branch on. They are wrapped in errors that say what was
// found and what was wanted.
var (
	// ErrMalformedKey means that bytes are not a public key that Rootward accepts.
	ErrMalformedKey = errors.New("not an acceptable OpenPGP public key")
	// ErrMalformedSignature means that bytes are not a signature file that
	// Rootward accepts. Nothing was verified.
	ErrMalformedSignature = errors.New("not an acceptable OpenPGP signature file")
	// ErrMalformedCertificate means that bytes are not an exported certificate,
	// or hold no key that Rootward accepts.
	ErrMalformedCertificate = errors.New("not an acceptable OpenPGP certificate")
	// ErrSecretKey means that a secret key was found where a public one was wanted.
	ErrSecretKey = errors.New("this is a secret key; export the public one with gpg --export")
	// ErrNoSignature means that no signature was left to write.
	ErrNoSignature = errors.New("no signature")
	// ErrExternalEd25519 means that an Ed25519 key was to sign through something
	// other than an ed25519.PrivateKey, which the OpenPGP library cannot do.
	ErrExternalEd25519 = errors.New("Ed25519 keys cannot sign through a card or a service; use P-256, P-384 or RSA")
)

// A BadSignatureError says that a signature claims to be by a key that was asked
// for and does not verify. The whole file is refused.
type BadSignatureError struct {
	Key         KeyID    // the key that the signature names
	Fingerprint [20]byte // the same, for people
	Reason      string   // what did not match
}

func (e *BadSignatureError) Error() string {
	return fmt.Sprintf("bad signature by key %X: %s", e.Fingerprint, e.Reason)
}

// A DuplicateSignatureError says that one key, or one key material in two
// packets, signed twice in one file. The whole file is refused. First and Second
// are v4 fingerprints; they are equal if it is the same packet.
type DuplicateSignatureError struct {
	First, Second [20]byte
}

func (e *DuplicateSignatureError) Error() string {
	if e.First == e.Second {
		return fmt.Sprintf("two signatures by key %X, want one", e.First)
	}
	return fmt.Sprintf("signatures by keys %X and %X, which are the same key material, want one", e.First, e.Second)
}

// guarded calls f and turns a panic into an error. The OpenPGP library has
// panicked on hostile input before. The panic's value is shown only if the
// runtime made it, since a signer may have panicked with anything.
func guarded(f func() error) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case runtime.Error:
			err = fmt.Errorf("caught a panic: %w", r)
		default:
			err = fmt.Errorf("caught a panic with a %T", r)
		}
	}()
	return f()
}
