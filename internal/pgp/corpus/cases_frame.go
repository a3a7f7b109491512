package corpus

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// lengths spoil the packet's header.
func (m *maker) lengths() {
	m.begin("packet lengths", "RFC 9580, 4.2: of its lengths, the minimal definite one")
	body := honest(m.alice).body(m.document)
	n := byte(len(body))
	row := func(name, reason, why string, packet []byte) { m.refuse("length-"+name, reason, why, armoured(packet)) }
	const shortest = "lengths are definite, and as short as they can be"
	row("partial", "partial body length", shortest, slices.Concat([]byte{0xc2, 0xe6}, body[:64], []byte{n - 64}, body[64:]))
	row("partial-of-one-byte", "partial body length", shortest, slices.Concat([]byte{0xc2, 0xe0}, body[:1], []byte{n - 1}, body[1:]))
	row("partial-of-1-gib", "partial body length", shortest, framed(body, 0xc2, 0xfe))
	row("indeterminate", "indeterminate length", shortest, framed(body, 0x8b))
	row("5-octets", "shortest form", shortest, framed(body, 0xc2, 255, 0, 0, 0, n))
	row("old-2-octets", "shortest form", shortest, framed(body, 0x89, 0, n))
	row("old-4-octets", "shortest form", shortest, framed(body, 0x8a, 0, 0, 0, n))
	row("4-gib", "length is 4294967295", "lengths are checked before they are used", framed(body, 0xc2, 255, 255, 255, 255, 255))
	row("2-gib", "length is 2147483648", "lengths are checked before they are used", framed(body, 0xc2, 255, 0x80, 0, 0, 0))
	row("1-gib", "bytes of body, want 1073741824", "nothing is allocated for what is not there", framed(body, 0xc2, 255, 0x40, 0, 0, 0))
	row("one-more", "bytes of body, want", "a packet is whole", framed(body, 0xc2, n+1))
	row("one-less", "signature", "no byte is left over", framed(body, 0xc2, n-1))
	row("zero", "bit 7 clear", "what follows an empty packet is no packet", framed(body, 0xc2, 0))
	row("no-length", "cut short", "a packet is whole", []byte{0xc2})
	row("bit-7-clear", "bit 7 clear", "a packet begins with a header", framed(body, 0x42, n))
	row("tag-0", "tag 0", "only signatures", framed(body, 0xc0, n))
}

// besides put other packets before, between and after.
func (m *maker) besides() {
	m.begin("other packets", "go-crypto's v2 skips what is no signature; CVE-2006-0049 (gpg)")
	s := m.sign(m.alice)
	literal := frame(tagLiteral, slices.Concat([]byte{'b', 0, 0, 0, 0, 0}, m.document))
	fingerprint := m.alice.Fingerprint()
	onePass := frame(tagOnePass, slices.Concat([]byte{3, 0, 8, numEdDSA}, fingerprint[12:], []byte{1}))
	for _, p := range []struct {
		name   string
		tag    byte
		packet []byte
	}{
		{"marker", tagMarker, frame(tagMarker, []byte("PGP"))}, {"padding", tagPadding, frame(tagPadding, []byte("padding"))},
		{"literal", tagLiteral, literal}, {"one-pass", tagOnePass, onePass}, {"public-key", tagPublicKey, m.alice.Packet},
		{"user-id", tagUserID, frame(tagUserID, []byte("alice"))}, {"trust", tagTrust, frame(tagTrust, []byte{0})},
		{"private-60", 60, frame(60, []byte("x"))}, {"unknown-39", 39, frame(39, []byte("x"))}, {"unknown-50", 50, frame(50, []byte("x"))},
	} {
		const why = "a signature file holds signatures and nothing else"
		m.refuse(p.name+"-before", fmt.Sprintf("packet 1 has tag %d", p.tag), why, armoured(slices.Concat(p.packet, s)))
		m.refuse(p.name+"-after", fmt.Sprintf("packet 2 has tag %d", p.tag), why, armoured(slices.Concat(s, p.packet)))
		m.refuse(p.name+"-between", fmt.Sprintf("packet 2 has tag %d", p.tag), why, armoured(slices.Concat(s, p.packet, m.sign(m.bob))))
	}
	const alone = "no signature is no success"
	m.source = "CVE-2006-0455 (gpgv), CVE-2020-10759 (fwupd)"
	m.refuse("no-packet", "no signature", alone, armoured(nil))
	m.refuse("marker-alone", "tag 10", alone, armoured(frame(tagMarker, []byte("PGP"))))
	m.refuse("unknown-version-alone", "version 99", alone, armoured(frame(tagSignature, []byte{99, 0, 0, 0, 0, 0})))
	m.refuse("empty-signature-alone", "packet has 0 bytes", alone, armoured(frame(tagSignature, nil)))
	m.refuse("empty-signature-after", "signature 2 of 2", "what cannot be read refuses the file", armoured(append(slices.Clone(s), 0xc2, 0)))
	m.refuse("zeros-after", "bit 7 clear", "what cannot be read refuses the file", armoured(append(slices.Clone(s), make([]byte, 8)...)))
}

// compressed returns a ZIP-compressed packet (RFC 9580, section 5.6).
func compressed(data []byte) []byte {
	var out bytes.Buffer
	out.WriteByte(1)
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		panic(err)
	}
	if _, err := w.Write(data); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return frame(tagCompressed, out.Bytes())
}

