package corpus

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// primes holds the primes of the RSA keys and the DSA parameters, one in hex a
// line after its name. They come from [SearchPrimes] and are kept because the
// search takes seconds.
//
//go:embed primes.txt
var primes string

func prime(name string) *big.Int {
	for line := range strings.Lines(primes) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			raw, err := hex.DecodeString(text)
			if err != nil {
				panic(err)
			}
			return new(big.Int).SetBytes(raw)
		}
	}
	panic("primes.txt has no " + name)
}

// SearchPrimes writes primes.txt anew from its seeds. It takes some seconds.
func SearchPrimes() []byte {
	var out bytes.Buffer
	for _, c := range []struct {
		name string
		bits int
	}{{"rsa1024", 512}, {"rsa2048", 1024}, {"rsa4104", 2052}, {"rsa3072e3", 1536}} {
		for _, side := range []string{"p", "q"} {
			p := searchPrime(c.name+side, c.bits, c.name == "rsa3072e3")
			fmt.Fprintf(&out, "%s%s %x\n", c.name, side, p.Bytes())
		}
	}
	q := searchPrime("dsaq", 256, false)
	fmt.Fprintf(&out, "dsaq %x\ndsap %x\n", q.Bytes(), searchDSA(q).Bytes())
	return out.Bytes()
}

// searchPrime returns the first prime from a seed's number up with its two top
// bits set; p-1 has no factor 3 if cube says so.
func searchPrime(seed string, bits int, cube bool) *big.Int {
	p := new(big.Int).SetBytes(stream(seed, (bits+7)/8))
	p.And(p, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bits)), big.NewInt(1)))
	p.SetBit(p, bits-1, 1).SetBit(p, bits-2, 1).SetBit(p, 0, 1)
	three := big.NewInt(3)
	for ; ; p.Add(p, big.NewInt(2)) {
		if cube && new(big.Int).Mod(p, three).Int64() == 1 {
			continue
		}
		if p.ProbablyPrime(20) {
			return p
		}
	}
}

// searchDSA returns a prime of 2048 bits of which q divides p-1 (FIPS 186-4, appendix A.1).
func searchDSA(q *big.Int) *big.Int {
	step := new(big.Int).Lsh(q, 1)
	p := new(big.Int).SetBytes(stream("dsap", 256))
	p.SetBit(p, 2047, 1)
	p.Sub(p, new(big.Int).Mod(p, step)).Add(p, big.NewInt(1))
	for !p.ProbablyPrime(20) {
		p.Add(p, step)
	}
	return p
}

// digestInfo is what precedes the digest in PKCS #1 v1.5 (RFC 8017, section 9.2), by hash number.
var digestInfo = map[byte]string{
	1: "3020300c06082a864886f70d020505000410", 2: "3021300906052b0e03021a05000414",
	8: "3031300d060960864801650304020105000420", 9: "3041300d060960864801650304020205000430",
	10: "3051300d060960864801650304020305000440", 11: "302d300d06096086480165030402040500041c",
	12: "3031300d060960864801650304020805000420", 14: "3051300d060960864801650304020a05000440",
}

// padded returns a digest in PKCS #1 v1.5's padding for a modulus of size octets.
func padded(h byte, digest []byte, size int) []byte {
	text, ok := digestInfo[h]
	if !ok {
		text = digestInfo[8]
	}
	info, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	info = append(info, digest...)
	return slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, size-3-len(info)), []byte{0}, info)
}

// rsaKey makes an RSA key of the primes name+"p" and name+"q". Its signatures are
// made by hand, so that odd ones can be.
func rsaKey(person, name string, exponent int64) *Key {
	p, q := prime(name+"p"), prime(name+"q")
	n, e := new(big.Int).Mul(p, q), big.NewInt(exponent)
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	d := new(big.Int).ModInverse(e, phi)
	size := (n.BitLen() + 7) / 8
	k := newKey(person, born, numRSA, slices.Concat(mpi(n.Bytes()), mpi(e.Bytes())), func(h byte, digest []byte) []byte {
		return mpi(new(big.Int).Exp(new(big.Int).SetBytes(padded(h, digest, size)), d, n).Bytes())
	})
	k.order = n
	return k
}

// dsaKey makes a DSA key of 2048 bits; k comes from the secret and the digest.
func dsaKey(person string) *Key {
	p, q := prime("dsap"), prime("dsaq")
	g := new(big.Int).Exp(big.NewInt(2), new(big.Int).Div(p, q), p)
	x := new(big.Int).Mod(new(big.Int).SetBytes(stream("dsax", 32)), q)
	y := new(big.Int).Exp(g, x, p)
	public := slices.Concat(mpi(p.Bytes()), mpi(q.Bytes()), mpi(g.Bytes()), mpi(y.Bytes()))
	return newKey(person, born, numDSA, public, func(_ byte, digest []byte) []byte {
		z := new(big.Int).SetBytes(digest[:min(32, len(digest))])
		k := nonce(digest, q)
		r := new(big.Int).Exp(g, k, p)
		r.Mod(r, q)
		s := new(big.Int).Mul(x, r)
		s.Add(s, z).Mul(s, new(big.Int).ModInverse(k, q)).Mod(s, q)
		return slices.Concat(mpi(r.Bytes()), mpi(s.Bytes()))
	})
}

func nonce(digest []byte, order *big.Int) *big.Int {
	sum := sha256.Sum256(append([]byte("rootward corpus nonce "), digest...))
	return new(big.Int).Mod(new(big.Int).SetBytes(sum[:]), order)
}

