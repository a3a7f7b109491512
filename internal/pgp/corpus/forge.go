package corpus

import (
	"encoding/binary"
	"slices"
)

// A forgery says how a signature packet is made. Unless a case spoils it, the
// cryptography holds: what is odd is then the only reason to refuse.
type forgery struct {
	key              *Key
	version          byte // 0 means 4
	kind             byte // signature type
	hash             byte // 0 means 8, SHA-256
	number           byte // public-key algorithm; 0 means the key's
	hashed, unhashed []byte
	tail             func([]byte) []byte // changes the algorithm's part
	tag              func([]byte) []byte // changes the hash tag
}

// honest returns what gpg writes for key: fingerprint and date hashed, key id not.
func honest(key *Key) forgery {
	return forgery{key: key, hashed: slices.Concat(key.subIssuer(), date(signed)), unhashed: key.subKeyID()}
}

func date(at uint32) []byte { return sub(2, seconds(at)...) }

// body signs document (or what else kind signs, already as it is hashed).
func (f forgery) body(document []byte) []byte {
	if f.version == 0 {
		f.version = 4
	}
	if f.hash == 0 {
		f.hash = 8
	}
	if f.number == 0 {
		f.number = f.key.number
	}
	if f.version == 2 || f.version == 3 {
		return f.body3(document)
	}
	size := func(n int) []byte {
		if f.version == 6 {
			return binary.BigEndian.AppendUint32(nil, uint32(n))
		}
		return binary.BigEndian.AppendUint16(nil, uint16(n))
	}
	head := slices.Concat([]byte{f.version, f.kind, f.number, f.hash}, size(len(f.hashed)), f.hashed)
	h := newHash(f.hash)
	salt := stream("salt", 16) // SHA-256's size of salt (RFC 9580, section 9.5)
	if f.version == 6 {
		h.Write(salt)
	}
	h.Write(document)
	if f.version == 5 && (f.kind == 0 || f.kind == 1) {
		h.Write(make([]byte, 6)) // no literal packet: format, name and date are zero
	}
	h.Write(head)
	trailer := binary.BigEndian.AppendUint32([]byte{f.version, 0xff}, uint32(len(head)))
	if f.version == 5 {
		trailer = binary.BigEndian.AppendUint64([]byte{5, 0xff}, uint64(len(head)))
	}
	h.Write(trailer)
	digest := h.Sum(nil)
	out := slices.Concat(head, size(len(f.unhashed)), f.unhashed, f.left(digest))
	if f.version == 6 {
		out = append(append(out, byte(len(salt))), salt...)
	}
	return append(out, f.signed(digest)...)
}

// body3 makes a version 3 packet (RFC 4880, section 5.2.2).
func (f forgery) body3(document []byte) []byte {
	end := append([]byte{f.kind}, seconds(signed)...)
	h := newHash(f.hash)
	h.Write(document)
	h.Write(end)
	digest := h.Sum(nil)
	return slices.Concat([]byte{f.version, 5}, end, f.key.keyID(), []byte{f.number, f.hash}, f.left(digest), f.signed(digest))
}

func (f forgery) left(digest []byte) []byte {
	tag := slices.Clone(digest[:2])
	if f.tag != nil {
		tag = f.tag(tag)
	}
	return tag
}

func (f forgery) signed(digest []byte) []byte {
	tail := f.key.sign(f.hash, digest)
	if f.tail != nil {
		tail = f.tail(tail)
	}
	return tail
}

func (f forgery) packet(document []byte) []byte { return frame(tagSignature, f.body(document)) }

func (f forgery) file(document []byte) []byte { return armoured(f.packet(document)) }
