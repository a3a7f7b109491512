package pgp

import (
	"bytes"
	"cmp"
	"crypto"
	"fmt"
	"hash"
	"slices"
)

// A SignatureFile is a well-formed signature file that nobody has vouched for:
// one armour block "PGP SIGNATURE" with 1 to [MaxSignatures] detached signatures
// and nothing beside it. It is made by [ParseSignatures], and immutable.
type SignatureFile struct {
	signatures []*signature
}

// ParseSignatures parses a detached, armoured signature file, as `gpg --armor
// --detach-sign` writes it.
//
// Each packet is a v4 signature of type 0x00 with SHA-256, SHA-384 or SHA-512, by
// RSA (1), ECDSA (19) or EdDSA (22). Its hashed area holds a creation time and a
// v4 issuer fingerprint, once each; every other mention of an issuer, hashed or
// not, agrees with it; there is no expiration, no embedded signature and no
// critical subpacket besides. Lengths of packets (old and new format), of
// subpackets and of numbers are in their shortest form. All else that is not
// critical is ignored.
//
// The error wraps [ErrMalformedSignature], and [ErrNoSignature] if the armour is
// empty. Nothing is verified: see [SignatureFile.Verify].
func ParseSignatures(asc []byte) (*SignatureFile, error) {
	f, err := parseSignatures(asc)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformedSignature, err)
	}
	return f, nil
}

func parseSignatures(asc []byte) (*SignatureFile, error) {
	if len(asc) > MaxSignatureFile {
		return nil, fmt.Errorf("file has %d bytes, want at most %d", len(asc), MaxSignatureFile)
	}
	data, err := unarmoured(asc, labelSignature)
	if err != nil {
		return nil, err
	}
	var frames []frame
	for len(data) > 0 {
		f, rest, err := nextFrame(data)
		if err != nil {
			return nil, fmt.Errorf("packet %d: %w", len(frames)+1, err)
		}
		if f.tag != tagSignature {
			return nil, fmt.Errorf("packet %d has tag %d, want %d (signature)", len(frames)+1, f.tag, tagSignature)
		}
		if len(frames) == MaxSignatures {
			return nil, fmt.Errorf("more than %d signatures", MaxSignatures)
		}
		frames, data = append(frames, f), rest
	}
	if len(frames) == 0 {
		return nil, ErrNoSignature
	}
	file := &SignatureFile{}
	for i, f := range frames {
		s, err := parseSignature(f.body)
		if err != nil {
			return nil, fmt.Errorf("signature %d of %d: %w", i+1, len(frames), err)
		}
		file.signatures = append(file.signatures, s)
	}
	return file, nil
}

// Len returns the number of signature packets.
func (f *SignatureFile) Len() int { return len(f.signatures) }

// Claims returns, in the file's order, the v4 fingerprints of the keys that the
// signatures name. Nothing of it is verified; it is for messages to people.
func (f *SignatureFile) Claims() [][20]byte {
	claims := make([][20]byte, len(f.signatures))
	for i, s := range f.signatures {
		claims[i] = s.issuer
	}
	return claims
}

// Verify checks, over the exact bytes of document, every signature that names one
// of keys, and returns the ids of the keys that signed, sorted. Signatures that
// name other keys are ignored, so the answer may be empty.
//
// The error is a [*DuplicateSignatureError] if two signatures name one key, or
// two keys of one [Material], and a [*BadSignatureError] if one does not verify;
// no ids are returned then. keys may name one packet twice, but two packets of
// one fingerprint are an error: nobody could tell whose signature it is.
//
// Not checked: the signature's date, whether a key was revoked, what role it has,
// how many are enough.
func (f *SignatureFile) Verify(document []byte, keys []*PublicKey) ([]KeyID, error) {
	byFingerprint, err := indexed(keys)
	if err != nil {
		return nil, err
	}
	asked, err := f.askedFor(byFingerprint)
	if err != nil {
		return nil, err
	}
	var ids []KeyID
	digests := map[crypto.Hash]hash.Hash{}
	for _, s := range asked {
		key := byFingerprint[s.issuer]
		if digests[s.hash] == nil {
			digests[s.hash] = documentHash(s.hash, document)
		}
		reason, err := s.verify(key, digests[s.hash])
		if err != nil {
			return nil, fmt.Errorf("verifying signature by key %s: %w", key, err)
		}
		if reason != "" {
			return nil, &BadSignatureError{Key: key.id, Fingerprint: s.issuer, Reason: reason}
		}
		ids = append(ids, key.id)
	}
	slices.SortFunc(ids, func(a, b KeyID) int { return bytes.Compare(a[:], b[:]) })
	return ids, nil
}

