package corpus

import (
	"bytes"
	"fmt"
	"slices"
)

// types are signatures that hold as those of a document do, but say that they
// are of another kind.
func (m *maker) types() {
	m.begin("signature types", "GHSA-qwqc-28w3-fww6 (OpenPGP.js); RFC 9580, 5.2.1")
	for _, kind := range []byte{0x02, 0x10, 0x11, 0x12, 0x13, 0x16, 0x18, 0x19, 0x1f, 0x20, 0x28, 0x30, 0x40, 0x50, 0x60, 0xff} {
		m.refuse(fmt.Sprintf("type-%02x", kind), fmt.Sprintf("type %#02x", kind), "only type 0x00 speaks of a document",
			m.spoiled(m.alice, func(f *forgery) { f.kind = kind }))
	}
	standalone := honest(m.alice)
	standalone.kind = 2
	m.refuse("type-02-standalone", "type 0x02", "a standalone signature is over nothing, so over any document", standalone.file(nil))
	timestamp := honest(m.alice)
	timestamp.kind = 0x40
	m.refuse("type-40-over-nothing", "type 0x40", "a timestamp is no approval", timestamp.file(nil))
}

// textMode signatures leave line ends open.
func (m *maker) textMode() {
	m.begin("text mode", "RFC 9580, 5.2.1.2")
	text := honest(m.alice)
	text.kind = 1
	const why = "a text signature fits more than one document"
	file := text.file(crlf(m.document))
	m.refuse("text-mode", "type 0x01 (text", why, file)
	m.add(Case{Name: "text-mode-crlf-document", Expect: Refuse, Reason: "type 0x01 (text", Why: why, Document: crlf(m.document), File: file})
	m.add(Case{Name: "text-mode-mixed-line-ends", Expect: Refuse, Reason: "type 0x01 (text", Why: why,
		Document: bytes.Replace(m.document, []byte("\n"), []byte("\r\n"), 1), File: file})
	m.refuse("text-mode-beside-binary", "type 0x01 (text", "one odd packet refuses the file, whoever made it",
		armoured(slices.Concat(m.sign(m.alice), func() []byte { f := honest(m.mallory); f.kind = 1; return f.packet(crlf(m.document)) }())))
}

// hashes that are weak, or that not everybody has.
func (m *maker) hashes() {
	m.begin("hashes", "go-crypto's v1 accepts SHA-1")
	for _, h := range []struct {
		name   string
		number byte
		reason string
	}{{"md5", 1, "MD5"}, {"sha1", 2, "SHA-1"}, {"ripemd160", 3, "RIPEMD-160"}, {"reserved-4", 4, "hash algorithm 4"}, {"sha224", 11, "SHA-224"}, {"sha3-256", 12, "SHA3-256"}, {"sha3-512", 14, "SHA3-512"}, {"unknown-99", 99, "hash algorithm 99"}, {"none", 0, "hash algorithm 0"}} {
		if h.number == 0 {
			body := honest(m.bob).body(m.document)
			body[3] = 0
			m.refuse("hash-none", h.reason, "only SHA-256, SHA-384 and SHA-512", armoured(frame(tagSignature, body)))
			continue
		}
		m.refuse("hash-"+h.name, h.reason, "only SHA-256, SHA-384 and SHA-512", m.spoiled(m.bob, func(f *forgery) { f.hash = h.number }))
	}
	m.refuse("hash-sha1-by-a-stranger", "SHA-1", "one odd packet refuses the file, whoever made it",
		armoured(slices.Concat(m.sign(m.alice), func() []byte { f := honest(m.mallory); f.hash = 2; return f.packet(m.document) }())))
}

