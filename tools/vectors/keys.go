package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/pgp/corpus"
	"github.com/rootward/rootward/roster"
)

var (
	oidP256    = unhex("2a8648ce3d030107")
	oidP384    = unhex("2b81040022")
	oidP521    = unhex("2b81040023")
	oidEd25519 = unhex("2b06010401da470f01")
)

func unhex(s string) []byte { return must(hex.DecodeString(s)) }

// mpi is a number with its exact bit count.
func mpi(b []byte) []byte {
	n := new(big.Int).SetBytes(b)
	return append(binary.BigEndian.AppendUint16(nil, uint16(n.BitLen())), n.Bytes()...)
}

// packet is a public-key packet of a body with the shortest new-format length.
func packet(parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	switch n := len(body); {
	case n < 192:
		return append([]byte{0xc6, byte(n)}, body...)
	default:
		return append([]byte{0xc6, byte((n-192)>>8) + 192, byte(n - 192)}, body...)
	}
}

func curve(oid []byte) []byte { return append([]byte{byte(len(oid))}, oid...) }

// corpusKeys are honest keys of the four kinds, by the corpus' names.
func corpusKeys() map[string][]byte {
	all := make(map[string][]byte)
	for _, c := range corpus.All()[:1] {
		for _, k := range c.Keys {
			all[k.Name] = k.Packet
		}
	}
	return all
}

