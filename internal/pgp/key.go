package pgp

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// A KeyID names a key packet: the SHA-256 of the exact v4 public-key packet, its
// header included.
type KeyID [32]byte

// String returns the id as 64 lower-case hexadecimal digits.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// A Material names key material whatever packet it stands in. Two packets with
// one Material are one key: for duplicates, for counting, for revocation.
//
// It is the SHA-256 of the text "rootward key material v1\n", the algorithm's
// name as [Algorithm.String] has it, a line feed, and what the secret belongs to:
// for RSA the modulus alone (who can sign with one exponent can factor the
// modulus, and sign with any), big-endian without leading zeros; for P-256 and
// P-384 the uncompressed point (SEC 1, section 2.3.3); for Ed25519 the 32 octets of
// RFC 8032, section 5.1.5.
type Material [32]byte

// String returns the material's name as 64 lower-case hexadecimal digits.
func (m Material) String() string { return hex.EncodeToString(m[:]) }

// An Algorithm is one of the four kinds of key that Rootward accepts. The zero
// value is none of them.
type Algorithm int

// The algorithms. RSA keys have 2048 to 4096 bits; see [PublicKey.Bits].
const (
	RSA Algorithm = iota + 1
	P256
	P384
	Ed25519
)

// String returns "RSA", "P-256", "P-384" or "Ed25519".
func (a Algorithm) String() string {
	switch a {
	case RSA:
		return "RSA"
	case P256:
		return "P-256"
	case P384:
		return "P-384"
	case Ed25519:
		return "Ed25519"
	}
	return fmt.Sprintf("algorithm %d", int(a))
}

// Public-key algorithm numbers (RFC 9580, section 9.1).
const (
	numberRSA   = 1
	numberECDSA = 19
	numberEdDSA = 22 // EdDSALegacy, which stock gpg knows; 27 is refused
)

var (
	oidP256    = []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}
	oidP384    = []byte{0x2b, 0x81, 0x04, 0x00, 0x22}
	oidEd25519 = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01}
)

const (
	minRSABits = 2048
	maxRSABits = 4096
	// Below 65537 attacks on careless padding begin, and no card makes such keys.
	minRSAExponent = 65537
	// go-crypto holds exponents of up to three octets.
	maxExponentBits = 24
)

// A PublicKey is one exact v4 public-key packet, made by [ParsePublicKey],
// [NewPublicKey] or [KeysIn]. It is immutable.
type PublicKey struct {
	packet    []byte
	id        KeyID
	material  Material
	algorithm Algorithm
	bits      int
	created   time.Time
	number    byte             // public-key algorithm number
	public    crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	library   *packet.PublicKey
}

// ParsePublicKey parses one v4 public-key packet (tag 6, RFC 4880, section 5.5.2)
// in its one accepted spelling: new-format header 0xC6 with the shortest length,
// numbers without leading zeros, nothing after it. What parses prints back, by
// [PublicKey.Packet], to the same bytes.
//
// Accepted are RSA (algorithm 1) with 2048 to 4096 bits and an odd exponent from
// 65537 to 2^24-1, ECDSA on P-256 and P-384 with the point on the curve, and
// Ed25519 (algorithm 22) with a canonical point not of small order. The error
// wraps [ErrMalformedKey], or [ErrSecretKey].
//
// Not checked: whether an RSA modulus is the product of two good primes, whether
// anyone holds the private half, and whether the date makes sense.
func ParsePublicKey(pkt []byte) (*PublicKey, error) {
	k, err := parsePublicKey(pkt)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformedKey, err)
	}
	return k, nil
}