// hashedArea leaves out, repeats and misspells what must be there.
func (m *maker) hashedArea() {
	m.begin("hashed area", "design: creation time and issuer fingerprint in the hashed area")
	fingerprint := m.alice.Fingerprint()
	issuer, when := m.alice.subIssuer(), date(signed)
	hashed := func(name, reason, why string, parts ...[]byte) {
		m.refuse(name, reason, why, m.spoiled(m.alice, func(f *forgery) { f.hashed = slices.Concat(parts...) }))
	}
	hashed("no-date", "0 creation time", "a date must be there, once, though it is no evidence", issuer)
	hashed("two-dates-hashed", "2 creation time", "two dates: which one would others read?", issuer, when, date(signed+9))
	hashed("date-of-5-bytes", "creation time has 5 bytes", "a date has four bytes", issuer, sub(2, 1, 2, 3, 4, 5))
	hashed("date-of-no-bytes", "creation time has 0 bytes", "a date has four bytes", issuer, sub(2))
	hashed("no-issuer", "0 issuer fingerprint", "the hashed fingerprint says whose signature it is", when)
	hashed("issuer-by-key-id-only", "0 issuer fingerprint", "a 64-bit key id does not say whose it is", when, m.alice.subKeyID())
	hashed("two-issuers-same", "2 issuer fingerprint", "once", issuer, issuer, when)
	hashed("two-issuers-different", "2 issuer fingerprint", "two issuers: which one would others read?", issuer, m.bob.subIssuer(), when)
	hashed("issuer-of-version-6", "want 21, a version 4 one", "version 4 only", sub(33, append([]byte{6}, make([]byte, 32)...)...), when)
	hashed("issuer-says-version-5", "a version 4 one", "version 4 only", sub(33, append([]byte{5}, fingerprint[:]...)...), when)
	hashed("issuer-cut-short", "has 20 bytes", "a fingerprint has 20 bytes after its version", sub(33, append([]byte{4}, fingerprint[:19]...)...), when)
	hashed("issuer-too-long", "has 22 bytes", "a fingerprint has 20 bytes after its version", sub(33, append(append([]byte{4}, fingerprint[:]...), 0)...), when)
	hashed("issuer-empty", "has 0 bytes", "a fingerprint has 20 bytes after its version", sub(33), when)
	hashed("key-id-lies-hashed", "issuer key id", "every mention of an issuer agrees", issuer, when, m.bob.subKeyID())
	hashed("key-id-wildcard-hashed", "issuer key id", "every mention of an issuer agrees", issuer, when, sub(16, make([]byte, 8)...))
	hashed("expires-later", "it expires", "documents say for themselves how long they count", issuer, when, sub(3, seconds(1<<31)...))
	hashed("expired", "it expires", "documents say for themselves how long they count", issuer, when, sub(3, seconds(60)...))
	hashed("expires-never", "it expires", "no expiry, not even the one that means none", issuer, when, sub(3, 0, 0, 0, 0))
	hashed("embedded-signature", "embedded signature", "go-crypto d697e70: a signature in a signature has been trusted before",
		issuer, when, sub(32, honest(m.alice).body(m.document)...))
}

