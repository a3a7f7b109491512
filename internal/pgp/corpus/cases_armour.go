package corpus

import (
	"bytes"
	"slices"
	"strings"
)

const beside = "one armour block and nothing beside it"

// armourFrame puts things before, between and after, and spoils the first and last lines.
func (m *maker) armourFrame() {
	m.begin("armour, around", "RFC 9580, 6.2; CVE-2025-68973 (gpg)")
	a, b := armoured(m.sign(m.alice)), armoured(m.sign(m.bob))
	row := func(name, reason string, file []byte) { m.refuse("armour-"+name, reason, beside, file) }
	text := func(s string) []byte { return []byte(s) }
	row("two-blocks", "base64: one block only", slices.Concat(a, b))
	row("two-blocks-text-between", "armour line", slices.Concat(a, text("and\n"), b))
	row("same-block-twice", "base64: one block only", slices.Concat(a, a))
	row("text-before", "armour begins with", slices.Concat(text("Signed by alice:\n"), a))
	row("text-after", "armour ends with", slices.Concat(a, text("Signed by alice.\n")))
	row("text-after-the-end-line", "armour ends with", slices.Concat(bytes.TrimSuffix(a, text("\n")), text(" x\n")))
	row("text-before-the-begin-line", "armour begins with", slices.Concat(text("x "), a))
	row("space-after-the-begin-line", "armour begins with", bytes.Replace(a, text("SIGNATURE-----\n"), text("SIGNATURE----- \n"), 1))
	row("space-after-the-end-line", "armour ends with", slices.Concat(bytes.TrimSuffix(a, text("\n")), text(" \n")))
	row("blank-line-before", "armour begins with", slices.Concat(text("\n"), a))
	row("blank-line-after", "armour ends with", slices.Concat(a, text("\n")))
	row("byte-order-mark", "armour begins with", slices.Concat(text("\ufeff"), a))
	row("nul-before", "armour begins with", slices.Concat([]byte{0}, a))
	row("nul-after", "armour ends with", slices.Concat(a, []byte{0}))
	row("escape-sequence-after", "armour ends with", slices.Concat(a, text("\x1b[2JGood signature\n")))
	row("block-in-dashes", "armour begins with", slices.Concat(text("- "), a))
	row("quoted", "armour begins with", slices.Concat(text("> "), bytes.ReplaceAll(a, text("\n"), text("\n> "))))
	row("key-block-after", "armour ends with", slices.Concat(a, armour{label: "PGP PUBLIC KEY BLOCK"}.block(m.alice.Certificate)))
	row("not-armoured", "armour begins with", m.sign(m.alice))
	row("binary-then-armour", "armour begins with", slices.Concat(m.sign(m.bob), a))
	m.source = "CVE-2006-0455 (gpgv), CVE-2020-10759 (fwupd)"
	row("empty-file", "armour begins with", []byte{})
	row("line-feed-alone", "armour begins with", text("\n"))
	row("begin-line-alone", "armour", text("-----BEGIN PGP SIGNATURE-----\n"))
	row("frame-alone", "armour header", text("-----BEGIN PGP SIGNATURE-----\n-----END PGP SIGNATURE-----\n"))
	m.source = "RFC 9580, 6.2"
	labelled := func(name, reason string, f armour) { row(name, reason, f.block(m.sign(m.alice))) }
	labelled("labelled-message", "armour begins with", armour{label: "PGP MESSAGE"})
	labelled("labelled-key", "armour begins with", armour{label: "PGP PUBLIC KEY BLOCK"})
	labelled("labelled-lower-case", "armour begins with", armour{label: "pgp signature"})
	labelled("labelled-part-1", "armour begins with", armour{label: "PGP MESSAGE, PART 1"})
	labelled("ends-as-message", "armour ends with", armour{end: "PGP MESSAGE"})
	row("no-end-line", "armour ends with", a[:bytes.Index(a, text("-----END"))])
	row("four-dashes", "armour begins with", a[1:])
	row("two-begin-lines", "armour header", slices.Concat(a[:bytes.IndexByte(a, '\n')+1], a))
	m.accept("armour-no-last-line-feed", "the file may end without a line feed", bytes.TrimSuffix(a, text("\n")), m.alice)
	m.accept("armour-crlf", "all lines may end in CRLF", crlf(a), m.alice)
	row("cr-only", "armour begins with", bytes.ReplaceAll(a, text("\n"), text("\r")))
	row("mixed-line-ends", "mixes LF and CRLF", bytes.Replace(a, text("\n"), text("\r\n"), 1))
	row("cr-cr-lf", "armour begins with", bytes.ReplaceAll(a, text("\n"), text("\r\r\n")))
}