// indexed maps keys by fingerprint and refuses two packets with one.
func indexed(keys []*PublicKey) (map[[20]byte]*PublicKey, error) {
	index := make(map[[20]byte]*PublicKey, len(keys))
	for i, key := range keys {
		if key == nil || key.library == nil {
			return nil, fmt.Errorf("key %d of %d is missing", i+1, len(keys))
		}
		if other := index[key.Fingerprint()]; other != nil && other.id != key.id {
			return nil, fmt.Errorf("keys %s and %s have one fingerprint %s", other.id, key.id, key)
		}
		index[key.Fingerprint()] = key
	}
	return index, nil
}

// askedFor returns the signatures that name one of keys, of each key material at
// most one: so at most len(keys) signatures are verified.
func (f *SignatureFile) askedFor(keys map[[20]byte]*PublicKey) ([]*signature, error) {
	var asked []*signature
	first := map[Material][20]byte{}
	for _, s := range f.signatures {
		key := keys[s.issuer]
		if key == nil {
			continue
		}
		if other, ok := first[key.material]; ok {
			return nil, &DuplicateSignatureError{First: other, Second: s.issuer}
		}
		first[key.material] = s.issuer
		asked = append(asked, s)
	}
	return asked, nil
}

// Keep returns, as a signature file, only those signatures that name one of keys,
// so that junk can be dropped before publishing. Nothing is verified. The error
// wraps [ErrNoSignature] if none is left, and is a [*DuplicateSignatureError] if
// two different ones name one key.
func (f *SignatureFile) Keep(keys []*PublicKey) ([]byte, error) {
	byFingerprint, err := indexed(keys)
	if err != nil {
		return nil, err
	}
	kept := &SignatureFile{}
	for _, s := range f.signatures {
		if byFingerprint[s.issuer] != nil {
			kept.signatures = append(kept.signatures, s)
		}
	}
	if len(kept.signatures) == 0 {
		return nil, fmt.Errorf("%w by any of the %d keys asked for, among %d", ErrNoSignature, len(keys), len(f.signatures))
	}
	return Combine(kept)
}

// Combine merges files of signatures over one document into one file, sorted by
// the fingerprints that they name, whatever the order of files. A packet that
// appears more than once is written once. Two different signatures that name one
// key are refused with a [*DuplicateSignatureError]: keep one of them, or none.
// The error wraps [ErrNoSignature] if there is no signature, and
// [ErrMalformedSignature] if there are more than [MaxSignatures]. Nothing is
// verified, and key material is not compared.
func Combine(files ...*SignatureFile) ([]byte, error) {
	var all []*signature
	for i, f := range files {
		if f == nil {
			return nil, fmt.Errorf("combining signatures: file %d of %d is missing", i+1, len(files))
		}
		all = append(all, f.signatures...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("combining signatures: %w", ErrNoSignature)
	}
	slices.SortFunc(all, func(a, b *signature) int {
		return cmp.Or(bytes.Compare(a.issuer[:], b.issuer[:]), bytes.Compare(a.body, b.body))
	})
	all = slices.CompactFunc(all, func(a, b *signature) bool { return bytes.Equal(a.body, b.body) })
	var packets []byte
	for i, s := range all {
		if i > 0 && all[i-1].issuer == s.issuer {
			return nil, fmt.Errorf("combining signatures: %w", &DuplicateSignatureError{First: s.issuer, Second: s.issuer})
		}
		packets = appendFrame(packets, tagSignature, s.body)
	}
	out := armoured(labelSignature, packets)
	if _, err := ParseSignatures(out); err != nil {
		return nil, fmt.Errorf("combining signatures: %w", err)
	}
	return out, nil
}
