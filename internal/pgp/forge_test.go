package pgp

import (
	"crypto"
	"encoding/asn1"
	"encoding/binary"
	"math/big"
	"slices"
	"testing"
)

// A forgery is a signature packet made by hand with a good key, so that each
// test can spoil one thing while the cryptography still holds.
type forgery struct {
	version, kind, number, hash byte
	hashed, unhashed            []byte
	swap                        bool // sign with -s, the other of the two s that verify
	after                       []byte
}

// sub returns a subpacket with the shortest length.
func sub(kind byte, data ...byte) []byte {
	out := []byte{}
	switch n := len(data) + 1; {
	case n < 192:
		out = append(out, byte(n))
	case n < 16320:
		out = append(out, byte((n-192)>>8+192), byte(n-192))
	default:
		out = binary.BigEndian.AppendUint32(append(out, 255), uint32(n))
	}
	return append(append(out, kind), data...)
}

const critical = 0x80

func subDate() []byte { return sub(subCreationTime, 0x67, 0xc4, 0x48, 0x40) }

func (p pair) subIssuer() []byte {
	fingerprint := p.Fingerprint()
	return sub(subIssuerFingerprint, append([]byte{4}, fingerprint[:]...)...)
}

func (p pair) subKeyID() []byte {
	fingerprint := p.Fingerprint()
	return sub(subIssuerKeyID, fingerprint[12:]...)
}

// honest returns what gpg would write.
func (p pair) honest() forgery {
	return forgery{
		version: 4, number: p.number, hash: 8,
		hashed:   slices.Concat(p.subIssuer(), subDate()),
		unhashed: p.subKeyID(),
	}
}

// body signs document as an ECDSA key would and returns the packet's body.
func (f forgery) body(t testing.TB, p pair, document string) []byte {
	t.Helper()
	head := []byte{f.version, f.kind, f.number, f.hash}
	head = binary.BigEndian.AppendUint16(head, uint16(len(f.hashed)))
	head = append(head, f.hashed...)
	kind, known := map[byte]crypto.Hash{2: crypto.SHA1, 8: crypto.SHA256, 9: crypto.SHA384, 10: crypto.SHA512, 11: crypto.SHA224}[f.hash]
	if !known {
		kind = crypto.SHA256
	}
	h := kind.New()
	h.Write([]byte(document))
	h.Write(head)
	h.Write(binary.BigEndian.AppendUint32([]byte{f.version, 0xff}, uint32(len(head))))
	digest := h.Sum(nil)
	out := binary.BigEndian.AppendUint16(head, uint16(len(f.unhashed)))
	out = append(append(out, f.unhashed...), digest[:2]...)

	der, err := p.signer.Sign(randomness, digest, kind)
	if err != nil {
		t.Fatal(err)
	}
	var numbers struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &numbers); err != nil {
		t.Fatal(err)
	}
	if f.swap {
		numbers.S.Sub(p.order(), numbers.S)
	}
	return append(appendMPI(appendMPI(out, numbers.R.Bytes()), numbers.S.Bytes()), f.after...)
}

// file returns the forgery as a signature file.
func (f forgery) file(t testing.TB, p pair, document string) []byte {
	t.Helper()
	return armoured(labelSignature, appendFrame(nil, tagSignature, f.body(t, p, document)))
}
