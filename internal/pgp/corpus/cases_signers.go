package corpus

import (
	"crypto/elliptic"
	"math/big"
	"slices"
)

var p256, p384, p521 = elliptic.P256(), elliptic.P384(), elliptic.P521()

// honest files are the legal twins of all others.
func (m *maker) honest() {
	m.begin("honest", "design, OpenPGP narrowly")
	for _, key := range []*Key{m.alice, m.bob, m.carol, m.dave} {
		m.accept("honest-"+key.Name, "one good signature by a key that was asked for", armoured(m.sign(key)), key)
	}
	m.accept("honest-sha384", "SHA-384 is accepted", m.spoiled(m.bob, func(f *forgery) { f.hash = 9 }), m.bob)
	m.accept("honest-sha512", "SHA-512 is accepted", m.spoiled(m.carol, func(f *forgery) { f.hash = 10 }), m.carol)
	everybody := slices.Concat(m.sign(m.alice), m.sign(m.bob), m.sign(m.carol), m.sign(m.dave))
	m.accept("honest-four-signers", "one packet a signer in one armour block", armoured(everybody), m.alice, m.bob, m.carol, m.dave)
	m.accept("honest-nothing-unhashed", "the unhashed area may be empty", m.spoiled(m.alice, func(f *forgery) { f.unhashed = nil }), m.alice)
	m.accept("honest-notation", "a notation that is not critical says nothing to Rootward",
		m.spoiled(m.alice, func(f *forgery) { f.hashed = append(f.hashed, sub(20, notation("a@example.org", "b")...)...) }), m.alice)
	m.accept("honest-signers-user-id", "gpg writes the signer's user id; it is no evidence",
		m.spoiled(m.alice, func(f *forgery) { f.hashed = append(f.hashed, sub(28, []byte("alice@example.org")...)...) }), m.alice)
	m.accept("honest-old-header", "gpg writes headers in the old format",
		armoured(framed(honest(m.alice).body(m.document), 0x88, byte(len(honest(m.alice).body(m.document))))), m.alice)
	m.add(Case{Name: "honest-empty-document", Expect: Accept, Why: "a document of no bytes can be signed", Signers: []*Key{m.alice},
		Document: []byte{}, File: honest(m.alice).file(nil)})
}

// wrongSigner cases are about whose signature it is, and over what.
func (m *maker) wrongSigner() {
	m.begin("signer or document", "design, OpenPGP narrowly")
	m.ignore("stranger-alone", "a signature by a key that was not asked for is ignored", armoured(m.sign(m.mallory)))
	m.accept("stranger-beside", "a stranger's signature does not spoil the file", armoured(slices.Concat(m.sign(m.mallory), m.sign(m.alice))), m.alice)
	bad := honest(m.mallory).packet([]byte("another"))
	m.accept("stranger-bad-beside", "a stranger's bad signature is not even verified", armoured(slices.Concat(bad, m.sign(m.alice))), m.alice)
	m.refuse("other-document", "bad signature by key", "the signature is over other bytes", honest(m.alice).file([]byte("These files are example 2.0.\n")))
	m.refuse("bad-beside-good", "bad signature by key", "one bad signature by a key that was asked for refuses the file: no silent skipping (CVE-2026-59643's class)",
		armoured(slices.Concat(m.sign(m.alice), honest(m.bob).packet([]byte("another")))))
	m.refuse("claims-anothers-fingerprint", "bad signature by key", "a fingerprint is a claim that the mathematics must bear out",
		m.spoiled(m.mallory, func(f *forgery) { f.hashed, f.unhashed = slices.Concat(m.alice.subIssuer(), date(signed)), nil }))
	m.refuse("line-end-added", "bad signature by key", "the document's exact bytes are signed: one more line feed is another document",
		honest(m.alice).file(m.document[:len(m.document)-1]))
	m.refuse("line-ends-changed", "bad signature by key", "a binary signature knows no lines", honest(m.alice).file(crlf(m.document)))
	for name, end := range map[string]string{"form-feed": "\f", "vertical-tab": "\v", "next-line": "\u0085", "line-separator": "\u2028", "nul": "\x00", "space": " ", "tab": "\t"} {
		m.add(Case{Name: "document-ends-in-" + name, Expect: Refuse, Reason: "bad signature by key", Source: "CVE-2025-68972 (GnuPG)",
			Why: "nothing can be appended to a signed line, whatever counts as white space", Document: append(slices.Clone(m.document), end...), File: armoured(m.sign(m.alice))})
	}
	slices.SortStableFunc(m.cases[len(m.cases)-7:], func(a, b Case) int { return slices.Compare([]byte(a.Name), []byte(b.Name)) })
	m.add(Case{Name: "tarball-signature", Expect: Refuse, Reason: "bad signature by key", Source: "cross-protocol use of one key",
		Why: "a signature over a raw file, a git tag or a letter is none over a document", File: honest(m.alice).file([]byte("\x1f\x8b\x08\x00 a tarball"))})
}

