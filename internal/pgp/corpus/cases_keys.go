package corpus

import (
	"slices"
)

// algorithms that Rootward does not have, or that do not fit the key.
func (m *maker) algorithms() {
	m.begin("algorithms", "RFC 9580, 9.1: algorithms that do not fit the key")
	odd := func(name, reason, why string, key *Key, edit func(*forgery)) {
		f := honest(key)
		if edit != nil {
			edit(&f)
		}
		m.add(Case{Name: name, Expect: Refuse, Reason: reason, Why: why, Keys: []*Key{key}, File: f.file(m.document)})
	}
	const four = "RSA, P-256, P-384 and Ed25519 are what there is"
	odd("key-dsa", "algorithm 17", four, dsaKey("alice"), nil)
	odd("key-ed25519-27", "algorithm 27", "Ed25519 has one spelling, algorithm 22, which stock gpg knows", newEd25519Key("alice", "new"), nil)
	odd("key-secp256k1", "OID", four, secp256k1Key("alice"), nil)
	odd("key-p521", "OID", four, ecdsaKey("alice", "p521", p521, oidP521), func(f *forgery) { f.hash = 10 })
	fake := func(name, reason string, number byte, key *Key) {
		m.refuse(name, reason, "an algorithm that is not ours refuses the file before anybody looks for its key",
			m.spoiled(key, func(f *forgery) { f.number = number }))
	}
	fake("says-rsa-sign-only", "algorithm 3", 3, m.bob)
	fake("says-rsa-encrypt-only", "algorithm 2", 2, m.bob)
	fake("says-elgamal", "algorithm 20", 20, m.carol)
	fake("says-dsa", "algorithm 17", numDSA, m.carol)
	fake("says-ecdh", "algorithm 18", 18, m.carol)
	fake("says-x25519", "algorithm 25", 25, m.carol)
	fake("says-27", "algorithm 27", numEd25519, m.alice)
	fake("says-ed448", "algorithm 28", numEd448, m.alice)
	fake("says-unknown-99", "algorithm 99", 99, m.alice)
	fake("says-private-100", "algorithm 100", 100, m.alice)
	fake("says-none", "algorithm", 0xff, m.alice)
	mismatch := func(name string, number byte, key *Key) {
		m.refuse(name, "bad signature by key", "the key's algorithm rules, not what the signature says",
			m.spoiled(key, func(f *forgery) { f.number = number }))
	}
	mismatch("ed25519-key-says-ecdsa", numECDSA, m.alice)
	mismatch("p256-key-says-eddsa", numEdDSA, m.carol)
	m.refuse("p384-signs-for-p256", "bad signature by key", "the fingerprint says which key, and that key did not sign", m.spoiled(m.dave, func(f *forgery) {
		f.hashed, f.unhashed = slices.Concat(m.carol.subIssuer(), date(signed)), nil
	}))
	m.accept("p384-sha384", "the hash that P-384 signs by itself", m.spoiled(m.dave, func(f *forgery) { f.hash = 9 }), m.dave)
	m.accept("p256-sha384", "a hash longer than the curve is cut as ECDSA says", m.spoiled(m.carol, func(f *forgery) { f.hash = 9 }), m.carol)
}

