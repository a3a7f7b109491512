package conformance

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// dearmoured returns the packets of a signature file of ours.
func dearmoured(asc []byte) []byte {
	_, text, _ := strings.Cut(string(asc), "\n\n")
	text, _, _ = strings.Cut(text, "\n=")
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(text, "\n", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// A flaw is what is wrong with a signature, or nothing in the legal twin.
type flaw struct {
	rule, what string
	spoil      func(f *forgery, s *rostertest.Signer)
}

func rearmoured(edit func(string) string) func(*forgery, *rostertest.Signer) {
	return func(f *forgery, _ *rostertest.Signer) { f.armour = edit }
}

func around(before, after string) func(string) string {
	return func(s string) string { return before + s + after }
}

var armourFlaws = []flaw{
	{"SIG-1", "with text before the armour", rearmoured(around("signed:\n", ""))},
	{"SIG-1", "with an empty line before the armour", rearmoured(around("\n", ""))},
	{"SIG-1", "with text behind the armour", rearmoured(around("", "trust me\n"))},
	{"SIG-1", "in two armour blocks", rearmoured(func(s string) string { return s + s })},
	{"SIG-1", "in a block of public keys", rearmoured(func(s string) string { return strings.ReplaceAll(s, "SIGNATURE", "PUBLIC KEY BLOCK") })},
	{"SIG-1", "in a block of a message", rearmoured(func(s string) string { return strings.ReplaceAll(s, "SIGNATURE", "MESSAGE") })},
	{"SIG-1", "with an unknown armour header", rearmoured(replace("\n\n", "\nHash: SHA256\n\n"))},
	{"SIG-1", "with nine armour headers", rearmoured(replace("\n\n", "\n"+strings.Repeat("Comment: x\n", 9)+"\n"))},
	{"SIG-1", "with an escape sequence in an armour header", rearmoured(replace("\n\n", "\nComment: \x1b[2J\n\n"))},
	{"SIG-1", "without the empty line", rearmoured(replace("\n\n", "\n"))},
	{"SIG-1", "with CRLF in one line only", rearmoured(replace("\n", "\r\n"))},
	{"SIG-1", "with a wrong checksum", rearmoured(func(s string) string {
		i := strings.LastIndex(s, "\n=") + 2
		return s[:i] + "AAAA" + s[i+4:]
	})},
	{"SIG-1", "with a space in the base64", rearmoured(func(s string) string { return s[:40] + " " + s[40:] })},
	{"SIG-1", "with a line of 80 characters", rearmoured(func(s string) string {
		head, body, _ := strings.Cut(s, "\n\n")
		return head + "\n\n" + body[:64] + body[65:81] + "\n" + body[81:]
	})},
	{"SIG-1", "without armour", rearmoured(func(s string) string { return string(dearmoured([]byte(s))) })},
	{"SIG-1", "without an end", rearmoured(func(s string) string { return s[:strings.Index(s, "-----END")] })},
	{"SIG-2", "in an armour without a packet", func(f *forgery, _ *rostertest.Signer) { f.packet = func([]byte) []byte { return nil } }},
	{"SIG-2", "beside a packet of another kind", func(f *forgery, s *rostertest.Signer) {
		f.packet = func(p []byte) []byte { return append(p, packetOf(13, []byte("Alice"))...) }
	}},
	{"SIG-2", "beside a marker packet", func(f *forgery, s *rostertest.Signer) {
		f.packet = func(p []byte) []byte { return append(packetOf(10, []byte("PGP")), p...) }
	}},
	{"SIG-2", "among 65 packets", func(f *forgery, s *rostertest.Signer) {
		f.packet = func(p []byte) []byte {
			for range 64 {
				p = append(p, dearmoured(honest(mallory).file(mallory, []byte("x")))...)
			}
			return p
		}
	}},
	{"SIG-2", "with a length that is not the shortest", func(f *forgery, _ *rostertest.Signer) {
		f.frame = func(b []byte) []byte {
			return append(binary.BigEndian.AppendUint32([]byte{0xc2, 0xff}, uint32(len(b))), b...)
		}
	}},
	{"SIG-2", "with a partial length", func(f *forgery, _ *rostertest.Signer) {
		f.frame = func(b []byte) []byte {
			return slices.Concat([]byte{0xc2, 0xe0 | 6}, b[:64], lengthOf(nil, len(b)-64), b[64:])
		}
	}},
	{"SIG-2", "with an indeterminate length", func(f *forgery, _ *rostertest.Signer) {
		f.frame = func(b []byte) []byte { return append([]byte{0x80 | 2<<2 | 3}, b...) }
	}},
	{"SIG-2", "with a length beyond the file's end", func(f *forgery, _ *rostertest.Signer) {
		f.frame = func(b []byte) []byte { return append([]byte{0xc2, byte(len(b) + 1)}, b...) }
	}},
}

var packetFlaws = []flaw{
	{"SIG-3", "of version 3", func(f *forgery, _ *rostertest.Signer) { f.version = 3 }},
	{"SIG-3", "of version 5", func(f *forgery, _ *rostertest.Signer) { f.version = 5 }},
	{"SIG-3", "of version 6", func(f *forgery, _ *rostertest.Signer) { f.version = 6 }},
	{"SIG-3", "over text (type 0x01)", func(f *forgery, _ *rostertest.Signer) { f.kind = 1 }},
	{"SIG-3", "that stands alone (type 0x02)", func(f *forgery, _ *rostertest.Signer) { f.kind = 2 }},
	{"SIG-3", "that certifies (type 0x13)", func(f *forgery, _ *rostertest.Signer) { f.kind = 0x13 }},
	{"SIG-3", "that is a timestamp (type 0x40)", func(f *forgery, _ *rostertest.Signer) { f.kind = 0x40 }},
	{"SIG-3", "that confirms another (type 0x50)", func(f *forgery, _ *rostertest.Signer) { f.kind = 0x50 }},
	{"SIG-3", "with SHA-1", func(f *forgery, _ *rostertest.Signer) { f.hash = 2 }},
	{"SIG-3", "with SHA-224", func(f *forgery, _ *rostertest.Signer) { f.hash = 11 }},
	{"SIG-3", "with an unknown hash", func(f *forgery, _ *rostertest.Signer) { f.hash = 99 }},
	{"SIG-3", "with the algorithm number of DSA", func(f *forgery, _ *rostertest.Signer) { f.algorithm = 17 }},
	{"SIG-3", "with the algorithm number of Ed25519 (27)", func(f *forgery, _ *rostertest.Signer) { f.algorithm = 27 }},
	{"SIG-4", "without a creation time", func(f *forgery, s *rostertest.Signer) { f.hashed = subIssuer(s) }},
	{"SIG-4", "with two creation times", func(f *forgery, s *rostertest.Signer) { f.hashed = slices.Concat(subIssuer(s), subDate(), subDate()) }},
	{"SIG-4", "with a creation time of three octets", func(f *forgery, s *rostertest.Signer) {
		f.hashed = slices.Concat(subIssuer(s), subpacket(2, 1, 2, 3))
	}},
	{"SIG-4", "without an issuer fingerprint", func(f *forgery, _ *rostertest.Signer) { f.hashed = subDate() }},
	{"SIG-4", "with its issuer fingerprint unhashed", func(f *forgery, s *rostertest.Signer) {
		f.hashed, f.unhashed = subDate(), subIssuer(s)
	}},
	{"SIG-4", "with two issuer fingerprints", func(f *forgery, s *rostertest.Signer) {
		f.hashed = slices.Concat(subIssuer(s), subIssuer(s), subDate())
	}},
	{"SIG-4", "with an issuer fingerprint of version 5", func(f *forgery, s *rostertest.Signer) {
		issuer := subIssuer(s)
		issuer[2] = 5
		f.hashed = slices.Concat(issuer, subDate())
	}},
	{"SIG-4", "with 33 subpackets", func(f *forgery, s *rostertest.Signer) {
		f.hashed = append(f.hashed, bytes.Repeat(subpacket(100, 1), 31)...)
	}},
	{"SIG-4", "with a subpacket length that is not the shortest", func(f *forgery, s *rostertest.Signer) {
		f.unhashed = append([]byte{255, 0, 0, 0, 9}, subKeyID(s)[1:]...)
	}},
	{"SIG-4", "with a subpacket of length 0", func(f *forgery, s *rostertest.Signer) { f.unhashed = append(f.unhashed, 0) }},
	{"SIG-5", "whose key id names another key", func(f *forgery, s *rostertest.Signer) { f.unhashed = subKeyID(mallory) }},
	{"SIG-5", "whose hashed key id names another key", func(f *forgery, s *rostertest.Signer) { f.hashed = append(f.hashed, subKeyID(mallory)...) }},
	{"SIG-5", "whose unhashed fingerprint names another key", func(f *forgery, s *rostertest.Signer) { f.unhashed = subIssuer(mallory) }},
	{"SIG-6", "that says when it expires", func(f *forgery, _ *rostertest.Signer) { f.hashed = append(f.hashed, subpacket(3, 0, 1, 0, 0)...) }},
	{"SIG-6", "that says unhashed when it expires", func(f *forgery, _ *rostertest.Signer) { f.unhashed = append(f.unhashed, subpacket(3, 0, 1, 0, 0)...) }},
	{"SIG-6", "with an unhashed creation time", func(f *forgery, _ *rostertest.Signer) { f.unhashed = append(f.unhashed, subDate()...) }},
	{"SIG-6", "with an embedded signature", func(f *forgery, _ *rostertest.Signer) { f.hashed = append(f.hashed, subpacket(32, 4, 0, 19, 8)...) }},
	{"SIG-6", "with an unhashed embedded signature", func(f *forgery, _ *rostertest.Signer) { f.unhashed = append(f.unhashed, subpacket(32, 4, 0, 19, 8)...) }},
	{"SIG-6", "with a critical notation", func(f *forgery, _ *rostertest.Signer) {
		f.hashed = append(f.hashed, subpacket(critical|20, 0, 0, 0, 0, 0, 1, 0, 1, 'a', 'b')...)
	}},
	{"SIG-6", "with a critical subpacket that nobody knows", func(f *forgery, _ *rostertest.Signer) { f.hashed = append(f.hashed, subpacket(critical|100, 1)...) }},
	{"SIG-6", "with a critical unhashed subpacket", func(f *forgery, s *rostertest.Signer) { f.unhashed[1] |= critical }},
	{"SIG-7", "with a number that claims too many bits", func(f *forgery, _ *rostertest.Signer) {
		f.mpi = func(b []byte) []byte {
			m := mpi(b)
			return append(binary.BigEndian.AppendUint16(nil, binary.BigEndian.Uint16(m)+8), append([]byte{0}, m[2:]...)...)
		}
	}},
	{"SIG-7", "with octets behind its numbers", func(f *forgery, _ *rostertest.Signer) { f.after = []byte{0} }},
	{"SIG-7", "with a third number", func(f *forgery, _ *rostertest.Signer) { f.after = mpi([]byte{1}) }},
	{"SIG-10", "with a wrong hash tag", func(f *forgery, _ *rostertest.Signer) { f.tag = func(b []byte) { b[0] ^= 1 } }},
	{"SIG-10", "whose s is 0", func(f *forgery, _ *rostertest.Signer) {
		f.number = func(r, _ *big.Int) (*big.Int, *big.Int) { return r, new(big.Int) }
	}},
	{"SIG-10", "whose s is above the order of the curve", func(f *forgery, _ *rostertest.Signer) {
		f.number = func(r, s *big.Int) (*big.Int, *big.Int) {
			return r, new(big.Int).Add(s, elliptic.P256().Params().N)
		}
		f.mpi = mpi
	}},
	{"SIG-10", "whose r is wrong", func(f *forgery, _ *rostertest.Signer) {
		f.number = func(r, s *big.Int) (*big.Int, *big.Int) { return new(big.Int).Xor(r, big.NewInt(2)), s }
	}},
	{"SIG-10", "with the algorithm number of EdDSA, by an ECDSA key", func(f *forgery, _ *rostertest.Signer) { f.algorithm = 22 }},
	{"SIG-9", "and another by the same key beside it", func(f *forgery, s *rostertest.Signer) {
		f.packet = func(p []byte) []byte { return append(p, honest(s).sign(s, []byte("another"))...) }
	}},
	{"SIG-9", "and the same with the other s beside it", func(f *forgery, s *rostertest.Signer) {
		f.packet = func(p []byte) []byte {
			twin := *f
			twin.packet = nil
			twin.number = func(r, s *big.Int) (*big.Int, *big.Int) { return r, new(big.Int).Sub(elliptic.P256().Params().N, s) }
			return append(p, twin.sign(s, f.document)...)
		}
	}},
}

// harmless is what may be there and means nothing.
var harmless = []flaw{
	{"SIG-1", "without a checksum", func(f *forgery, _ *rostertest.Signer) { f.sum = false }},
	{"SIG-1", "with armour headers Version and Comment", rearmoured(replace("\n\n", "\nVersion: GnuPG v2\nComment: trust everybody\n\n"))},
	{"SIG-1", "with CRLF throughout", rearmoured(func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") })},
	{"SIG-1", "without the last line end", rearmoured(func(s string) string { return strings.TrimSuffix(s, "\n") })},
	{"SIG-2", "with an old packet header", func(f *forgery, _ *rostertest.Signer) {
		f.frame = func(b []byte) []byte { return append([]byte{0x80 | 2<<2, byte(len(b))}, b...) }
	}},
	{"SIG-3", "with SHA-512", func(f *forgery, _ *rostertest.Signer) { f.hash = 10 }},
	{"SIG-3", "with SHA-384", func(f *forgery, _ *rostertest.Signer) { f.hash = 9 }},
	{"SIG-5", "without an unhashed key id", func(f *forgery, _ *rostertest.Signer) { f.unhashed = nil }},
	{"SIG-6", "with a notation that is not critical", func(f *forgery, _ *rostertest.Signer) {
		f.hashed = append(f.hashed, subpacket(20, 0, 0, 0, 0, 0, 1, 0, 1, 'a', 'b')...)
	}},
	{"SIG-6", "with misleading unhashed subpackets", func(f *forgery, _ *rostertest.Signer) {
		f.unhashed = append(f.unhashed, slices.Concat(subpacket(9, 0, 0, 0, 1), subpacket(27, 0), subpacket(29, 0))...)
	}},
	{"SIG-10", "whose s is the greater of the two", func(f *forgery, _ *rostertest.Signer) {
		f.number = func(r, s *big.Int) (*big.Int, *big.Int) {
			if n := elliptic.P256().Params().N; s.Cmp(new(big.Int).Rsh(n, 1)) < 0 {
				s = new(big.Int).Sub(n, s)
			}
			return r, s
		}
	}},
	{"SIG-10", "dated in the year 2106", func(f *forgery, s *rostertest.Signer) {
		f.hashed = slices.Concat(subIssuer(s), subpacket(2, 0xff, 0xff, 0xff, 0xff))
	}},
	{"SIG-10", "dated before its key was made", func(f *forgery, s *rostertest.Signer) {
		f.hashed = slices.Concat(subIssuer(s), subpacket(2, 0, 0, 0, 1))
	}},
}

// signatureCases have snapshot 1 signed by hand.
func signatureCases() []Case {
	put := func(spoil func(*forgery, *rostertest.Signer)) func(*Repo) {
		return func(r *Repo) {
			f := honest(r.Snapshot)
			f.document = r.Files[snapshotOne]
			if spoil != nil {
				spoil(f, r.Snapshot)
			}
			r.Put(roster.SignaturePath(snapshotOne), f.file(r.Snapshot, f.document))
		}
	}
	forged := func(r *Repo) { claimed(r); put(nil)(r) }
	var cases []Case
	for _, c := range slices.Concat(armourFlaws, packetFlaws) {
		cases = append(cases, spoilt(c.rule, "a signature "+c.what+" refuses the file", Refused, forged, put(c.spoil)))
	}
	for _, c := range harmless {
		cases = append(cases, accepted(c.rule, "a signature "+c.what+" counts", func(r *Repo) *Result {
			claimed(r)
			put(c.spoil)(r)
			return r.User().Get()
		}))
	}
	return append(cases,
		spoilt("SIG-3", "a malformed signature by a stranger refuses the file", Refused, forged, func(r *Repo) {
			f := honest(mallory)
			f.kind = 1
			put(func(g *forgery, _ *rostertest.Signer) {
				g.packet = func(p []byte) []byte { return append(p, f.sign(mallory, []byte("x"))...) }
			})(r)
		}),
		spoilt("SIG-2", "a signature file longer than its limit is refused", Refused, forged, func(r *Repo) {
			put(func(f *forgery, _ *rostertest.Signer) {
				f.armour = replace("\n\n", "\nComment: "+strings.Repeat("x", roster.MaxSignatureFile)+"\n\n")
			})(r)
		}),
		accepted("SIG-10", "a bad signature by a stranger is ignored", func(r *Repo) *Result {
			claimed(r)
			put(func(f *forgery, _ *rostertest.Signer) {
				f.packet = func(p []byte) []byte { return append(p, honest(mallory).sign(mallory, []byte("another document"))...) }
			})(r)
			return r.User().Get()
		}),
	)
}

//go:embed testdata/rsa3072.pem
var rsaPEM []byte

// rsaKey is a maintainer with an RSA key of 3072 bits.
func rsaKey() *rostertest.Signer {
	block, _ := pem.Decode(rsaPEM)
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	k := private.(*rsa.PrivateKey)
	return signerOf("Rita", k)
}

func edKey(name string) *rostertest.Signer {
	seed := sha256.Sum256([]byte("Ed25519 key of " + name))
	k := ed25519.NewKeyFromSeed(seed[:])
	return signerOf(name, k)
}

func p384Key(name string) *rostertest.Signer {
	seed := sha256.Sum256([]byte("P-384 key of " + name))
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P384(), append(make([]byte, 16), seed[:]...))
	if err != nil {
		panic(err)
	}
	return signerOf(name, k)
}

// keyCases are about the packets of keys, in sample's list.
func keyCases() []Case {
	var cases []Case
	for _, s := range []*rostertest.Signer{rsaKey(), p384Key("Peggy"), edKey("Eddie")} {
		kind := s.Key.Algorithm().String()
		cases = append(cases,
			accepted("KEY-3", "releases by a key of kind "+kind+" are accepted", func(r *Repo) *Result {
				r.Claim(sample, s)
				r.Release(sample, wheel, content, s)
				r.Publish(nil)
				return r.User().Get()
			}),
			pair("SIG-10", "a bad signature by a key of kind "+kind+" is refused", Refused, func(st *Stage, wrong bool) *Result {
				r := st.Open()
				r.PutList(r.FirstList(sample, s, dave), s, dave)
				m := r.Release(sample, wheel, content, dave)
				if path := roster.SignaturePath(roster.ManifestPath(sample, m.Digest())); wrong {
					r.Put(path, joined(r.Files[path], rostertest.Sign(r.T, []byte("another"), s)))
				}
				r.Publish(nil)
				return r.User().Get()
			}))
	}
	// In the revoked keys of a roster no signature by the key is wanted.
	packet := base64.StdEncoding.EncodeToString(grace.Key.Packet())
	for _, c := range keyFlaws() {
		cases = append(cases, spoilt(c.rule, "a roster with a key "+c.what+" is refused", Refused, func(r *Repo) {
			claim(r)
			r.Succeed(func(c *roster.Root) {
				c.Revoked = []roster.RevokedKey{{Key: key(grace), Reason: "stolen", At: c.Issued}}
			})
			r.Publish(nil)
		}, func(r *Repo) { r.Edit(rosterTwo, replace(packet, c.text), alice, bob, carol) }))
	}
	return cases
}

type keyFlaw struct{ rule, what, text string }

// keyFlaws are spellings of Grace's key, and keys in its place, that no
// document may have.
func keyFlaws() []keyFlaw {
	packet := grace.Key.Packet()
	body := packet[2:]
	b64 := base64.StdEncoding.EncodeToString
	edit := func(at int, b byte) string {
		p := slices.Clone(packet)
		p[at] = b
		return b64(p)
	}
	rsaBody := func(bits int, e int64) []byte {
		n := digest.Sum([]byte("n"))
		m := bytes.Repeat(n[:], bits/256)
		m[0] |= 0x80
		m[len(m)-1] |= 1
		return slices.Concat(body[:5], []byte{1}, mpi(m), mpi(big.NewInt(e).Bytes()))
	}
	ed := edKey("Eddie").Key.Packet()[2:]
	edPoint := func(point []byte) string {
		return b64(packetOf(6, slices.Concat(ed[:len(ed)-32], point)))
	}
	return []keyFlaw{
		{"KEY-1", "in an old packet header", b64(append([]byte{0x98, byte(len(body))}, body...))},
		{"KEY-1", "whose length is not the shortest", b64(slices.Concat([]byte{0xc6, 0xff, 0, 0, 0, byte(len(body))}, body))},
		{"KEY-1", "of version 3", edit(2, 3)},
		{"KEY-1", "of version 6", edit(2, 6)},
		{"KEY-1", "with something behind the packet", b64(append(slices.Clone(packet), 0))},
		{"KEY-1", "with another packet behind it", b64(append(slices.Clone(packet), packet...))},
		{"KEY-1", "in a subkey packet", edit(0, 0xce)},
		{"KEY-1", "cut short", b64(packet[:len(packet)-1])},
		{"KEY-2", "whose point says another bit count", edit(2+6+9+1, packet[2+6+9+1]+1)},
		{"KEY-3", "of algorithm DSA", edit(7, 17)},
		{"KEY-3", "of algorithm ECDH", edit(7, 18)},
		{"KEY-3", "on another curve", edit(2+6+1+7, 8)},
		{"KEY-4", "of RSA with 1024 bits", b64(packetOf(6, rsaBody(1024, 65537)))},
		{"KEY-4", "of RSA with 8192 bits", b64(packetOf(6, rsaBody(8192, 65537)))},
		{"KEY-4", "of RSA with exponent 3", b64(packetOf(6, rsaBody(3072, 3)))},
		{"KEY-4", "of RSA with an even exponent", b64(packetOf(6, rsaBody(3072, 65538)))},
		{"KEY-5", "whose point is not on the curve", edit(len(packet)-1, packet[len(packet)-1]^1)},
		{"KEY-6", "of Ed25519 that is the identity", edPoint(append([]byte{1}, make([]byte, 31)...))},
		{"KEY-6", "of Ed25519 that is of small order", edPoint(make([]byte, 32))},
		{"KEY-6", "of Ed25519 whose encoding is not canonical", edPoint(append([]byte{0xee}, append(bytes.Repeat([]byte{0xff}, 30), 0x7f)...))},
		{"ENC-5", "that is not base64", "!" + b64(packet)[1:]},
		{"ENC-5", "in base64 for URLs", strings.NewReplacer("+", "-", "/", "_").Replace(b64(rsaPublic(2048, 7).Packet()))},
		{"ENC-5", "in base64 without padding", strings.TrimRight(b64(edKey("Eddie").Key.Packet()), "=")},
		{"ENC-5", "that is empty", ""},
	}
}

func signerOf(name string, private crypto.Signer) *rostertest.Signer {
	k, err := pgp.NewPublicKey(private.Public(), rostertest.Epoch)
	if err != nil {
		panic(err)
	}
	return &rostertest.Signer{Name: name, Key: k, Private: private}
}