func crlf(text []byte) []byte {
	var out []byte
	for _, b := range text {
		if b == '\n' {
			out = append(out, '\r')
		}
		out = append(out, b)
	}
	return out
}

// duplicates try to have one key counted more than once.
func (m *maker) duplicates() {
	m.begin("duplicates", "CVE-2020-6174, CVE-2020-15093, CVE-2026-6966")
	const why = "one key counts once; two signatures by one key refuse the file"
	a := m.sign(m.alice)
	m.refuse("same-packet-twice", "two signatures by key", why, armoured(slices.Concat(a, a)))
	m.refuse("same-packet-100-times-capped", "more than 64 signatures", "the cap comes before all else", armoured(slices.Repeat(a, 100)))
	m.refuse("same-packet-around-another", "two signatures by key", why, armoured(slices.Concat(a, m.sign(m.bob), a)))
	later := honest(m.alice)
	later.hashed = slices.Concat(m.alice.subIssuer(), date(signed+1))
	m.refuse("two-dates", "two signatures by key", why, armoured(slices.Concat(a, later.packet(m.document))))
	old := honest(m.alice).body(m.document)
	m.refuse("two-header-formats", "two signatures by key", why, armoured(slices.Concat(a, framed(old, 0x88, byte(len(old))))))
	unhashed := honest(m.alice)
	unhashed.unhashed = sub(99, 1)
	m.refuse("two-unhashed-areas", "two signatures by key", "the unhashed area is anybody's to change", armoured(slices.Concat(a, unhashed.packet(m.document))))
	bob512 := honest(m.bob)
	bob512.hash = 10
	m.refuse("two-hashes", "two signatures by key", why, armoured(slices.Concat(m.sign(m.bob), bob512.packet(m.document))))
	m.refuse("good-and-bad-of-one-key", "two signatures by key", why, armoured(slices.Concat(a, honest(m.alice).packet([]byte("another")))))
	high := honest(m.carol)
	high.tail = m.negated
	m.refuse("malleated-beside", "two signatures by key", "s and n-s both verify: signatures are not counted by their bytes",
		armoured(slices.Concat(m.sign(m.carol), high.packet(m.document))))
	s := m.sign(m.mallory)
	m.accept("stranger-twice", "duplicates of a key that was not asked for are ignored", armoured(slices.Concat(s, a, s)), m.alice)
}

// negated replaces s by n-s in a signature of carol's.
func (m *maker) negated(tail []byte) []byte {
	n := numbers(tail)
	return slices.Concat(mpi(n[0]), mpi(new(big.Int).Sub(m.carol.order, new(big.Int).SetBytes(n[1])).Bytes()))
}