// notDetached files hold the document too, or what passes for it.
func (m *maker) notDetached() {
	m.begin("inline", "CVE-2025-47934 (OpenPGP.js), CVE-2006-0049 (gpg), CVE-2022-3219")
	s := m.sign(m.alice)
	fingerprint := m.alice.Fingerprint()
	literal := func(text []byte) []byte {
		return frame(tagLiteral, slices.Concat([]byte{'b', 0, 0, 0, 0, 0}, text))
	}
	onePass := frame(tagOnePass, slices.Concat([]byte{3, 0, 8, numEdDSA}, fingerprint[12:], []byte{1}))
	message := slices.Concat(onePass, literal(m.document), s)
	const why = "detached only: the bytes that are verified are those that are used"
	row := func(name, reason string, data []byte) { m.refuse("inline-"+name, reason, why, armoured(data)) }
	row("one-pass-labelled-signature", "tag 4", message)
	row("old-style", "packet 1 has tag 11", slices.Concat(literal(m.document), m.sign(m.bob), s))
	row("two-literals", "tag 4", slices.Concat(onePass, literal([]byte("not this")), literal(m.document), s))
	row("compressed-message", "tag 8", compressed(message))
	row("compressed-signature", "tag 8", compressed(s))
	row("compressed-9-times", "tag 8", func() []byte {
		d := s
		for range 9 {
			d = compressed(d)
		}
		return d
	}())
	row("compression-bomb", "tag 8", compressed(compressed(make([]byte, 4<<20))))
	m.refuse("inline-message", "armour begins with", why, armour{label: "PGP MESSAGE"}.block(message))

	m.begin("cleartext", "CVE-2019-11841, CVE-2023-41037 (OpenPGP.js), go-crypto cfb2af9, 244eb1c, gpg.fail")
	text := honest(m.alice)
	text.kind = 1
	signature := text.file(crlf(bytes.TrimSuffix(m.document, []byte("\n"))))
	clear := func(name, headers, body, delimiter string) {
		m.refuse("cleartext-"+name, "armour begins with", "no cleartext: the document and its signature are two files",
			slices.Concat([]byte("-----BEGIN PGP SIGNED MESSAGE-----"+delimiter+"\n"+headers+"\n"+body), signature))
	}
	body := string(m.document)
	clear("plain", "Hash: SHA256\n", body, "")
	clear("no-hash", "", body, "")
	clear("hash-with-vertical-tab", "Hash: SHA256\vThis text is not signed.\n", body, "")
	clear("text-before-hash", "This text is not signed.\nHash: SHA256\n", body, "")
	clear("hash-lies", "Hash: SHA1\n", body, "")
	clear("comment-header", "Comment: this text is not signed\nHash: SHA256\n", body, "")
	clear("text-after-delimiter", "Hash: SHA256\n", body, " and more")
	clear("form-feed-line", "Hash: SHA256\n", strings.Replace(body, "\n", "\f\n", 1), "")
	clear("trailing-spaces", "Hash: SHA256\n", strings.ReplaceAll(body, "\n", " \t\n"), "")
	m.refuse("cleartext-end-only", "armour begins with", "nothing before the armour", slices.Concat(m.document, signature))
}

// sizes come near the caps and go over them.
func (m *maker) sizes() {
	m.begin("sizes", "CVE-2020-6173 (python-tuf), CVE-2022-3219 (gpg): count before work")
	var many []byte
	for i := range 63 {
		many = append(many, m.sign(ed25519Key("stranger", fmt.Sprintf("stranger %d", i)))...)
	}
	a := m.sign(m.alice)
	m.accept("signatures-64", "up to the cap, strangers are ignored", armoured(append(slices.Clone(many), a...)), m.alice)
	m.refuse("signatures-65", "more than 64 signatures", "the cap holds whoever made them", armoured(slices.Concat(many, m.sign(m.mallory), a)))
	m.refuse("signatures-500-small", "more than 64 signatures", "packets are counted before any is parsed", armoured(bytes.Repeat([]byte{0xc2, 0}, 500)))
	m.refuse("signatures-100000", "bytes, want at most 65536", "a file has a size limit, which comes first", armoured(bytes.Repeat(a, 100_000)))
	m.refuse("file-64-kib-and-one", "65537 bytes, want at most 65536", "a file has a size limit, which comes first", func() []byte {
		file := armoured(a)
		return append(file, bytes.Repeat([]byte{'\n'}, 64<<10+1-len(file))...)
	}())
	m.refuse("one-packet-of-40-kib", "bytes after the signature", "a packet ends with its numbers", armoured(frame(tagSignature, append(honest(m.alice).body(m.document), make([]byte, 40<<10)...))))
	m.refuse("64-kib-of-lengths", "armour begins with", "armour comes first", binary.BigEndian.AppendUint64(bytes.Repeat([]byte{0xff}, 60<<10), 0))
	m.add(Case{Name: "document-of-1-mib", Expect: Accept, Why: "documents are not bounded here, but by their type", Signers: []*Key{m.alice},
		Document: bytes.Repeat([]byte("0123456789abcde\n"), 1<<16), File: honest(m.alice).file(bytes.Repeat([]byte("0123456789abcde\n"), 1<<16))})
}

// Crowd returns a case in which n people, all asked for, have signed document. It
// is not among those of [All]: it serves to measure.
func Crowd(n int, document []byte) Case {
	c := Case{Name: fmt.Sprintf("crowd-of-%d", n), Class: "sizes", Expect: Accept, Why: "all have signed", Source: "design", Document: document}
	var packets []byte
	for i := range n {
		key := ed25519Key(fmt.Sprintf("person-%d", i), fmt.Sprintf("person %d", i))
		c.Keys = append(c.Keys, key)
		packets = append(packets, honest(key).packet(document)...)
	}
	c.Signers, c.File = c.Keys, armoured(packets)
	return c
}
