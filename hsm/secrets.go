package hsm

import (
	"fmt"
	"strings"
)

// CheckDigits refuses a new PIN or PUK that must not protect a root key: one that
// is not 6 to 8 ASCII digits, the factory's, one digit repeated, digits that
// count up or down. It measures no strength beyond this. The error is a
// [*WeakSecretError] and never holds the value.
func CheckDigits(secret Secret, value string) error {
	if reason := weakDigits(value); reason != "" {
		return &WeakSecretError{Secret: secret, Reason: reason}
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