// weakKeys are keys that documents may not name.
func (m *maker) weakKeys() {
	m.begin("weak keys", "Wycheproof's classes of weak keys and curves")
	odd := func(name, reason, why string, key *Key) {
		m.add(Case{Name: name, Expect: Refuse, Reason: reason, Why: why, Keys: []*Key{key}, File: honest(key).file(m.document)})
	}
	odd("key-rsa-1024", "1024 bits", "RSA from 2048 bits", rsaKey("alice", "rsa1024", 65537))
	odd("key-rsa-4104", "4104 bits", "RSA to 4096 bits: sizes are capped before any arithmetic", rsaKey("alice", "rsa4104", 65537))
	odd("key-rsa-exponent-3", "exponent", "exponents from 65537: below, careless padding forges", rsaKey("alice", "rsa3072e3", 3))
	odd("key-ed25519-identity", "small order", "under such a key one signature fits every document", identityKey("alice"))
	point := func(name, reason, why string, spoil func(public []byte)) {
		key := ecdsaKey("alice", name, p256, oidP256)
		public := slices.Clone(key.public)
		spoil(public)
		odd(name, reason, why, newKey("alice", born, numECDSA, public, key.sign))
	}
	point("key-p256-off-curve", "on the curve", "a point is on its curve", func(p []byte) { p[len(p)-1] ^= 1 })
	point("key-p256-compressed-mark", "point", "points are uncompressed", func(p []byte) { p[11] = 6; p[10] = 0x03 })
	extra := newKey("alice", born, numEdDSA, append(slices.Clone(m.alice.public), 0), m.alice.sign)
	odd("key-bytes-after", "bytes after the key", "a key packet ends with its key", extra)
	secret := *m.alice
	secret.Packet = slices.Clone(m.alice.Packet)
	secret.Packet[0] = 0xc0 | tagSecretKey
	odd("key-secret-tag", "secret key", "a secret key is refused by name", &secret)
	subkey := *m.alice
	subkey.Packet = slices.Clone(m.alice.Packet)
	subkey.Packet[0] = 0xc0 | tagSubkey
	odd("key-subkey-tag", "tag 14", "a document names a primary-key packet, whatever it was", &subkey)
	old := *m.alice
	old.Packet = slices.Concat([]byte{0x98, byte(len(m.alice.body()))}, m.alice.body())
	odd("key-old-header", "new format", "one key, one spelling, one id", &old)
	long := *m.alice
	long.Packet = slices.Concat([]byte{0xc6, 255, 0, 0, 0, byte(len(m.alice.body()))}, m.alice.body())
	odd("key-long-length", "shortest form", "one key, one spelling, one id", &long)
	three := *m.bob
	three.Packet = frame(tagPublicKey, slices.Concat([]byte{3}, seconds(born), []byte{0, 0, numRSA}, m.bob.public))
	odd("key-version-3", "version 3", "version 4 only: the ids of version 3 are anybody's to choose", &three)
}

// certificates say things that Rootward never reads.
func (m *maker) certificates() {
	m.begin("certificates", "design: documents say who may sign; CVE-2021-3521 (rpm); go-crypto d697e70, d703f49")
	const why = "certificates are not read: documents and revocations say what counts"
	odd := func(name string, c certificate) {
		key := *m.alice
		key.Certificate = key.certificate(c)
		m.add(Case{Name: "certificate-" + name, Expect: Accept, Why: why, Keys: []*Key{&key}, Signers: []*Key{&key}, File: honest(&key).file(m.document)})
	}
	odd("expired", certificate{expires: 3600})
	odd("revoked", certificate{revoked: true})
	odd("encrypts-only", certificate{flags: 0x0c})
	odd("bare-key", certificate{bare: true})
	// Mallory's certificate claims alice's key as a subkey, without a binding.
	spliced := *m.alice
	spliced.Certificate = m.mallory.certificate(certificate{after: frame(tagSubkey, m.alice.body())})
	m.add(Case{Name: "certificate-subkey-unbound", Expect: Accept, Why: why, Keys: []*Key{&spliced}, Signers: []*Key{&spliced}, File: honest(&spliced).file(m.document)})
	// As above with a binding by mallory and no back-signature by the subkey.
	prefix := slices.Concat(m.mallory.hashedForm(), m.alice.hashedForm())
	binding := forgery{key: m.mallory, kind: 0x18, hashed: slices.Concat(m.mallory.subIssuer(), date(signed), sub(27, 2))}
	bound := *m.alice
	bound.Certificate = m.mallory.certificate(certificate{after: slices.Concat(frame(tagSubkey, m.alice.body()), binding.packet(prefix))})
	m.add(Case{Name: "certificate-subkey-without-back-signature", Expect: Accept, Why: why, Keys: []*Key{&bound}, Signers: []*Key{&bound}, File: honest(&bound).file(m.document)})
	m.add(Case{Name: "certificate-subkey-asks-for-owner", Expect: Ignore, Why: "who takes a stranger's key as a subkey has not signed with its own", Source: m.source,
		Keys: []*Key{m.mallory}, Others: []*Key{&bound}, File: honest(m.alice).file(m.document)})
}
