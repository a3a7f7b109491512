package corpus

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"hash"
	"math/big"
	"slices"
)

// Dates, in seconds since 1970: of every key, and of every signature.
const (
	born   = 1740830400 // 2025-03-01T12:00:00Z
	signed = 1740916800 // 2025-03-02T12:00:00Z
)

// Public-key algorithm numbers (RFC 9580, section 9.1).
const (
	numRSA     = 1
	numDSA     = 17
	numECDSA   = 19
	numEdDSA   = 22
	numEd25519 = 27
	numEd448   = 28
)

// A Key is a key of a case. Its private half comes from a seed in this package,
// and guards nothing.
type Key struct {
	// Name is that of the person who holds the key. Two keys of one person
	// have one name.
	Name string
	// Packet is the public-key packet (tag 6, new-format header).
	Packet []byte
	// Certificate is the key with one user id and a self-signature, binary, as
	// verifiers other than Rootward's want it.
	Certificate []byte

	number byte
	public []byte
	// sign returns the algorithm's part of a signature.
	sign func(h byte, digest []byte) []byte
	// order is that of the group, or the RSA modulus.
	order *big.Int
}

// hashes by number (RFC 9580, section 9.5). RIPEMD-160 and numbers that mean
// nothing are left out: what names them is signed by SHA-256.
var hashes = map[byte]func() hash.Hash{
	1: md5.New, 2: sha1.New, 8: sha256.New, 9: sha512.New384, 10: sha512.New, 11: sha256.New224,
	12: func() hash.Hash { return sha3.New256() }, 14: func() hash.Hash { return sha3.New512() },
}

func newHash(number byte) hash.Hash {
	if f := hashes[number]; f != nil {
		return f()
	}
	return sha256.New()
}

// newKey makes a v4 key of the given numbers and its certificate.
func newKey(name string, created uint32, number byte, public []byte, sign func(byte, []byte) []byte) *Key {
	k := &Key{Name: name, number: number, public: public, sign: sign}
	k.Packet = frame(tagPublicKey, slices.Concat([]byte{4}, seconds(created), []byte{number}, public))
	k.Certificate = k.certificate(certificate{})
	return k
}

// named returns k as the key of another person, in another packet if the date differs.
func (k *Key) named(name string, created uint32) *Key {
	other := newKey(name, created, k.number, k.public, k.sign)
	other.order = k.order
	return other
}

// body returns the packet's body.
func (k *Key) body() []byte {
	if k.Packet[1] < 192 {
		return k.Packet[2:]
	}
	return k.Packet[3:]
}

// Fingerprint returns the v4 fingerprint (RFC 9580, section 5.5.4.2).
func (k *Key) Fingerprint() [20]byte {
	body := k.body()
	return sha1.Sum(slices.Concat([]byte{0x99, byte(len(body) >> 8), byte(len(body))}, body))
}

func (k *Key) keyID() []byte {
	f := k.Fingerprint()
	return f[12:]
}

func (k *Key) subIssuer() []byte {
	f := k.Fingerprint()
	return sub(33, append([]byte{4}, f[:]...)...)
}

func (k *Key) subKeyID() []byte { return sub(16, k.keyID()...) }

// A certificate says what is odd about one.
type certificate struct {
	flags   byte   // key flags; 0 means certify and sign
	expires uint32 // seconds after the key's creation
	revoked bool
	bare    bool   // no user id, no self-signature
	after   []byte // packets
}

