// Package rostertest plays a whole index in memory, with software keys made
// from their names, for tests: its keyholders, its online signer, its
// maintainers, and the files that it would publish. A test changes what it
// wants to be wrong and looks at who refuses it.
package rostertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/rootward/rootward/internal/pgp"
)

// A TB is told what goes wrong: a *testing.T, or whatever else plays an index.
type TB interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Epoch is when every key and every online key's window of a test index
// begins, in UTC. The index itself begins a day later.
var Epoch = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// A Signer is a person or a service with one software P-256 key.
type Signer struct {
	Name    string
	Key     *pgp.PublicKey
	Private crypto.Signer
}

var made sync.Map // name -> *Signer

// Person returns the signer of that name: the same key for the same name, in
// every test and every run.
func Person(name string) *Signer {
	if s, ok := made.Load(name); ok {
		return s.(*Signer)
	}
	secret := sha256.Sum256([]byte("rostertest key of " + name))
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret[:])
	if err != nil {
		panic(err) // one name in 2^32 would have a scalar out of range
	}
	key, err := pgp.NewPublicKey(private.Public(), Epoch)
	if err != nil {
		panic(err)
	}
	s, _ := made.LoadOrStore(name, &Signer{name, key, private})
	return s.(*Signer)
}

// People returns the signers of those names.
func People(names ...string) []*Signer {
	var all []*Signer
	for _, n := range names {
		all = append(all, Person(n))
	}
	return all
}

// Repacked returns the same key material in another packet, and so with
// another fingerprint: what a thief does to a revoked key.
func (s *Signer) Repacked() *Signer {
	key, err := pgp.NewPublicKey(s.Private.Public(), Epoch.Add(time.Hour))
	if err != nil {
		panic(err)
	}
	return &Signer{s.Name, key, s.Private}
}

// Sign returns a signature file over document with one signature a signer.
func Sign(t TB, document []byte, signers ...*Signer) []byte {
	t.Helper()
	var files []*pgp.SignatureFile
	for _, s := range signers {
		asc, err := pgp.Sign(rand.Reader, document, s.Key, s.Private, Epoch.Add(2*time.Hour))
		if err != nil {
			t.Fatalf("signing as %s: %v", s.Name, err)
		}
		file, err := pgp.ParseSignatures(asc)
		if err != nil {
			t.Fatalf("reading the signature by %s: %v", s.Name, err)
		}
		files = append(files, file)
	}
	asc, err := pgp.Combine(files...)
	if err != nil {
		t.Fatalf("combining signatures: %v", err)
	}
	return asc
}