func parsePublicKey(pkt []byte) (*PublicKey, error) {
	if len(pkt) > MaxPublicKey {
		return nil, fmt.Errorf("packet has %d bytes, want at most %d", len(pkt), MaxPublicKey)
	}
	f, rest, err := nextFrame(pkt)
	if err != nil {
		return nil, err
	}
	switch {
	case f.tag == tagSecretKey || f.tag == tagSecretSubkey:
		return nil, ErrSecretKey
	case f.tag != tagPublicKey:
		return nil, fmt.Errorf("packet has tag %d, want %d", f.tag, tagPublicKey)
	case len(rest) != 0:
		return nil, fmt.Errorf("%d bytes after the packet, want none", len(rest))
	case !bytes.Equal(appendFrame(nil, tagPublicKey, f.body), pkt):
		return nil, fmt.Errorf("packet header begins with %#02x, want the new format, 0xc6", pkt[0])
	}
	return keyFromBody(f.body)
}

// keyFromBody parses the body of a public-key or public-subkey packet.
func keyFromBody(body []byte) (*PublicKey, error) {
	if len(body) < 6 {
		return nil, fmt.Errorf("key has %d bytes, want at least 6", len(body))
	}
	if body[0] != 4 {
		return nil, fmt.Errorf("key has version %d, want 4", body[0])
	}
	k := &PublicKey{
		packet:  appendFrame(nil, tagPublicKey, body),
		created: time.Unix(int64(binary.BigEndian.Uint32(body[1:5])), 0).UTC(),
		number:  body[5],
	}
	var err error
	switch k.number {
	case numberRSA:
		err = k.readRSA(body[6:])
	case numberECDSA:
		err = k.readECDSA(body[6:])
	case numberEdDSA:
		err = k.readEdDSA(body[6:])
	default:
		err = fmt.Errorf("key has algorithm %d%s, want 1 (RSA), 19 (ECDSA) or 22 (EdDSA)", k.number, algorithmHint(k.number))
	}
	if err != nil {
		return nil, err
	}
	k.id = sha256.Sum256(k.packet)
	if k.library, err = libraryKey(k.packet); err != nil {
		return nil, err
	}
	return k, nil
}

// algorithmHint names the algorithms that people are likely to bring.
func algorithmHint(number byte) string {
	name := map[byte]string{2: "RSA for encryption only", 3: "RSA for signing only", 16: "Elgamal", 17: "DSA",
		18: "ECDH", 25: "X25519", 26: "X448", 27: "Ed25519, of RFC 9580", 28: "Ed448"}[number]
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}