func (k *Key) certificate(c certificate) []byte {
	if c.bare {
		return slices.Concat(k.Packet, c.after)
	}
	if c.flags == 0 {
		c.flags = 3
	}
	id := []byte(k.Name + " <" + k.Name + "@example.org>")
	hashed := slices.Concat(k.subIssuer(), k.subKeyID(), sub(2, seconds(born)...), sub(27, c.flags), sub(25, 1)) // gpg 2.2 wants the key id of a self-signature
	if c.expires != 0 {
		hashed = append(hashed, sub(9, seconds(c.expires)...)...)
	}
	self := forgery{key: k, kind: 0x13, hash: 10, hashed: hashed} // SHA-512: gpg wants no hash shorter than the curve
	prefix := slices.Concat(k.hashedForm(), []byte{0xb4}, binary.BigEndian.AppendUint32(nil, uint32(len(id))), id)
	var revocation []byte
	if c.revoked {
		r := forgery{key: k, kind: 0x20, hash: 10, hashed: slices.Concat(k.subIssuer(), k.subKeyID(), sub(2, seconds(signed)...), sub(29, 2))}
		revocation = r.packet(k.hashedForm())
	}
	return slices.Concat(k.Packet, revocation, frame(tagUserID, id), self.packet(prefix), c.after)
}

// hashedForm is the key as signatures over it hash it (RFC 9580, section 5.2.4).
func (k *Key) hashedForm() []byte {
	body := k.body()
	return slices.Concat([]byte{0x99, byte(len(body) >> 8), byte(len(body))}, body)
}

// stream returns n bytes that seed stands for.
func stream(seed string, n int) []byte {
	var out []byte
	for i := 0; len(out) < n; i++ {
		block := sha256.Sum256(fmt.Appendf(nil, "rootward corpus %s %d", seed, i))
		out = append(out, block[:]...)
	}
	return out[:n]
}

var (
	oidP256      = []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}
	oidP384      = []byte{0x2b, 0x81, 0x04, 0x00, 0x22}
	oidP521      = []byte{0x2b, 0x81, 0x04, 0x00, 0x23}
	oidSecp256k1 = []byte{0x2b, 0x81, 0x04, 0x00, 0x0a}
	oidEd25519   = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01}
)

func oid(o []byte) []byte { return append([]byte{byte(len(o))}, o...) }

// ed25519Key makes an EdDSA key (algorithm 22) from a seed.
func ed25519Key(name, seed string) *Key { return edKey(name, born, stream(seed, 32)) }

func edKey(name string, created uint32, secret []byte) *Key {
	private := ed25519.NewKeyFromSeed(secret)
	public := slices.Concat(oid(oidEd25519), mpi(append([]byte{0x40}, private[32:]...)))
	return newKey(name, created, numEdDSA, public, func(_ byte, digest []byte) []byte {
		sig := ed25519.Sign(private, digest)
		return slices.Concat(mpi(sig[:32]), mpi(sig[32:]))
	})
}

// newEd25519Key makes the same key material in an Ed25519 packet (algorithm 27).
func newEd25519Key(name, seed string) *Key {
	private := ed25519.NewKeyFromSeed(stream(seed, 32))
	return newKey(name, born, numEd25519, private[32:], func(_ byte, digest []byte) []byte {
		return ed25519.Sign(private, digest)
	})
}

// ecdsaKey makes an ECDSA key whose signatures are deterministic (RFC 6979).
func ecdsaKey(name, seed string, curve elliptic.Curve, o []byte) *Key {
	size := (curve.Params().BitSize + 7) / 8
	secret := new(big.Int).SetBytes(stream(seed, size))
	secret.Mod(secret, curve.Params().N)
	private, err := ecdsa.ParseRawPrivateKey(curve, secret.FillBytes(make([]byte, size)))
	if err != nil {
		panic(err) // the seed is a constant
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	kinds := map[byte]crypto.Hash{1: crypto.MD5, 2: crypto.SHA1, 9: crypto.SHA384, 10: crypto.SHA512, 11: crypto.SHA224, 12: crypto.SHA3_256, 14: crypto.SHA3_512}
	k := newKey(name, born, numECDSA, slices.Concat(oid(o), mpi(point)), func(h byte, digest []byte) []byte {
		kind, ok := kinds[h]
		if !ok {
			kind = crypto.SHA256
		}
		der, err := private.Sign(nil, digest, kind)
		if err != nil {
			panic(err)
		}
		var n struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(der, &n); err != nil {
			panic(err)
		}
		return slices.Concat(mpi(n.R.Bytes()), mpi(n.S.Bytes()))
	})
	k.order = curve.Params().N
	return k
}