// keys are public-key packets, accepted ones with their three names.
func keys() []vector {
	var all []vector
	honest := corpusKeys()
	for _, k := range [][2]string{{"alice", "Ed25519"}, {"bob", "RSA of 2048 bits"}, {"carol", "P-256"}, {"dave", "P-384"}} {
		p := must(pgp.ParsePublicKey(honest[k[0]]))
		fingerprint := p.Fingerprint()
		all = append(all, vector{Name: "key/" + slug(k[1]), Kind: "key", Rule: "KEY-1", Verdict: accept, Why: k[1], Input: encoded(p.Packet()),
			ID: p.ID().String(), Fingerprint: hex.EncodeToString(fingerprint[:]), Material: p.Material().String()})
	}
	ec, ed, rsa := honest["carol"], honest["alice"], honest["bob"]
	head := []byte{4, 0x67, 0xc2, 0xf6, 0xc0}
	point := ec[len(ec)-65:]
	modulus, even := rsa[11:11+256], slices.Clone(rsa[11:11+256])
	even[255] &^= 1
	rsaKey := func(n, e []byte) []byte { return packet(head, []byte{1}, mpi(n), mpi(e)) }
	ecKey := func(oid, p []byte) []byte { return packet(head, []byte{19}, curve(oid), mpi(p)) }
	edKey := func(p string) []byte {
		return packet(head, []byte{22}, curve(oidEd25519), mpi(append([]byte{0x40}, unhex(p)...)))
	}
	changed := func(p []byte, at int, to byte) []byte { q := slices.Clone(p); q[at] = to; return q }
	e65537 := []byte{1, 0, 1}
	for _, c := range []struct {
		rule, why string
		packet    []byte
	}{
		{"KEY-1", "an old-format header", slices.Concat([]byte{0x98}, ec[1:])},
		{"KEY-1", "a long length", slices.Concat([]byte{0xc6, 0xff, 0, 0, 0, ec[1]}, ec[2:])},
		{"KEY-1", "a partial length", slices.Concat([]byte{0xc6, 0xe0, ec[2], byte(len(ec) - 3)}, ec[3:])},
		{"KEY-1", "one octet behind the packet", append(slices.Clone(ec), 0)},
		{"KEY-1", "one octet behind the numbers", packet(ec[2:], []byte{0})},
		{"KEY-1", "cut short", ec[:len(ec)-1]},
		{"KEY-1", "nothing", nil},
		{"KEY-1", "version 3", changed(ec, 2, 3)},
		{"KEY-1", "version 6", changed(ec, 2, 6)},
		{"KEY-1", "a secret key's tag", changed(ec, 0, 0xc5)},
		{"KEY-1", "a subkey's tag", changed(ec, 0, 0xce)},
		{"KEY-2", "a bit count one too large", changed(ec, len(ec)-66, 4)},
		{"KEY-2", "a leading zero octet", packet(head, []byte{1}, []byte{8, 8, 0}, modulus, mpi(e65537))},
		{"KEY-2", "an exponent without bits", packet(head, []byte{1}, mpi(modulus), []byte{0, 0})},
		{"KEY-3", "DSA", changed(ec, 7, 17)},
		{"KEY-3", "ECDH", changed(ec, 7, 18)},
		{"KEY-3", "RSA for encryption alone", changed(rsa, 8, 2)},
		{"KEY-3", "P-521", ecKey(oidP521, point)},
		{"KEY-3", "ECDSA on Ed25519's curve", packet(head, []byte{19}, ed[8:])},
		{"KEY-4", "an even modulus", rsaKey(even, e65537)},
		{"KEY-4", "a modulus of 2047 bits", rsaKey(append([]byte{0x7f}, modulus[1:]...), e65537)},
		{"KEY-4", "a modulus of 4097 bits", rsaKey(append(append([]byte{1}, make([]byte, 511)...), 1), e65537)},
		{"KEY-4", "exponent 3", rsaKey(modulus, []byte{3})},
		{"KEY-4", "exponent 65536", rsaKey(modulus, []byte{1, 0, 0})},
		{"KEY-4", "an exponent of 25 bits", rsaKey(modulus, []byte{1, 0, 0, 1})},
		{"KEY-5", "a compressed point", ecKey(oidP256, append([]byte{2}, point[1:33]...))},
		{"KEY-5", "a point off the curve", changed(ec, len(ec)-1, ec[len(ec)-1]^1)},
		{"KEY-5", "a point of P-256 as one of P-384", ecKey(oidP384, point)},
		{"KEY-6", "no 0x40 before the point", packet(head, []byte{22}, curve(oidEd25519), mpi(ed[len(ed)-32:]))},
		{"KEY-6", "no point of the curve", edKey("0200000000000000000000000000000000000000000000000000000000000000")},
		{"KEY-6", "the neutral point", edKey("0100000000000000000000000000000000000000000000000000000000000000")},
		{"KEY-6", "a point of order 2", edKey("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")},
		{"KEY-6", "a point of order 8", edKey("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")},
		{"KEY-6", "y not below the prime", edKey("f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")},
	} {
		all = append(all, vector{Name: "key/" + slug(c.why), Kind: "key", Rule: c.rule, Verdict: refuse, Why: c.why, Input: encoded(c.packet)})
	}
	return all
}

// chosen are the cases of the corpus of hostile signature files that stand
// here too, by rule. The others are in internal/pgp/corpus/testdata.
func signatures() []vector {
	byName := make(map[string]corpus.Case)
	for _, c := range corpus.All() {
		byName[c.Name] = c
	}
	var all []vector
	for _, pick := range chosen {
		c, ok := byName[pick[1]]
		if !ok {
			panic(fmt.Sprintf("the corpus has no case %q", pick[1]))
		}
		document := base64.StdEncoding.EncodeToString(c.Document)
		v := vector{Name: "signature/" + c.Name, Kind: "signature", Rule: pick[0], Verdict: string(c.Expect), Why: c.Why, Document: &document}
		for _, k := range c.Keys {
			v.Keys = append(v.Keys, askedFor{base64.StdEncoding.EncodeToString(k.Packet), slices.Contains(c.Signers, k)})
		}
		all = append(all, v.inFile("signatures", ".asc", c.File))
	}
	return all
}

// parsed is a packet as documents hold it.
func parsed(packet []byte) (roster.Key, error) {
	k, err := pgp.ParsePublicKey(packet)
	return roster.Key{PublicKey: k}, err
}

func encoded(packet []byte) *string {
	text := base64.StdEncoding.EncodeToString(packet)
	return &text
}
