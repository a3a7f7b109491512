package conformance

import (
	"bytes"
	"crypto"
	"crypto/rand"
	_ "crypto/sha1" // to make signatures that must be refused
	_ "crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/rootward/rootward/roster/rostertest"
)

// A forgery is a signature made by hand with a good key, so that one thing can
// be wrong while the cryptography holds. honest returns one without fault.
type forgery struct {
	version, kind, algorithm, hash byte
	hashed, unhashed               []byte
	document                       []byte // where a flaw needs it

	number func(r, s *big.Int) (*big.Int, *big.Int) // edits the numbers
	tag    func([]byte)                             // edits the hash tag
	mpi    func([]byte) []byte                      // prints a number
	after  []byte                                   // stands behind the numbers
	frame  func(body []byte) []byte                 // makes a packet of the body
	packet func(packets []byte) []byte              // edits the packets
	armour func(text string) string                 // edits the armour
	sum    bool                                     // write a checksum line
}

const critical = 0x80

func subpacket(kind byte, data ...byte) []byte {
	return append([]byte{byte(len(data) + 1), kind}, data...)
}

func subDate() []byte { return subpacket(2, 0x69, 0x5d, 0x00, 0x00) }

func subIssuer(s *rostertest.Signer) []byte {
	f := s.Key.Fingerprint()
	return subpacket(33, append([]byte{4}, f[:]...)...)
}

func subKeyID(s *rostertest.Signer) []byte {
	f := s.Key.Fingerprint()
	return subpacket(16, f[12:]...)
}

func honest(s *rostertest.Signer) *forgery {
	return &forgery{version: 4, algorithm: 19, hash: 8, hashed: slices.Concat(subIssuer(s), subDate()), unhashed: subKeyID(s), sum: true}
}

// mpi prints a number as OpenPGP does (RFC 4880, section 3.2).
func mpi(b []byte) []byte {
	n := new(big.Int).SetBytes(b)
	return append(binary.BigEndian.AppendUint16(nil, uint16(n.BitLen())), n.Bytes()...)
}

// packetOf frames a body with a new-format header and the shortest length.
func packetOf(tag byte, body []byte) []byte {
	return append(lengthOf([]byte{0xc0 | tag}, len(body)), body...)
}

func lengthOf(b []byte, n int) []byte {
	switch {
	case n < 192:
		return append(b, byte(n))
	case n < 8384:
		return append(b, byte((n-192)>>8+192), byte(n-192))
	}
	return binary.BigEndian.AppendUint32(append(b, 0xff), uint32(n))
}

// sign returns the packet of a signature over the document by a P-256 key.
func (f *forgery) sign(s *rostertest.Signer, document []byte) []byte {
	head := []byte{f.version, f.kind, f.algorithm, f.hash}
	head = append(binary.BigEndian.AppendUint16(head, uint16(len(f.hashed))), f.hashed...)
	kind, known := map[byte]crypto.Hash{2: crypto.SHA1, 8: crypto.SHA256, 9: crypto.SHA384, 10: crypto.SHA512, 11: crypto.SHA224}[f.hash]
	if !known {
		kind = crypto.SHA256
	}
	h := kind.New()
	if f.kind == 1 { // text: line ends are hashed as CRLF
		document = bytes.ReplaceAll(document, []byte("\n"), []byte("\r\n"))
	}
	h.Write(document)
	h.Write(head)
	h.Write(binary.BigEndian.AppendUint32([]byte{f.version, 0xff}, uint32(len(head))))
	sum := h.Sum(nil)
	tag := slices.Clone(sum[:2])
	if f.tag != nil {
		f.tag(tag)
	}
	body := append(binary.BigEndian.AppendUint16(head, uint16(len(f.unhashed))), f.unhashed...)
	body = append(body, tag...)
	der, err := s.Private.Sign(rand.Reader, sum, kind)
	if err != nil {
		panic(err) // a key in memory signs
	}
	var n struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &n); err != nil {
		panic(err)
	}
	if f.number != nil {
		n.R, n.S = f.number(n.R, n.S)
	}
	put := mpi
	if f.mpi != nil {
		put = f.mpi
	}
	body = slices.Concat(body, put(n.R.Bytes()), put(n.S.Bytes()), f.after)
	if f.frame != nil {
		return f.frame(body)
	}
	return packetOf(2, body)
}

// file returns the forgery as a signature file.
func (f *forgery) file(s *rostertest.Signer, document []byte) []byte {
	packets := f.sign(s, document)
	if f.packet != nil {
		packets = f.packet(packets)
	}
	text := armour("PGP SIGNATURE", packets, f.sum)
	if f.armour != nil {
		text = f.armour(text)
	}
	return []byte(text)
}

func armour(label string, data []byte, sum bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-----BEGIN %s-----\n\n", label)
	text := base64.StdEncoding.EncodeToString(data)
	for len(text) > 0 {
		n := min(64, len(text))
		b.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	if sum {
		fmt.Fprintf(&b, "=%s\n", checksum(data))
	}
	fmt.Fprintf(&b, "-----END %s-----\n", label)
	return b.String()
}

// checksum is the CRC-24 of RFC 4880, section 6.1.
func checksum(data []byte) string {
	crc := uint32(0xb704ce)
	for _, b := range data {
		crc ^= uint32(b) << 16
		for range 8 {
			crc <<= 1
			if crc&0x1000000 != 0 {
				crc ^= 0x1864cfb
			}
		}
	}
	return base64.StdEncoding.EncodeToString([]byte{byte(crc >> 16), byte(crc >> 8), byte(crc)})
}