// armourHeaders carry text that nobody signed.
func (m *maker) armourHeaders() {
	m.begin("armour headers", "CVE-2019-11841; RFC 9580, 6.2.2")
	row := func(name, reason, headers string) {
		m.refuse("header-"+name, reason, "only Version and Comment, printable, at most eight", armour{headers: headers}.block(m.sign(m.alice)))
	}
	row("hash", "armour header", "Hash: SHA256\n")
	row("charset", "armour header", "Charset: UTF-8\n")
	row("message-id", "armour header", "MessageID: 0123456789abcdef0123456789abcdef\n")
	row("unknown", "armour header", "X-Trust: ultimate\n")
	row("no-colon", "armour header", "this text is not signed\n")
	row("no-space", "armour header", "Comment:x\n")
	row("leading-space", "armour header", " Comment: x\n")
	row("lower-case", "armour header", "comment: x\n")
	row("vertical-tab", "armour header", "Comment: x\vHash: SHA1\n")
	row("form-feed", "armour header", "Comment: x\f\n")
	row("escape-sequence", "armour header", "Comment: \x1b[31mGood signature\n")
	row("nul", "armour header", "Comment: x\x00\n")
	row("not-ascii", "armour header", "Comment: \u202ex\n")
	row("nine", "more than 8 headers", strings.Repeat("Comment: x\n", 9))
	row("9000", "more than 8 headers", strings.Repeat("Comment: x\n", 5000))
	row("blank-line-of-spaces", "armour header", " \t\n")
	const why = "gpg may write such headers; they say nothing"
	m.accept("header-version-and-comment", why, armour{headers: "Version: GnuPG v2\nComment: hello\n"}.block(m.sign(m.alice)), m.alice)
	m.accept("header-eight", why, armour{headers: strings.Repeat("Comment: x\n", 8)}.block(m.sign(m.alice)), m.alice)
	a := armoured(m.sign(m.alice))
	m.refuse("header-blank-line-missing", "armour header", "an empty line ends the headers", bytes.Replace(a, []byte("\n\n"), []byte("\n"), 1))
	m.refuse("header-two-blank-lines", "armour line has 0 characters", "one empty line ends the headers", bytes.Replace(a, []byte("\n\n"), []byte("\n\n\n"), 1))
}

// armourBody spoils the base64 and its checksum.
func (m *maker) armourBody() {
	m.begin("armour body", "RFC 9580, 6.1 and 6.3; RFC 4648, 3.5")
	s := m.sign(m.alice)
	for pad := 0; len(s)%3 != 1; pad++ { // so that the last group has spare bits
		f := honest(m.alice)
		f.unhashed = sub(99, make([]byte, pad)...)
		s = f.packet(m.document)
	}
	const why = "the base64 has one spelling"
	accept := func(name string, a armour) {
		m.accept("base64-"+name, "line lengths to 76, and a checksum or none, are accepted", a.block(s), m.alice)
	}
	accept("lines-of-76", armour{columns: 76})
	accept("lines-of-4", armour{columns: 4})
	accept("no-checksum", armour{sum: "-"})
	row := func(name, reason string, file []byte) { m.refuse("base64-"+name, reason, why, file) }
	row("lines-of-77", "characters, want 1 to 76", armour{columns: 77}.block(s))
	row("one-line", "characters, want 1 to 76", armour{columns: 1 << 20}.block(s))
	row("checksum-wrong", "armour checksum is", armour{sum: "=AAAA"}.block(s))
	row("checksum-short", "armour checksum has 3 characters", armour{sum: "=AAA"}.block(s))
	row("checksum-empty", "armour checksum has 0 characters", armour{sum: "="}.block(s))
	row("checksum-twice", "armour", armour{sum: "=" + checksum(s) + "\n=" + checksum(s)}.block(s))
	row("checksum-after-blank", "armour line has 0 characters", armour{sum: "\n=" + checksum(s)}.block(s))
	a := string(armour{sum: "-"}.block(s))
	start := strings.Index(a, "\n\n") + 2
	put := func(at int, what string) []byte { return []byte(a[:start+at] + what + a[start+at:]) }
	row("blank-line-inside", "armour line has 0 characters", put(65, "\n"))
	row("space-inside", "illegal base64", put(10, " "))
	row("space-at-line-end", "illegal base64", put(64, " "))
	row("tab-at-line-start", "illegal base64", put(0, "\t"))
	row("junk-character", "illegal base64", put(10, "!"))
	row("nul-character", "illegal base64", put(10, "\x00"))
	row("header-inside", "armour", put(65, "Comment: x\n"))
	row("dash-line-inside", "base64: one block only", put(65, "-----\n"))
	row("padding-inside", "illegal base64", put(8, "===="))
	row("no-padding", "illegal base64", []byte(strings.Replace(a, "=", "", 2)))
	row("url-alphabet", "illegal base64", []byte(a[:start]+"_"+a[start+1:]))
	spare := strings.LastIndex(a, "==") - 1
	row("spare-bits-set", "illegal base64", []byte(a[:spare]+string(a[spare]+1)+a[spare+1:]))
}