// unhashedArea is anybody's to write.
func (m *maker) unhashedArea() {
	m.begin("unhashed area", "GHSA-hfmf-q43v-2ffj (OpenPGP.js): unhashed subpackets override hashed ones")
	fingerprint := m.alice.Fingerprint()
	row := func(name, reason, why string, hashed, unhashed []byte) {
		m.refuse("unhashed-"+name, reason, why, m.spoiled(m.alice, func(f *forgery) {
			f.unhashed = unhashed
			if hashed != nil {
				f.hashed = hashed
			}
		}))
	}
	row("date-only", "0 creation time", "the date is hashed or not there", m.alice.subIssuer(), date(signed))
	row("date-too", "unhashed area has a creation time", "no second date where anybody can write", nil, date(signed+9))
	row("date-of-1970-too", "unhashed area has a creation time", "no second date where anybody can write", nil, date(0))
	row("issuer-only", "0 issuer fingerprint", "the issuer is hashed or not there", date(signed), m.alice.subIssuer())
	row("issuer-lies", "unhashed area: issuer fingerprint", "every mention of an issuer agrees", nil, m.bob.subIssuer())
	row("issuer-of-version-6", "unhashed area: issuer fingerprint", "every mention of an issuer agrees", nil, sub(33, append([]byte{6}, make([]byte, 32)...)...))
	row("key-id-lies", "unhashed area: issuer key id", "every mention of an issuer agrees", nil, m.bob.subKeyID())
	row("key-id-wildcard", "unhashed area: issuer key id", "every mention of an issuer agrees", nil, sub(16, make([]byte, 8)...))
	row("key-id-short", "unhashed area: issuer key id", "a key id has eight bytes", nil, sub(16, fingerprint[16:]...))
	row("two-key-ids-second-lies", "unhashed area: issuer key id", "every mention of an issuer agrees", nil, slices.Concat(m.alice.subKeyID(), m.bob.subKeyID()))
	row("expiry", "unhashed area has a expiration time", "nothing about time where anybody can write", nil, sub(3, seconds(60)...))
	row("embedded-signature", "unhashed area has a embedded signature", "no signature in a signature", nil, sub(32, honest(m.alice).body(m.document)...))
	row("critical-unknown", "unhashed area has a critical", "what is critical must be signed to say so", nil, sub(99|critical, 1))
	row("critical-key-id", "unhashed area has a critical", "what is critical must be signed to say so", nil, sub(16|critical, m.alice.keyID()...))
	with := func(name, why string, unhashed []byte) {
		m.accept("unhashed-"+name, why, m.spoiled(m.alice, func(f *forgery) { f.unhashed = unhashed }), m.alice)
	}
	with("issuer-again", "agrees, so says nothing new", m.alice.subIssuer())
	with("two-key-ids", "agree, so say nothing new", slices.Concat(m.alice.subKeyID(), m.alice.subKeyID()))
	with("unknown", "unhashed and not critical: ignored", sub(99, 1, 2, 3))
	with("notation", "unhashed and not critical: ignored", sub(20, notation("a@example.org", "b")...))
	with("revocation-reason", "unhashed and not critical: ignored", sub(29, 0))
}

// criticals say: refuse me if you do not know me.
func (m *maker) criticals() {
	m.begin("critical subpackets", "RFC 9580, 5.2.3.7; design: nothing critical that we do not know")
	row := func(name, reason string, more []byte) {
		m.refuse("critical-"+name, reason, "what is critical and not known here refuses the signature",
			m.spoiled(m.alice, func(f *forgery) { f.hashed = append(f.hashed, more...) }))
	}
	row("unknown", "critical subpacket of type 99", sub(99|critical, 1))
	row("private", "critical subpacket of type 110", sub(110|critical, 1))
	row("reserved-0", "critical subpacket of type 0", sub(0|critical, 1))
	row("notation", "critical notation", sub(20|critical, notation("a@example.org", "b")...))
	row("notation-empty", "critical notation", sub(20|critical))
	row("policy", "critical policy", sub(26|critical, []byte("https://example.org")...))
	row("not-exportable", "critical subpacket of type 4", sub(4|critical, 0))
	row("trust", "critical subpacket of type 5", sub(5|critical, 1, 60))
	row("signers-user-id", "critical subpacket of type 28", sub(28|critical, 'a'))
	row("key-flags", "critical subpacket of type 27", sub(27|critical, 2))
	row("intended-recipient", "critical subpacket of type 35", sub(35|critical, m.alice.subIssuer()[2:]...))
	row("expiry", "it expires", sub(3|critical, seconds(60)...))
	row("embedded-signature", "embedded signature", sub(32|critical, 4))
	m.accept("critical-date", "gpg may mark the date critical, and it is known", m.spoiled(m.alice, func(f *forgery) {
		f.hashed = slices.Concat(m.alice.subIssuer(), sub(2|critical, seconds(signed)...))
	}), m.alice)
	m.accept("critical-issuer", "the fingerprint may be critical, and is known", m.spoiled(m.alice, func(f *forgery) {
		issuer := m.alice.subIssuer()
		issuer[1] |= critical
		f.hashed = slices.Concat(issuer, date(signed))
	}), m.alice)
	m.accept("critical-key-id", "the key id may be critical, and is known", m.spoiled(m.alice, func(f *forgery) {
		f.hashed = append(f.hashed, sub(16|critical, m.alice.keyID()...)...)
	}), m.alice)
}

