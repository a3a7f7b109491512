package pgp

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math/big"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Subpacket types (RFC 9580, section 5.2.3.7) that mean something here.
const (
	subCreationTime      = 2
	subExpirationTime    = 3
	subIssuerKeyID       = 16
	subKeyFlags          = 27
	subEmbedded          = 32
	subIssuerFingerprint = 33
)

const maxSubpackets = 32 // in one area

// hashes are the hash algorithms accepted, by number (RFC 9580, section 9.5).
var hashes = map[byte]crypto.Hash{8: crypto.SHA256, 9: crypto.SHA384, 10: crypto.SHA512}

// A signature is one well-formed signature packet. Nothing in it is verified.
type signature struct {
	body    []byte   // of the packet
	issuer  [20]byte // the fingerprint that it claims, in the hashed area
	number  byte     // public-key algorithm number
	hash    crypto.Hash
	numbers [][]byte // r and s, or RSA's one
	library *packet.Signature
}

// parseSignature parses the body of a signature packet (RFC 4880, section 5.2.3)
// and refuses what the package comment does not promise to accept.
func parseSignature(body []byte) (*signature, error) {
	if len(body) < 6 {
		return nil, fmt.Errorf("packet has %d bytes, want at least 6", len(body))
	}
	s := &signature{body: body, number: body[2], hash: hashes[body[3]]}
	switch {
	case body[0] != 4:
		return nil, fmt.Errorf("version %d, want 4", body[0])
	case body[1] != byte(packet.SigTypeBinary):
		return nil, fmt.Errorf("type %#02x%s, want 0x00 (binary document)", body[1], typeHint(body[1]))
	case s.hash == 0:
		return nil, fmt.Errorf("hash algorithm %d%s, want 8, 9 or 10 (SHA-256, 384 or 512)", body[3], hashHint(body[3]))
	}
	hashed, rest, err := nextArea(body[4:])
	if err != nil {
		return nil, fmt.Errorf("hashed area: %w", err)
	}
	unhashed, rest, err := nextArea(rest)
	if err != nil {
		return nil, fmt.Errorf("unhashed area: %w", err)
	}
	if err := s.readAreas(hashed, unhashed); err != nil {
		return nil, err
	}
	if len(rest) < 2 {
		return nil, errors.New("packet ends before its hash tag")
	}
	if err := s.readNumbers(rest[2:]); err != nil {
		return nil, err
	}
	if s.library, err = librarySignature(body); err != nil {
		return nil, err
	}
	return s, nil
}

func typeHint(kind byte) string {
	if kind == byte(packet.SigTypeText) {
		return " (text; sign with --detach-sign and without --textmode)"
	}
	return ""
}

func hashHint(number byte) string {
	name := map[byte]string{1: " (MD5)", 2: " (SHA-1)", 3: " (RIPEMD-160)", 11: " (SHA-224)", 12: " (SHA3-256)", 14: " (SHA3-512)"}
	return name[number]
}

// A subpacket is one attribute of a signature.
type subpacket struct {
	kind     byte
	critical bool
	data     []byte
}

// nextArea splits an area of subpackets off in (RFC 4880, section 5.2.3.1).
func nextArea(in []byte) (area []subpacket, rest []byte, err error) {
	if len(in) < 2 {
		return nil, nil, errors.New("cut short")
	}
	size := int(binary.BigEndian.Uint16(in))
	if size > len(in)-2 {
		return nil, nil, fmt.Errorf("has %d bytes, want %d", len(in)-2, size)
	}
	in, rest = in[2:2+size], in[2+size:]
	for len(in) > 0 {
		if len(area) == maxSubpackets {
			return nil, nil, fmt.Errorf("more than %d subpackets", maxSubpackets)
		}
		length, header, err := octetLength(in, 255)
		if err != nil {
			return nil, nil, fmt.Errorf("subpacket: %w", err)
		}
		in = in[header:]
		if length == 0 || length > len(in) {
			return nil, nil, fmt.Errorf("subpacket has %d bytes, want %d, at least 1", len(in), length)
		}
		area = append(area, subpacket{kind: in[0] & 0x7f, critical: in[0]&0x80 != 0, data: in[1:length]})
		in = in[length:]
	}
	return area, rest, nil
}

// readAreas takes the issuer from the hashed area and checks everything else.
func (s *signature) readAreas(hashed, unhashed []subpacket) error {
	seen := map[byte]int{}
	for _, sub := range hashed {
		seen[sub.kind]++
		if err := checkHashed(sub); err != nil {
			return err
		}
		if sub.kind == subIssuerFingerprint {
			copy(s.issuer[:], sub.data[1:])
		}
	}
	for _, kind := range []byte{subCreationTime, subIssuerFingerprint} {
		if seen[kind] != 1 {
			return fmt.Errorf("hashed area has %d %s, want 1", seen[kind], subpacketName(kind))
		}
	}
	for _, sub := range hashed {
		if err := s.checkIssuer(sub); err != nil {
			return err
		}
	}
	for _, sub := range unhashed {
		switch {
		case sub.critical:
			return fmt.Errorf("unhashed area has a critical %s, want none", subpacketName(sub.kind))
		case sub.kind == subCreationTime || sub.kind == subExpirationTime || sub.kind == subEmbedded:
			return fmt.Errorf("unhashed area has a %s, want none", subpacketName(sub.kind))
		}
		if err := s.checkIssuer(sub); err != nil {
			return fmt.Errorf("unhashed area: %w", err)
		}
	}
	return nil
}

