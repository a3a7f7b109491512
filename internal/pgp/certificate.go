package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxUserIDShown = 120 // bytes

// A Candidate is a key found in a certificate, for a person to choose or not.
// Only Key is exact; the rest is what the certificate says of itself, unverified.
type Candidate struct {
	Key     *PublicKey
	Primary bool // a primary key, not a subkey
	// UserID is the certificate's first user id, cut to 120 bytes, with all that
	// is not printable escaped as Go does; it may be empty.
	UserID string
	// SignFlag says that a signature in the certificate gives the key the flag
	// "may sign data".
	SignFlag bool
}

// KeysIn reads exported OpenPGP certificates, armoured or binary, as `gpg
// --export` writes them, and returns their v4 primary keys and subkeys that can
// sign by their algorithm and that [ParsePublicKey] would accept, in order. A
// subkey is returned as the primary-key packet of the same body, as documents
// name it; its fingerprint is the same.
//
// It serves the tools by which people name their keys. Nothing is verified:
// bindings, expiry and revocations in the certificate are not looked at.
//
// The error wraps [ErrSecretKey] if any packet is a secret key, and otherwise
// [ErrMalformedCertificate]; it names what was passed over if no key was left.
func KeysIn(cert []byte) ([]Candidate, error) {
	found, err := keysIn(cert)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformedCertificate, err)
	}
	return found, nil
}

func keysIn(cert []byte) ([]Candidate, error) {
	frames, err := certificateFrames(cert)
	if err != nil {
		return nil, err
	}
	r := certificateReader{current: -1}
	for _, f := range frames {
		switch f.tag {
		case tagSecretKey, tagSecretSubkey:
			return nil, ErrSecretKey
		case tagPublicKey, tagPublicSubkey:
			if f.tag == tagPublicSubkey && !r.begun {
				return nil, errors.New("a subkey comes before any primary key")
			}
			if r.keys++; r.keys > MaxCertificateKeys {
				return nil, fmt.Errorf("more than %d keys", MaxCertificateKeys)
			}
			r.addKey(f)
		case tagUserID:
			r.addUserID(f.body)
		case tagSignature:
			r.addFlags(f.body)
		}
	}
	if !r.begun {
		return nil, errors.New("it holds no key")
	}
	if len(r.found) == 0 {
		return nil, fmt.Errorf("no key in it can sign for Rootward (%s)", strings.Join(r.passed, "; "))
	}
	return r.found, nil
}

// certificateFrames splits a certificate into packets.
func certificateFrames(cert []byte) ([]frame, error) {
	if len(cert) > MaxCertificate {
		return nil, fmt.Errorf("it has %d bytes, want at most %d; try --export-options export-minimal", len(cert), MaxCertificate)
	}
	if len(cert) == 0 {
		return nil, errors.New("it is empty")
	}
	if bytes.HasPrefix(cert, []byte("-----BEGIN "+labelSecretKey)) {
		return nil, ErrSecretKey
	}
	if cert[0]&0x80 == 0 {
		var err error
		if cert, err = unarmoured(cert, labelPublicKey); err != nil {
			return nil, err
		}
	}
	var frames []frame
	for len(cert) > 0 {
		f, rest, err := nextFrame(cert)
		if err != nil {
			return nil, fmt.Errorf("packet %d: %w", len(frames)+1, err)
		}
		frames, cert = append(frames, f), rest
	}
	return frames, nil
}

// A certificateReader gathers candidates, packet by packet.
type certificateReader struct {
	found   []Candidate
	passed  []string // why keys were passed over
	keys    int      // how many keys were seen
	begun   bool     // a primary key was seen
	first   int      // the index in found of this certificate's first key
	current int      // the index in found of the key that signatures now speak of, or -1
	userID  string
}

// addKey begins a certificate, or adds a subkey to it.
func (r *certificateReader) addKey(f frame) {
	if f.tag == tagPublicKey {
		r.begun, r.first, r.userID = true, len(r.found), ""
	}
	r.current = -1
	key, err := keyFromBody(f.body)
	if err != nil {
		if len(r.passed) < 8 {
			r.passed = append(r.passed, err.Error())
		}
		return
	}
	r.current = len(r.found)
	r.found = append(r.found, Candidate{Key: key, Primary: f.tag == tagPublicKey, UserID: r.userID})
}

// addUserID gives the certificate's first user id to all its keys.
func (r *certificateReader) addUserID(body []byte) {
	if r.userID != "" {
		return
	}
	r.userID = shown(string(body))
	for i := r.first; i < len(r.found); i++ {
		r.found[i].UserID = r.userID
	}
}

// addFlags notes the flag "may sign data" (RFC 4880, section 5.2.3.21) of a v4
// self-signature or subkey binding. It tells certifications by others apart only
// by their lacking the flag.
func (r *certificateReader) addFlags(body []byte) {
	if r.current < 0 || len(body) < 6 || body[0] != 4 {
		return
	}
	switch body[1] {
	case 0x10, 0x11, 0x12, 0x13, 0x18, 0x1f:
	default:
		return
	}
	hashed, _, err := nextArea(body[4:])
	if err != nil {
		return
	}
	for _, sub := range hashed {
		if sub.kind == subKeyFlags && len(sub.data) > 0 && sub.data[0]&0x02 != 0 {
			r.found[r.current].SignFlag = true
		}
	}
}

// shown makes a string from outside fit for a terminal.
func shown(s string) string {
	var out strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		piece := s[:size]
		switch {
		case r == utf8.RuneError && size == 1:
			piece = fmt.Sprintf(`\x%02x`, s[0])
		case !unicode.IsPrint(r):
			piece = fmt.Sprintf(`\u%04x`, r)
		}
		if out.Len()+len(piece) > maxUserIDShown {
			break
		}
		out.WriteString(piece)
		s = s[size:]
	}
	return out.String()
}