// areas spoil how subpackets are laid out.
func (m *maker) areas() {
	m.begin("subpacket lengths", "RFC 9580, 5.2.3.7; CVE-2020-6173 (count before work)")
	row := func(name, reason, why string, more []byte) {
		m.refuse("subpacket-"+name, reason, why, m.spoiled(m.alice, func(f *forgery) { f.hashed = append(f.hashed, more...) }))
	}
	row("5-octet-length", "shortest form", "lengths are as short as they can be", []byte{255, 0, 0, 0, 2, 99, 1})
	row("of-no-bytes", "at least 1", "a subpacket has a type", []byte{0})
	row("too-long", "subpacket has 1 bytes, want 9", "a subpacket ends within its area", []byte{9, 99})
	row("of-4-gib", "length is 4294967295", "lengths are checked before they are used", []byte{255, 255, 255, 255, 255, 99})
	row("length-cut", "length is cut short", "lengths are whole", []byte{200})
	row("33", "more than 32 subpackets", "counts are capped before any work", slices.Repeat(sub(99, 1), 31))
	row("20000", "more than 32 subpackets", "counts are capped before any work", slices.Repeat(sub(99), 20000))
	m.refuse("subpackets-33-unhashed", "more than 32 subpackets", "counts are capped before any work",
		m.spoiled(m.alice, func(f *forgery) { f.unhashed = slices.Repeat(sub(99), 33) }))
	m.accept("subpackets-32", "the most that there may be", m.spoiled(m.alice, func(f *forgery) { f.hashed = append(f.hashed, slices.Repeat(sub(99, 1), 30)...) }), m.alice)
	m.accept("subpacket-long", "two octets of length where they are needed", m.spoiled(m.alice, func(f *forgery) { f.hashed = append(f.hashed, sub(99, make([]byte, 300)...)...) }), m.alice)
	area := func(name string, at int, value byte, reason string) {
		body := honest(m.alice).body(m.document)
		body[at] = value
		m.refuse("area-"+name, reason, "an area's length is that of its subpackets", armoured(frame(tagSignature, body)))
	}
	hashed := len(honest(m.alice).hashed)
	area("hashed-too-long", 4, 0xff, "hashed area: has")
	area("hashed-one-short", 5, byte(hashed-1), "hashed area")
	area("unhashed-too-long", 6+hashed, 0xff, "unhashed area: has")
	area("unhashed-empty-but-there", 7+hashed, 0, "number")
}

// dates are no evidence, so no date is wrong.
func (m *maker) dates() {
	m.begin("dates", "a stolen key can date a signature as it likes")
	for _, d := range []struct {
		name string
		at   uint32
	}{{"future", 4102444800}, {"end-of-time", 1<<32 - 1}, {"1970", 0}, {"before-the-key", born - 86400}, {"with-the-key", born}} {
		m.accept("dated-"+d.name, "the signature's own date is never evidence, for or against",
			m.spoiled(m.alice, func(f *forgery) { f.hashed = slices.Concat(m.alice.subIssuer(), date(d.at)) }), m.alice)
	}
}

// versions other than 4.
func (m *maker) versions() {
	m.begin("versions", "versions 3, 5 and 6 are where parsers differ")
	for _, v := range []byte{2, 3, 5, 6, 7, 255} {
		m.refuse(fmt.Sprintf("version-%d", v), fmt.Sprintf("version %d, want 4", v), "version 4 only",
			m.spoiled(m.bob, func(f *forgery) { f.version = v }))
	}
	zero := honest(m.bob).body(m.document)
	zero[0] = 0
	m.refuse("version-0", "version 0, want 4", "version 4 only", armoured(frame(tagSignature, zero)))
	unknown := honest(m.bob)
	unknown.version = 7
	m.refuse("version-7-beside-good", "version 7, want 4", "what cannot be read refuses the file", armoured(slices.Concat(m.sign(m.alice), unknown.packet(m.document))))
	six := v6Key("alice", "version 6")
	f := forgery{key: six, version: 6, hashed: slices.Concat(six.subIssuer6(), date(signed))}
	m.add(Case{Name: "version-6-key-and-signature", Expect: Refuse, Reason: "version 6", Keys: []*Key{six}, Why: "version 4 only: the whole of version 6 is for a later format",
		File: f.file(m.document)})
}
