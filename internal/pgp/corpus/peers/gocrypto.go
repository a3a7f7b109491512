package peers

import (
	"bytes"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	v2 "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/rootward/rootward/internal/pgp/corpus"
)

// At is the time at which go-crypto and gpg judge: after every key and most
// signatures were made. sqv has no such option, and judges at the true time.
var At = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// keyring returns the certificates that a case's keyring holds, each once.
func keyring(c corpus.Case) []byte {
	var ring []byte
	for _, keys := range [][]*corpus.Key{c.Keys, c.Others} {
		for _, k := range keys {
			if !bytes.Contains(ring, k.Certificate) {
				ring = append(ring, k.Certificate...)
			}
		}
	}
	return ring
}

// guarded turns a panic into a refusal that says so.
func guarded(f func() error) (out Outcome) {
	defer func() {
		if r := recover(); r != nil {
			out = Outcome{Verdict: corpus.Refuse, Detail: fmt.Sprintf("panic: %v", r)}
		}
	}()
	if err := f(); err != nil {
		return Outcome{Verdict: corpus.Refuse, Detail: err.Error()}
	}
	return Outcome{Verdict: corpus.Accept, Count: 1}
}

// Version2 asks go-crypto's openpgp/v2.VerifyArmoredDetachedSignature.
func Version2(c corpus.Case) Outcome {
	return guarded(func() error {
		ring, err := v2.ReadKeyRing(bytes.NewReader(keyring(c)))
		if err != nil {
			return fmt.Errorf("reading the keyring: %w", err)
		}
		config := &packet.Config{Time: func() time.Time { return At }}
		_, _, err = v2.VerifyArmoredDetachedSignature(ring, bytes.NewReader(c.Document), bytes.NewReader(c.File), config)
		return err
	})
}

// Version1 asks go-crypto's openpgp.CheckArmoredDetachedSignature.
func Version1(c corpus.Case) Outcome {
	return guarded(func() error {
		ring, err := openpgp.ReadKeyRing(bytes.NewReader(keyring(c)))
		if err != nil {
			return fmt.Errorf("reading the keyring: %w", err)
		}
		config := &packet.Config{Time: func() time.Time { return At }}
		_, err = openpgp.CheckArmoredDetachedSignature(ring, bytes.NewReader(c.Document), bytes.NewReader(c.File), config)
		return err
	})
}
