package corpus

import (
	"crypto/sha256"
	"math/big"
	"slices"
)

// ecdsaNumbers spoil r and s.
func (m *maker) ecdsaNumbers() {
	m.begin("malleability", "Wycheproof's classes: r or s zero or at least n, high s, number padding")
	m.accept("ecdsa-high-s", "n-s verifies as s does; it is the signer's, and bytes of signatures are never compared",
		m.spoiled(m.carol, func(f *forgery) { f.tail = m.negated }), m.carol)
	n := m.carol.order
	with := func(edit func(r, s *big.Int) (a, b *big.Int)) []byte {
		return m.spoiled(m.carol, func(f *forgery) {
			f.tail = func(tail []byte) []byte {
				v := numbers(tail)
				r, s := edit(new(big.Int).SetBytes(v[0]), new(big.Int).SetBytes(v[1]))
				return slices.Concat(mpi(r.Bytes()), mpi(s.Bytes()))
			}
		})
	}
	zero, one := new(big.Int), big.NewInt(1)
	keep := func(x *big.Int) *big.Int { return x }
	row := func(name, reason string, r, s func(*big.Int) *big.Int) {
		m.refuse("ecdsa-"+name, reason, "r and s are from 1 to n-1 (FIPS 186-5, 6.4.2)",
			with(func(a, b *big.Int) (*big.Int, *big.Int) { return r(a), s(b) }))
	}
	is := func(v *big.Int) func(*big.Int) *big.Int { return func(*big.Int) *big.Int { return v } }
	plus := func(x *big.Int) *big.Int { return new(big.Int).Add(x, n) }
	row("r-zero", "number has 0 bits", is(zero), keep)
	row("s-zero", "number has 0 bits", keep, is(zero))
	row("r-and-s-zero", "number has 0 bits", is(zero), is(zero))
	row("r-is-n", "out of range", is(n), keep)
	row("s-is-n", "out of range", keep, is(n))
	row("r-plus-n", "out of range", plus, keep)
	row("s-plus-n", "out of range", keep, plus)
	row("r-and-s-one", "bad signature by key", is(one), is(one))
	row("s-of-385-bits", "385 bits", keep, is(new(big.Int).Lsh(one, 384)))
	row("swapped", "bad signature by key", func(*big.Int) *big.Int { return big.NewInt(7) }, keep)
	raw := func(name, reason string, edit func(r, s []byte) []byte) {
		m.refuse("ecdsa-"+name, reason, "a number has one spelling: its bit count exact, no leading zero",
			m.spoiled(m.carol, func(f *forgery) {
				f.tail = func(tail []byte) []byte { v := numbers(tail); return edit(v[0], v[1]) }
			}))
	}
	raw("leading-zero", "number says 264 bits", func(r, s []byte) []byte {
		return slices.Concat([]byte{1, 8, 0}, r, mpi(s))
	})
	raw("bit-count-high", "number says 256 bits", func(r, s []byte) []byte {
		r[0] &= 0x7f // so that 256 is one too many
		return slices.Concat([]byte{1, 0}, r, mpi(s))
	})
	raw("bit-count-low", "number says 249 bits", func(r, s []byte) []byte {
		r[0] |= 0x80
		return slices.Concat([]byte{0, 249}, r, mpi(s))
	})
	raw("one-number", "number is cut short", func(r, _ []byte) []byte { return mpi(r) })
	raw("three-numbers", "bytes after the signature", func(r, s []byte) []byte { return slices.Concat(mpi(r), mpi(s), mpi([]byte{1})) })
	raw("byte-after", "1 bytes after the signature", func(r, s []byte) []byte { return append(slices.Concat(mpi(r), mpi(s)), 0) })
	raw("as-der", "number", func(r, s []byte) []byte {
		return slices.Concat([]byte{0x30, byte(len(r) + len(s) + 4), 2, byte(len(r))}, r, []byte{2, byte(len(s))}, s)
	})
}

