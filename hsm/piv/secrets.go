package piv

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/rootward/rootward/hsm"
)

// Check refuses secrets that must not protect a root key: a PIN or PUK that is
// not 6 to 8 ASCII digits, a factory value, one digit repeated, digits that
// count up or down, PUK and PIN the same; a management key that is not 24 bytes,
// the factory's, or one byte repeated. It measures no strength beyond this: the
// management key is random, and the PIN is the keyholder's. The error is a
// [*hsm.WeakSecretError] and never holds a secret.
func (s Secrets) Check() error {
	if reason := weakDigits(s.PIN); reason != "" {
		return &hsm.WeakSecretError{Secret: hsm.PIN, Reason: reason}
	}
	if reason := weakDigits(s.PUK); reason != "" {
		return &hsm.WeakSecretError{Secret: hsm.PUK, Reason: reason}
	}
	if s.PIN == s.PUK {
		return &hsm.WeakSecretError{Secret: hsm.PUK, Reason: "it is the same as the PIN"}
	}
	if reason := weakKey(s.ManagementKey); reason != "" {
		return &hsm.WeakSecretError{Secret: hsm.ManagementKey, Reason: reason}
	}
	return nil
}

func weakDigits(s string) string {
	if len(s) < 6 || len(s) > 8 {
		return fmt.Sprintf("it has %d characters, want 6 to 8 digits", len(s))
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return "it has a character that is not a digit from 0 to 9"
		}
	}
	const up, down = "01234567890123456789", "98765432109876543210"
	switch {
	case strings.Contains(up, s) || strings.Contains(down, s): // the factory's too
		return "its digits count up or down"
	case strings.Count(s, s[:1]) == len(s):
		return "it is one digit repeated"
	}
	return ""
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

// checkPINForm refuses what cannot be a card's PIN, before the card counts a try.
func checkPINForm(pin string) error {
	if len(pin) < 4 || len(pin) > 8 {
		return fmt.Errorf("PIN has %d characters, want 4 to 8; not sent to the card", len(pin))
	}
	for _, c := range []byte(pin) {
		if c < ' ' || c > '~' {
			return fmt.Errorf("PIN has a character that is not printable ASCII; not sent to the card")
		}
	}
	return nil
}