// libraryKey has go-crypto parse the packet too, and print it back.
func libraryKey(pkt []byte) (key *packet.PublicKey, err error) {
	err = guarded(func() error {
		p, err := packet.Read(bytes.NewReader(pkt))
		if err != nil {
			return err
		}
		var ok bool
		var out bytes.Buffer
		if key, ok = p.(*packet.PublicKey); !ok {
			return fmt.Errorf("openpgp library read a %T, want a public key", p)
		}
		if err := key.Serialize(&out); err != nil {
			return err
		}
		if !bytes.Equal(out.Bytes(), pkt) || len(key.Fingerprint) != 20 {
			return errors.New("key prints back to other bytes")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return key, nil
}

func (k *PublicKey) readRSA(in []byte) error {
	n, in, err := nextMPI(in, maxRSABits)
	if err != nil {
		return fmt.Errorf("RSA modulus: %w", err)
	}
	e, in, err := nextMPI(in, maxExponentBits)
	if err != nil {
		return fmt.Errorf("RSA exponent: %w", err)
	}
	if len(in) != 0 {
		return fmt.Errorf("%d bytes after the key, want none", len(in))
	}
	modulus, exponent := new(big.Int).SetBytes(n), int(new(big.Int).SetBytes(e).Int64())
	switch {
	case modulus.BitLen() < minRSABits:
		return fmt.Errorf("RSA modulus has %d bits, want %d to %d", modulus.BitLen(), minRSABits, maxRSABits)
	case modulus.Bit(0) == 0:
		return errors.New("RSA modulus is even")
	case exponent < minRSAExponent || exponent%2 == 0:
		return fmt.Errorf("RSA exponent is %d, want an odd one from %d up", exponent, minRSAExponent)
	}
	k.algorithm, k.bits = RSA, modulus.BitLen()
	k.public = &rsa.PublicKey{N: modulus, E: exponent}
	k.material = materialOf(RSA, n)
	return nil
}

func (k *PublicKey) readECDSA(in []byte) error {
	oid, in, err := nextOID(in)
	if err != nil {
		return err
	}
	var curve elliptic.Curve
	switch {
	case bytes.Equal(oid, oidP256):
		k.algorithm, curve = P256, elliptic.P256()
	case bytes.Equal(oid, oidP384):
		k.algorithm, curve = P384, elliptic.P384()
	default:
		return fmt.Errorf("ECDSA curve has OID %x, want %x (P-256) or %x (P-384)", oid, oidP256, oidP384)
	}
	k.bits = curve.Params().BitSize
	point, in, err := nextMPI(in, 8*(2*(k.bits/8)+1))
	if err != nil {
		return fmt.Errorf("%s point: %w", k.algorithm, err)
	}
	if len(in) != 0 {
		return fmt.Errorf("%d bytes after the key, want none", len(in))
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return fmt.Errorf("%s point of %d bytes is not an uncompressed point on the curve", k.algorithm, len(point))
	}
	k.public = public
	k.material = materialOf(k.algorithm, point)
	return nil
}

func (k *PublicKey) readEdDSA(in []byte) error {
	oid, in, err := nextOID(in)
	if err != nil {
		return err
	}
	if !bytes.Equal(oid, oidEd25519) {
		return fmt.Errorf("EdDSA curve has OID %x, want %x (Ed25519)", oid, oidEd25519)
	}
	point, in, err := nextMPI(in, 8*33)
	if err != nil {
		return fmt.Errorf("Ed25519 point: %w", err)
	}
	switch {
	case len(in) != 0:
		return fmt.Errorf("%d bytes after the key, want none", len(in))
	case len(point) != 33 || point[0] != 0x40:
		return fmt.Errorf("Ed25519 point has %d bytes and begins with %#02x, want 33 and 0x40", len(point), point[0])
	}
	if err := checkEdwardsPoint(point[1:]); err != nil {
		return fmt.Errorf("Ed25519 point: %w", err)
	}
	k.algorithm, k.bits = Ed25519, 256
	k.public = ed25519.PublicKey(bytes.Clone(point[1:]))
	k.material = materialOf(Ed25519, point[1:])
	return nil
}

// nextOID splits a curve's OID off in (RFC 6637, section 9).
func nextOID(in []byte) (oid, rest []byte, err error) {
	if len(in) == 0 || int(in[0]) > len(in)-1 {
		return nil, nil, errors.New("curve OID is cut short")
	}
	end := 1 + int(in[0]) // as an int: 255 and one are no byte
	return in[1:end], in[end:], nil
}

func materialOf(a Algorithm, numbers []byte) Material {
	text := "rootward key material v1\n" + a.String() + "\n"
	return sha256.Sum256(append([]byte(text), numbers...))
}

// NewPublicKey makes the v4 packet of an *ecdsa.PublicKey (P-256 or P-384), an
// *rsa.PublicKey or an ed25519.PublicKey. The creation date is part of the packet,
// so of its id and its fingerprint: it must be kept with the key, and be in whole
// seconds from 1970 to 2106. The key is then judged as by [ParsePublicKey].
func NewPublicKey(pub crypto.PublicKey, created time.Time) (*PublicKey, error) {
	if created.Nanosecond() != 0 {
		return nil, fmt.Errorf("key creation date has %d ns, want whole seconds", created.Nanosecond())
	}
	if err := checkSeconds(created); err != nil {
		return nil, fmt.Errorf("key creation date: %w", err)
	}
	body := binary.BigEndian.AppendUint32([]byte{4}, uint32(created.Unix()))
	switch p := pub.(type) {
	case *rsa.PublicKey:
		if p == nil || p.N == nil || p.N.Sign() <= 0 || p.N.BitLen() > maxRSABits || p.E <= 0 {
			return nil, fmt.Errorf("%w: RSA key has no usable modulus or exponent", ErrMalformedKey)
		}
		body = appendMPI(append(body, numberRSA), p.N.Bytes())
		body = appendMPI(body, big.NewInt(int64(p.E)).Bytes())
	case *ecdsa.PublicKey:
		oid, point, err := ecdsaPoint(p)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformedKey, err)
		}
		body = appendMPI(append(append(body, numberECDSA, byte(len(oid))), oid...), point)
	case ed25519.PublicKey:
		body = append(append(body, numberEdDSA, byte(len(oidEd25519))), oidEd25519...)
		body = appendMPI(body, append([]byte{0x40}, p...))
	default:
		return nil, fmt.Errorf("%w: key is a %T, want RSA, ECDSA or Ed25519", ErrMalformedKey, pub)
	}
	return ParsePublicKey(appendFrame(nil, tagPublicKey, body))
}

func ecdsaPoint(p *ecdsa.PublicKey) (oid, point []byte, err error) {
	switch {
	case p == nil:
		return nil, nil, errors.New("ECDSA key is missing")
	case p.Curve == elliptic.P256():
		oid = oidP256
	case p.Curve == elliptic.P384():
		oid = oidP384
	default:
		return nil, nil, errors.New("ECDSA key is on another curve, want P-256 or P-384")
	}
	point, err = p.Bytes()
	return oid, point, err
}

// checkSeconds says whether t fits OpenPGP's unsigned 32-bit seconds, not 0.
func checkSeconds(t time.Time) error {
	if s := t.Unix(); s <= 0 || s > 1<<32-1 {
		return fmt.Errorf("%s is outside 1970 to 2106", t.UTC().Format(time.RFC3339))
	}
	return nil
}

// Packet returns a copy of the exact packet, header included.
func (k *PublicKey) Packet() []byte { return bytes.Clone(k.packet) }

// ID returns the name by which documents know the key.
func (k *PublicKey) ID() KeyID { return k.id }

// Material returns the name of the key's material.
func (k *PublicKey) Material() Material { return k.material }

// Fingerprint returns the v4 fingerprint, which is SHA-1 (RFC 4880, section
// 12.2): for people, and to find the key that a signature names, never as evidence.
func (k *PublicKey) Fingerprint() [20]byte { return [20]byte(k.library.Fingerprint) }

// Algorithm returns the kind of key.
func (k *PublicKey) Algorithm() Algorithm { return k.algorithm }

// Bits returns the size of the RSA modulus, or 256 or 384 for a curve.
func (k *PublicKey) Bits() int { return k.bits }

// Created returns the creation date in the packet, UTC, which nobody vouches for.
func (k *PublicKey) Created() time.Time { return k.created }

// Public returns a copy of the key as *rsa.PublicKey, *ecdsa.PublicKey or
// ed25519.PublicKey.
func (k *PublicKey) Public() crypto.PublicKey {
	switch p := k.public.(type) {
	case *rsa.PublicKey:
		return &rsa.PublicKey{N: new(big.Int).Set(p.N), E: p.E}
	case *ecdsa.PublicKey:
		clone := *p // its numbers are never written to
		return &clone
	case ed25519.PublicKey:
		return slices.Clone(p)
	}
	return nil
}

// String returns the fingerprint as 40 upper-case hexadecimal digits, for people.
func (k *PublicKey) String() string { return fmt.Sprintf("%X", k.library.Fingerprint) }

// modulus returns the RSA modulus, or 0 for another key.
func (k *PublicKey) modulus() *big.Int {
	if p, ok := k.public.(*rsa.PublicKey); ok {
		return p.N
	}
	return new(big.Int)
}

// order returns the order of the curve's group, or 0 for a key without one.
func (k *PublicKey) order() *big.Int {
	if p, ok := k.public.(*ecdsa.PublicKey); ok {
		return p.Curve.Params().N
	}
	return new(big.Int)
}