// checkHashed checks one hashed subpacket on its own.
func checkHashed(sub subpacket) error {
	switch sub.kind {
	case subCreationTime:
		if len(sub.data) != 4 {
			return fmt.Errorf("creation time has %d bytes, want 4", len(sub.data))
		}
	case subIssuerFingerprint:
		if len(sub.data) != 21 || sub.data[0] != 4 {
			return fmt.Errorf("issuer fingerprint has %d bytes, want 21, a version 4 one", len(sub.data))
		}
	case subIssuerKeyID:
	case subExpirationTime:
		return errors.New("the signature says that it expires, which documents say for themselves; sign without --default-sig-expire")
	case subEmbedded:
		return errors.New("embedded signature, want none")
	default:
		if sub.critical {
			return fmt.Errorf("critical %s, want none that is unknown here", subpacketName(sub.kind))
		}
	}
	return nil
}

// checkIssuer says whether a subpacket that names an issuer names the hashed one.
func (s *signature) checkIssuer(sub subpacket) error {
	var same bool
	switch sub.kind {
	case subIssuerFingerprint:
		same = len(sub.data) == 21 && sub.data[0] == 4 && bytes.Equal(sub.data[1:], s.issuer[:])
	case subIssuerKeyID:
		same = bytes.Equal(sub.data, s.issuer[12:])
	default:
		return nil
	}
	if !same {
		return fmt.Errorf("%s is %X, want that of the hashed issuer fingerprint %X", subpacketName(sub.kind), sub.data, s.issuer)
	}
	return nil
}

func subpacketName(kind byte) string {
	name := map[byte]string{subCreationTime: "creation time", subExpirationTime: "expiration time",
		subIssuerKeyID: "issuer key id", 20: "notation", 26: "policy URI", subEmbedded: "embedded signature",
		subIssuerFingerprint: "issuer fingerprint"}[kind]
	if name == "" {
		return fmt.Sprintf("subpacket of type %d", kind)
	}
	return name + " subpacket"
}

// readNumbers reads the algorithm's own part, which must end the packet.
func (s *signature) readNumbers(in []byte) error {
	count, maxBits := 2, 384
	switch s.number {
	case numberRSA:
		count, maxBits = 1, maxRSABits
	case numberECDSA:
	case numberEdDSA:
		maxBits = 256
	default:
		return fmt.Errorf("public-key algorithm %d%s, want 1 (RSA), 19 (ECDSA) or 22 (EdDSA)", s.number, algorithmHint(s.number))
	}
	for range count {
		value, rest, err := nextMPI(in, maxBits)
		if err != nil {
			return fmt.Errorf("signature: %w", err)
		}
		s.numbers = append(s.numbers, value)
		in = rest
	}
	if len(in) != 0 {
		return fmt.Errorf("%d bytes after the signature, want none", len(in))
	}
	return nil
}

// librarySignature has go-crypto parse the packet too.
func librarySignature(body []byte) (sig *packet.Signature, err error) {
	err = guarded(func() error {
		in := bytes.NewReader(appendFrame(nil, tagSignature, body))
		p, err := packet.Read(in)
		if err != nil {
			return err
		}
		var ok bool
		if sig, ok = p.(*packet.Signature); !ok || in.Len() != 0 {
			return fmt.Errorf("openpgp library read a %T with %d bytes left over, want one signature", p, in.Len())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return sig, nil
}

// verify checks s by key, which it names. digest is the hash of the document, as s.hash, without
// the signature's own trailer; it is not changed. The answer is empty if s
// verifies, and says otherwise what does not match.
func (s *signature) verify(key *PublicKey, digest hash.Hash) (reason string, err error) {
	switch {
	case s.number != key.number:
		return fmt.Sprintf("it is by public-key algorithm %d, the key's is %d", s.number, key.number), nil
	case !s.inRange(key):
		return "a number in it is out of range for the key", nil
	}
	tagged, err := cloned(digest)
	if err != nil {
		return "", err
	}
	if digest, err = cloned(digest); err != nil {
		return "", err
	}
	err = guarded(func() error {
		if err := packet.VerifyHashTag(tagged, s.library); err != nil {
			return errors.New("the document is not the one that was signed (hash tag differs)")
		}
		return key.library.VerifySignature(digest, s.library)
	})
	if err != nil {
		return err.Error(), nil
	}
	return "", nil
}

// inRange says whether the numbers can belong to key at all: r and s from 1 to
// n-1 for ECDSA (FIPS 186-5, section 6.4.2), below the modulus for RSA. For
// Ed25519 the verifier itself refuses s at or above the group's order.
func (s *signature) inRange(key *PublicKey) bool {
	var limit *big.Int
	switch key.algorithm {
	case RSA:
		limit = key.modulus()
	case P256, P384:
		limit = key.order()
	default:
		return true
	}
	for _, number := range s.numbers {
		if v := new(big.Int).SetBytes(number); v.Sign() <= 0 || v.Cmp(limit) >= 0 {
			return false
		}
	}
	return true
}

// cloned returns a copy of h with its state.
func cloned(h hash.Hash) (hash.Hash, error) {
	c, ok := h.(hash.Cloner)
	if !ok {
		return nil, fmt.Errorf("a %T cannot be copied", h)
	}
	return c.Clone()
}

// documentHash hashes a document as kind does.
func documentHash(kind crypto.Hash, document []byte) hash.Hash {
	h := kind.New()
	h.Write(document) // a hash never fails
	return h
}