// otherNumbers spoil those of RSA and Ed25519.
func (m *maker) otherNumbers() {
	m.begin("malleability", "number padding; RFC 8032, 5.1.7; RFC 8017, 8.2.2")
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	ed := func(name, reason, why string, edit func(r, s []byte) []byte) {
		m.refuse("ed25519-"+name, reason, why, m.spoiled(m.alice, func(f *forgery) {
			f.tail = func(tail []byte) []byte {
				v := numbers(tail)
				return edit(v[0], append(make([]byte, 32-len(v[1])), v[1]...))
			}
		}))
	}
	ed("s-plus-order", "bad signature by key", "s is below the group's order, or one signature makes many", func(r, s []byte) []byte {
		little := slices.Clone(s)
		slices.Reverse(little)
		sum := new(big.Int).Add(new(big.Int).SetBytes(little), order).FillBytes(make([]byte, 32))
		slices.Reverse(sum)
		return slices.Concat(mpi(r), mpi(sum))
	})
	ed("prefix-0x40", "number has 263 bits", "r is 32 octets, without the prefix of points in keys", func(r, s []byte) []byte {
		return slices.Concat(mpi(append([]byte{0x40}, r...)), mpi(s))
	})
	ed("zeros", "number has 0 bits", "no number is zero", func(_, _ []byte) []byte { return []byte{0, 0, 0, 0} })
	ed("s-zero", "number has 0 bits", "no number is zero", func(r, _ []byte) []byte { return append(mpi(r), 0, 0) })
	ed("small-order-r", "bad signature by key", "R is recomputed and compared", func(_, s []byte) []byte {
		return slices.Concat(mpi(append([]byte{1}, make([]byte, 31)...)), mpi(s))
	})
	ed("bare-64-octets", "number", "algorithm 22 has two numbers; 64 bare octets are algorithm 27's", func(r, s []byte) []byte { return slices.Concat(r, s) })
	rsa := func(name, reason, why string, edit func(v []byte) []byte) {
		m.refuse("rsa-"+name, reason, why, m.spoiled(m.bob, func(f *forgery) {
			f.tail = func(tail []byte) []byte { return edit(numbers(tail)[0]) }
		}))
	}
	rsa("plus-modulus", "out of range", "a signature is below the modulus, or one makes many", func(v []byte) []byte {
		return mpi(new(big.Int).Add(new(big.Int).SetBytes(v), m.bob.order).Bytes())
	})
	rsa("leading-zero", "number says", "a number has one spelling", func(v []byte) []byte {
		bits := 8 * (len(v) + 1)
		return slices.Concat([]byte{byte(bits >> 8), byte(bits), 0}, v)
	})
	rsa("two-numbers", "bytes after the signature", "RSA has one number", func(v []byte) []byte { return slices.Concat(mpi(v), mpi(v)) })
	rsa("of-4097-bits", "4097 bits", "sizes are capped before any arithmetic", func([]byte) []byte {
		return mpi(new(big.Int).Lsh(big.NewInt(1), 4096).Bytes())
	})
	rsa("one", "bad signature by key", "1 is its own power, and no padding", func([]byte) []byte { return mpi([]byte{1}) })
	m.rsaPaddings()
	m.begin("hash tag", "RFC 9580, 5.2.3")
	for name, tag := range map[string][]byte{"zero": {0, 0}, "swapped": nil} {
		m.refuse("hash-tag-"+name, "hash tag differs", "the left 16 bits of the hash are checked although no mathematics needs them: one file, one spelling",
			m.spoiled(m.carol, func(f *forgery) {
				f.tag = func(was []byte) []byte {
					if tag != nil {
						return tag
					}
					return []byte{was[1], was[0]}
				}
			}))
	}
	last := m.cases[len(m.cases)-2:]
	slices.SortFunc(last, func(a, b Case) int { return slices.Compare([]byte(a.Name), []byte(b.Name)) })
}

// rsaPaddings are signatures by bob's real key whose padding is not PKCS #1 v1.5's.
func (m *maker) rsaPaddings() {
	m.begin("RSA padding", "RFC 8017, 8.2.2 and 9.2; Bleichenbacher 2006")
	const size = 256
	raw := func(block []byte) func(*forgery) {
		return func(f *forgery) {
			f.tail = func([]byte) []byte { return mpi(m.rsaPower(block)) }
		}
	}
	f := honest(m.bob)
	digest := f.digest(m.document)
	good := padded(8, digest, size)
	row := func(name, why string, block []byte) {
		m.refuse("rsa-padding-"+name, "bad signature by key", why, m.spoiled(m.bob, raw(block)))
	}
	short := slices.Concat(padded(8, digest, 200), make([]byte, 56))
	row("garbage-after", "the digest ends the block, or a cube root forges", short)
	row("none", "a bare digest is no padding", digest)
	null := slices.Clone(good)
	null[2] = 0xfe
	row("not-ff", "the padding is of ff alone", null)
	row("block-type-2", "block type 1", append([]byte{0, 2}, good[2:]...))
	row("other-hash", "the padding names the hash", padded(2, digest[:20], size))
	// AlgorithmIdentifier without its NULL parameters (RFC 8017, appendix B.1, wants them).
	bare := slices.Concat([]byte{0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x04, 0x20}, digest)
	row("without-null", "one encoding of the hash's name", slices.Concat([]byte{0, 1}, slices.Repeat([]byte{0xff}, size-3-len(bare)), []byte{0}, bare))
}

// rsaPower raises a block to bob's private exponent.
func (m *maker) rsaPower(block []byte) []byte {
	p, q, one := prime("rsa2048p"), prime("rsa2048q"), big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	d := new(big.Int).ModInverse(big.NewInt(65537), phi)
	return new(big.Int).Exp(new(big.Int).SetBytes(block), d, m.bob.order).Bytes()
}

// digest returns what f signs with SHA-256 over document.
func (f forgery) digest(document []byte) []byte {
	var got []byte
	key := *f.key
	key.sign = func(_ byte, digest []byte) []byte { got = digest; return nil }
	f.key = &key
	f.body(document)
	if len(got) != sha256.Size {
		panic("not a SHA-256")
	}
	return got
}
