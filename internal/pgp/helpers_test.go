package pgp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"testing"
	"time"
)

// born is the creation date of every test key, signed that of every signature.
var (
	born   = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	signed = time.Date(2025, 3, 2, 12, 0, 0, 0, time.UTC)
)

// randomness is where signers in memory take theirs. Signatures are not compared.
var randomness = rand.Reader

// A pair is a key with its private half in memory.
type pair struct {
	*PublicKey
	signer crypto.Signer
}

func newPair(t testing.TB, signer crypto.Signer) pair {
	t.Helper()
	key, err := NewPublicKey(signer.Public(), born)
	if err != nil {
		t.Fatal(err)
	}
	return pair{key, signer}
}

// rsaPair reads an RSA key from testdata: making one takes too long.
func rsaPair(t testing.TB) pair {
	t.Helper()
	text, err := os.ReadFile("testdata/rsa2048.pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatal("testdata/rsa2048.pem is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return newPair(t, key.(*rsa.PrivateKey))
}

// ecdsaPair derives a key from a small secret number, which nobody should do.
func ecdsaPair(t testing.TB, curve elliptic.Curve, secret int64) pair {
	t.Helper()
	scalar := big.NewInt(secret).FillBytes(make([]byte, (curve.Params().BitSize+7)/8))
	key, err := ecdsa.ParseRawPrivateKey(curve, scalar)
	if err != nil {
		t.Fatal(err)
	}
	return newPair(t, key)
}

func ed25519Pair(t testing.TB, seed byte) pair {
	t.Helper()
	return newPair(t, ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)))
}

// allPairs returns one key of each algorithm.
func allPairs(t testing.TB) map[string]pair {
	return map[string]pair{
		"RSA":     rsaPair(t),
		"P-256":   ecdsaPair(t, elliptic.P256(), 12345),
		"P-384":   ecdsaPair(t, elliptic.P384(), 12345),
		"Ed25519": ed25519Pair(t, 1),
	}
}

func (p pair) sign(t testing.TB, document string) []byte {
	t.Helper()
	out, err := Sign(randomness, []byte(document), p.PublicKey, p.signer, signed)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func parsed(t testing.TB, asc []byte) *SignatureFile {
	t.Helper()
	f, err := ParseSignatures(asc)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
