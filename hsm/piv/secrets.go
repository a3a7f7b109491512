package piv

import (
	"bytes"
	"fmt"

	"github.com/rootward/rootward/hsm"
)

// Check refuses secrets that must not protect a root key: a PIN or PUK that
// [hsm.CheckDigits] refuses, PUK and PIN the same; a management key that is not 24 bytes,
// the factory's, or one byte repeated. It measures no strength beyond this: the
// management key is random, and the PIN is the keyholder's. The error is a
// [*hsm.WeakSecretError] and never holds a secret.
func (s Secrets) Check() error {
	if err := hsm.CheckDigits(hsm.PIN, s.PIN); err != nil {
		return err
	}
	if err := hsm.CheckDigits(hsm.PUK, s.PUK); err != nil {
		return err
	}
	if s.PIN == s.PUK {
		return &hsm.WeakSecretError{Secret: hsm.PUK, Reason: "it is the same as the PIN"}
	}
	if reason := weakKey(s.ManagementKey); reason != "" {
		return &hsm.WeakSecretError{Secret: hsm.ManagementKey, Reason: reason}
	}
	return nil
}

func weakKey(k []byte) string {
	switch {
	case len(k) != 24:
		return fmt.Sprintf("it has %d bytes, want 24", len(k))
	case bytes.Equal(k, FactorySecrets().ManagementKey):
		return "it is the factory's"
	case bytes.Count(k, k[:1]) == len(k):
		return "it is one byte repeated"
	}
	return ""
}

// checkForm refuses what cannot be a card's PIN or PUK, before the card counts a
// try: a [*hsm.FormError].
func checkForm(secret hsm.Secret, value string) error {
	if len(value) < 4 || len(value) > 8 {
		return &hsm.FormError{Secret: secret}
	}
	for _, c := range []byte(value) {
		if c < ' ' || c > '~' {
			return &hsm.FormError{Secret: secret}
		}
	}
	return nil
}
