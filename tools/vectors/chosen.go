package main

// chosen are cases of the corpus of hostile signature files, by the rule that
// each is about.
var chosen = [][2]string{
	{"SIG-10", "honest-alice"}, {"SIG-10", "honest-bob"}, {"SIG-10", "honest-carol"}, {"SIG-10", "honest-dave"}, {"SIG-10", "honest-four-signers"},
	{"SIG-10", "honest-empty-document"}, {"SIG-2", "honest-old-header"}, {"SIG-6", "honest-notation"}, {"SIG-10", "p256-sha384"},
	{"SIG-1", "armour-crlf"}, {"SIG-1", "armour-no-last-line-feed"}, {"SIG-1", "base64-no-checksum"}, {"SIG-1", "base64-lines-of-4"}, {"SIG-1", "header-version-and-comment"},
	{"SIG-1", "armour-mixed-line-ends"}, {"SIG-1", "armour-text-before"}, {"SIG-1", "armour-blank-line-after"}, {"SIG-1", "armour-two-blocks"},
	{"SIG-1", "armour-space-after-the-end-line"}, {"SIG-1", "base64-lines-of-77"}, {"SIG-1", "base64-checksum-wrong"}, {"SIG-1", "base64-spare-bits-set"},
	{"SIG-1", "base64-padding-inside"}, {"SIG-1", "header-charset"}, {"SIG-1", "header-nine"}, {"SIG-1", "header-blank-line-missing"}, {"SIG-1", "cleartext-plain"},
	{"SIG-2", "no-packet"}, {"SIG-2", "length-partial"}, {"SIG-2", "length-5-octets"}, {"SIG-2", "length-old-4-octets"}, {"SIG-2", "marker-before"}, {"SIG-2", "signatures-65"},
	{"SIG-3", "version-3"}, {"SIG-3", "text-mode"}, {"SIG-3", "hash-sha1"}, {"SIG-3", "hash-sha224"}, {"SIG-3", "says-27"},
	{"SIG-4", "subpacket-5-octet-length"}, {"SIG-4", "subpackets-32"}, {"SIG-4", "subpackets-33-unhashed"}, {"SIG-4", "no-date"}, {"SIG-4", "two-dates-hashed"}, {"SIG-4", "issuer-by-key-id-only"},
	{"SIG-5", "unhashed-issuer-lies"}, {"SIG-5", "unhashed-key-id-lies"}, {"SIG-5", "key-id-wildcard-hashed"},
	{"SIG-6", "expires-later"}, {"SIG-6", "embedded-signature"}, {"SIG-6", "unhashed-date-too"}, {"SIG-6", "critical-notation"}, {"SIG-6", "critical-key-id"}, {"SIG-6", "unhashed-critical-key-id"},
	{"SIG-7", "ecdsa-bit-count-high"}, {"SIG-7", "ecdsa-leading-zero"}, {"SIG-7", "ecdsa-s-of-385-bits"}, {"SIG-7", "ecdsa-byte-after"}, {"SIG-7", "rsa-two-numbers"},
	{"SIG-9", "same-packet-twice"}, {"SIG-9", "one-key-in-two-packets"}, {"SIG-9", "good-and-bad-of-one-key"}, {"SIG-9", "stranger-twice"},
	{"SIG-10", "stranger-alone"}, {"SIG-10", "stranger-bad-beside"}, {"SIG-10", "bad-beside-good"}, {"SIG-10", "other-document"}, {"SIG-10", "hash-tag-zero"}, {"SIG-10", "ecdsa-high-s"},
	{"SIG-7", "ecdsa-r-zero"}, {"SIG-10", "ecdsa-s-plus-n"}, {"SIG-10", "ed25519-s-plus-order"}, {"SIG-10", "ed25519-small-order-r"}, {"SIG-7", "ed25519-prefix-0x40"},
	{"SIG-10", "rsa-plus-modulus"}, {"SIG-10", "rsa-padding-without-null"}, {"SIG-7", "rsa-leading-zero"}, {"SIG-10", "claims-anothers-fingerprint"}, {"SIG-10", "same-key-id-second-signs"},
	{"SIG-10", "dated-before-the-key"}, {"SIG-10", "dated-future"}, {"SIG-10", "two-keys-of-one-person"},
}