// A curve is a short Weierstrass one with a = 0, for secp256k1 alone.
type curve struct{ p, n *big.Int }

type point struct{ x, y *big.Int } // x is nil for the point at infinity

func (c curve) add(a, b point) point {
	if a.x == nil {
		return b
	}
	if b.x == nil {
		return a
	}
	var slope *big.Int
	switch {
	case a.x.Cmp(b.x) != 0:
		slope = new(big.Int).Sub(b.x, a.x)
		slope.ModInverse(slope.Mod(slope, c.p), c.p)
		slope.Mul(slope, new(big.Int).Sub(b.y, a.y))
	case a.y.Cmp(b.y) == 0:
		slope = new(big.Int).Lsh(a.y, 1)
		slope.ModInverse(slope, c.p)
		slope.Mul(slope, new(big.Int).Mul(big.NewInt(3), new(big.Int).Mul(a.x, a.x)))
	default:
		return point{}
	}
	slope.Mod(slope, c.p)
	x := new(big.Int).Mul(slope, slope)
	x.Sub(x, a.x).Sub(x, b.x).Mod(x, c.p)
	y := new(big.Int).Sub(a.x, x)
	y.Mul(y, slope).Sub(y, a.y).Mod(y, c.p)
	return point{x, y}
}

func (c curve) times(a point, k *big.Int) (sum point) {
	for i := k.BitLen() - 1; i >= 0; i-- {
		sum = c.add(sum, sum)
		if k.Bit(i) == 1 {
			sum = c.add(sum, a)
		}
	}
	return sum
}

func number(text string) *big.Int {
	n, ok := new(big.Int).SetString(text, 16)
	if !ok {
		panic(text)
	}
	return n
}

// secp256k1Key makes an ECDSA key on secp256k1 (SEC 2, section 2.4.1).
func secp256k1Key(person string) *Key {
	c := curve{
		p: number("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"),
		n: number("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"),
	}
	g := point{
		x: number("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
		y: number("483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"),
	}
	x := new(big.Int).Mod(new(big.Int).SetBytes(stream("secp256k1", 32)), c.n)
	q := c.times(g, x)
	raw := append([]byte{4}, append(q.x.FillBytes(make([]byte, 32)), q.y.FillBytes(make([]byte, 32))...)...)
	return newKey(person, born, numECDSA, slices.Concat(oid(oidSecp256k1), mpi(raw)), func(_ byte, digest []byte) []byte {
		k := nonce(digest, c.n)
		r := new(big.Int).Mod(c.times(g, k).x, c.n)
		s := new(big.Int).Mul(x, r)
		s.Add(s, new(big.Int).SetBytes(digest[:min(32, len(digest))])).Mul(s, new(big.Int).ModInverse(k, c.n)).Mod(s, c.n)
		return slices.Concat(mpi(r.Bytes()), mpi(s.Bytes()))
	})
}

// identityKey makes an Ed25519 key whose point is the group's identity. What it
// "signs" is made without a secret, and verifies under any document.
func identityKey(person string) *Key {
	identity := append([]byte{1}, make([]byte, 31)...)
	public := slices.Concat(oid(oidEd25519), mpi(append([]byte{0x40}, identity...)))
	return newKey(person, born, numEdDSA, public, func(byte, []byte) []byte {
		return slices.Concat(mpi(identity), mpi([]byte{})) // R = identity, s = 0
	})
}

// v6Key makes the v6 packet (RFC 9580, section 5.5.2.3) of an Ed25519 key, with a
// direct-key signature as its certificate. Sign with [forgery.version] 6.
func v6Key(person, seed string) *Key {
	k := newEd25519Key(person, seed)
	public := k.public
	k.Packet = frame(tagPublicKey, slices.Concat([]byte{6}, seconds(born), []byte{numEd25519}, binary.BigEndian.AppendUint32(nil, uint32(len(public))), public))
	body := k.body()
	form := slices.Concat([]byte{0x9b}, binary.BigEndian.AppendUint32(nil, uint32(len(body))), body)
	direct := forgery{key: k, version: 6, kind: 0x1f, hashed: slices.Concat(k.subIssuer6(), sub(2, seconds(born)...), sub(27, 3))}
	k.Certificate = slices.Concat(k.Packet, direct.packet(form))
	return k
}

func (k *Key) subIssuer6() []byte {
	body := k.body()
	f := sha256.Sum256(slices.Concat([]byte{0x9b}, binary.BigEndian.AppendUint32(nil, uint32(len(body))), body))
	return sub(33, append([]byte{6}, f[:]...)...)
}

// colliding returns two Ed25519 keys of one 64-bit key id, 992A5EEE1D1049FA, and
// one date. Finding such a pair takes some 2^32 keys; these, private halves and
// all, were published for everybody's tests ("The Long Key ID Collider",
// nullprogram.com, 2019-07-22).
func colliding(first, second string) (a, b *Key) {
	const made = 0x5d353783 // 2019-07-22
	secret := func(text string) []byte {
		raw, err := hex.DecodeString(text)
		if err != nil {
			panic(err)
		}
		return raw
	}
	return edKey(first, made, secret("b44cdb2e2111e4c5a1a32cd37a850a3044cc4b5c032b9197cc729d434c6f0606")),
		edKey(second, made, secret("10ca89f4e94076fe039e57f2a30230a2f7531ea1477b96c039ca7f36451e5b3b"))
}