// people hold several keys, or one key in several packets.
func (m *maker) people() {
	m.begin("one person, one key", "go-tuf f5edbde; design: people, not keys, not signatures")
	second := ed25519Key("alice", "alice's second key")
	m.add(Case{Name: "two-keys-of-one-person", Expect: Accept, Keys: []*Key{m.alice, second, m.bob}, Signers: []*Key{m.alice, second},
		Why:  "both keys signed; a threshold counts the person once (package threshold)",
		File: armoured(slices.Concat(m.sign(m.alice), m.sign(second)))})
	again := m.alice.named("bob", born+86400)
	m.add(Case{Name: "one-key-in-two-packets", Expect: Refuse, Reason: "same key material", Keys: []*Key{m.alice, again},
		Why:  "another creation date makes another fingerprint, and the same key",
		File: armoured(slices.Concat(m.sign(m.alice), m.sign(again)))})
	m.add(Case{Name: "one-key-in-two-packets-signs-once", Expect: Accept, Keys: []*Key{m.alice, again}, Signers: []*Key{again},
		Why: "a key that is asked for under two names may sign under one", File: armoured(m.sign(again))})
	m.add(Case{Name: "other-packet-of-a-key-asked-for", Expect: Ignore, Keys: []*Key{m.alice}, Others: []*Key{again},
		Why: "documents name the exact packet: the same key in another is not the one that was asked for", File: armoured(m.sign(again))})
	carol := m.carol.named("dave", born+1)
	m.add(Case{Name: "one-p256-key-in-two-packets", Expect: Refuse, Reason: "same key material", Keys: []*Key{m.carol, carol},
		Why: "as for Ed25519", File: armoured(slices.Concat(m.sign(m.carol), m.sign(carol)))})
	bob := rsaKey("dave", "rsa2048", 65539)
	m.add(Case{Name: "one-modulus-two-exponents", Expect: Refuse, Reason: "same key material", Keys: []*Key{m.bob, bob},
		Why:  "who can sign with one exponent can factor the modulus and sign with any",
		File: armoured(slices.Concat(m.sign(m.bob), m.sign(bob)))})
	m.add(Case{Name: "one-key-as-22-and-27", Expect: Refuse, Reason: "algorithm 27", Keys: []*Key{m.alice, newEd25519Key("bob", "alice")},
		Why:  "an Ed25519 key has one spelling, algorithm 22",
		File: armoured(slices.Concat(m.sign(m.alice), m.sign(newEd25519Key("bob", "alice"))))})
	m.add(Case{Name: "same-packet-listed-twice", Expect: Accept, Keys: []*Key{m.alice, m.alice}, Signers: []*Key{m.alice},
		Why: "the very same packet named twice is one key", File: armoured(m.sign(m.alice))})
}

// keyIDs are about two keys of one 64-bit key id.
func (m *maker) keyIDs() {
	m.begin("64-bit key id", "RFC 9580, 5.5.4; pair published at nullprogram.com, 2019-07-22")
	a, b := colliding("alice", "bob")
	sign := func(k *Key, edit func(*forgery)) []byte {
		f := honest(k)
		if edit != nil {
			edit(&f)
		}
		return f.file(m.document)
	}
	both := []*Key{a, b}
	m.add(Case{Name: "same-key-id-first-signs", Expect: Accept, Keys: both, Signers: []*Key{a}, Why: "the fingerprint says which of the two", File: sign(a, nil)})
	m.add(Case{Name: "same-key-id-second-signs", Expect: Accept, Keys: both, Signers: []*Key{b}, Why: "the fingerprint says which of the two", File: sign(b, nil)})
	m.add(Case{Name: "same-key-id-both-sign", Expect: Accept, Keys: both, Signers: both, Why: "two keys, two signatures",
		File: armoured(slices.Concat(m.sign(a), m.sign(b)))})
	m.add(Case{Name: "same-key-id-other-asked-for", Expect: Ignore, Keys: []*Key{a}, Others: []*Key{b}, Why: "a shared key id makes nobody a signer", File: sign(b, nil)})
	m.add(Case{Name: "same-key-id-other-in-no-keyring", Expect: Ignore, Keys: []*Key{a}, Why: "a shared key id makes nobody a signer, nor a's signature a bad one", File: sign(b, nil)})
	m.add(Case{Name: "same-key-id-no-fingerprint", Expect: Refuse, Keys: both, Reason: "0 issuer fingerprint", Why: "a key id alone does not say whose signature it is",
		File: sign(b, func(f *forgery) { f.hashed = date(signed) })})
	m.add(Case{Name: "same-key-id-fingerprint-of-the-other", Expect: Refuse, Keys: both, Reason: "bad signature by key", Why: "the fingerprint rules, not the key id",
		File: sign(b, func(f *forgery) { f.hashed = slices.Concat(a.subIssuer(), date(signed)) })})
}
