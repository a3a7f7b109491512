package hsm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
)

// Firmware is the version that a card reports or its attestation names.
type Firmware struct{ Major, Minor, Patch uint8 }

func (f Firmware) String() string { return fmt.Sprintf("%d.%d.%d", f.Major, f.Minor, f.Patch) }

// Before reports whether f is an earlier version than major.minor.patch.
func (f Firmware) Before(major, minor, patch uint8) bool {
	if f.Major != major {
		return f.Major < major
	}
	if f.Minor != minor {
		return f.Minor < minor
	}
	return f.Patch < patch
}

// Algorithm names the kind of a key in a slot.
type Algorithm string

// The algorithms of keys that sign for the root, and RSA2048, which a
// maintainer's card may hold. Others have the name that [AlgorithmOf] gives.
const (
	P256    Algorithm = "P-256"
	P384    Algorithm = "P-384"
	RSA2048 Algorithm = "RSA-2048"
	RSA3072 Algorithm = "RSA-3072"
	RSA4096 Algorithm = "RSA-4096"
)

// AlgorithmOf names the algorithm of a public key. The error names its type if
// it is none of the above.
func AlgorithmOf(pub crypto.PublicKey) (Algorithm, error) {
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		switch pub.Curve {
		case elliptic.P256():
			return P256, nil
		case elliptic.P384():
			return P384, nil
		}
		return "", fmt.Errorf("curve %s is not supported, want P-256 or P-384", pub.Params().Name)
	case *rsa.PublicKey:
		switch a := Algorithm(fmt.Sprintf("RSA-%d", pub.N.BitLen())); a {
		case RSA2048, RSA3072, RSA4096:
			return a, nil
		default:
			return "", fmt.Errorf("%s is not supported, want RSA-2048, RSA-3072 or RSA-4096", a)
		}
	}
	return "", fmt.Errorf("a %T is not supported, want ECDSA or RSA", pub)
}

// isECDSA reports whether the algorithm is ECDSA.
func (a Algorithm) isECDSA() bool { return a == P256 || a == P384 }

// isRSA reports whether the algorithm is RSA.
func (a Algorithm) isRSA() bool { return a == RSA2048 || a == RSA3072 || a == RSA4096 }

// samePublicKey reports whether two public keys are equal; keys of unknown
// types are not.
func samePublicKey(a, b crypto.PublicKey) bool {
	e, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && e.Equal(b)
}
