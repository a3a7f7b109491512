// Package digest has the one kind of digest that documents, the map and the
// client name things by: SHA-256 (FIPS 180-4), written as 64 lower-case hex
// digits.
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Size is the length of a digest in bytes.
const Size = sha256.Size

// A Digest is a SHA-256 digest. It is comparable and may be the key of a map.
// The zero value stands for the absence of a digest.
type Digest [Size]byte

// Sum returns the SHA-256 digest of b.
func Sum(b []byte) Digest { return sha256.Sum256(b) }

// Parse reads exactly 64 lower-case hex digits and nothing beside them, so
// that Parse(s).String() == s for everything that it accepts.
func Parse(s string) (Digest, error) {
	var d Digest
	if len(s) != 2*Size {
		return Digest{}, fmt.Errorf("digest has %d characters; want %d lower-case hex digits", len(s), 2*Size)
	}
	for i := range d {
		hi, lo := nibble[s[2*i]], nibble[s[2*i+1]]
		if hi|lo > 15 {
			return Digest{}, fmt.Errorf("digest %q: character %d is not a lower-case hex digit", s, badAt(s))
		}
		d[i] = hi<<4 | lo
	}
	return d, nil
}

// String returns the digest as 64 lower-case hex digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Append appends the 64 lower-case hex digits to b and returns the result.
func (d Digest) Append(b []byte) []byte { return hex.AppendEncode(b, d[:]) }

// IsZero reports whether d is the zero value: no digest at all.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText gives the digest as JSON and other text encodings write it: as
// String does. A zero digest has no text, and is an error.
func (d Digest) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, fmt.Errorf("digest is missing")
	}
	return d.Append(nil), nil
}

// UnmarshalText reads what MarshalText writes. The zero digest is refused.
func (d *Digest) UnmarshalText(text []byte) error {
	p, err := Parse(string(text))
	if err != nil {
		return err
	}
	if p.IsZero() {
		return fmt.Errorf("digest is all zeros, which stands for none")
	}
	*d = p
	return nil
}

// nibble has the value of each lower-case hex digit, and 255 for every other
// byte.
var nibble = func() (table [256]byte) {
	for c := range table {
		table[c] = 255
	}
	for value, c := range "0123456789abcdef" {
		table[c] = byte(value)
	}
	return table
}()

// badAt returns the place, counted from 1, of the first byte of s that is no
// lower-case hex digit.
func badAt(s string) int {
	for i := range len(s) {
		if nibble[s[i]] > 15 {
			return i + 1
		}
	}
	return 0
}
