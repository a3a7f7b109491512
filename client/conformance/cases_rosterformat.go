package conformance

import (
	"crypto/rsa"
	"fmt"
	"math/big"
	"strings"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// A misprint is a document that says the same in another encoding, or
// something that no document can say.
type misprint struct {
	rule, what string
	edit       func(string) string
}

// misprints are for any document; those for one kind only are below.
var misprints = []misprint{
	{"ENC-2", "with a byte order mark", func(s string) string { return "\ufeff" + s }},
	{"ENC-2", "that is not UTF-8", replace(`"repository": "`, "\"repository\": \"\xff")},
	{"ENC-2", "cut short", func(s string) string { return s[:len(s)-3] }},
	{"ENC-2", "that is empty", func(string) string { return "" }},
	{"ENC-2", "that is null", func(string) string { return "null\n" }},
	{"ENC-3", "of the next version of the format", replace("/v1\"", "/v2\"")},
	{"ENC-4", "without the final line feed", func(s string) string { return strings.TrimSuffix(s, "\n") }},
	{"ENC-4", "with something behind it", func(s string) string { return s + "\n" }},
	{"ENC-4", "with a second document behind it", func(s string) string { return s + s }},
	{"ENC-4", "with CRLF", func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }},
	{"ENC-4", "with another indent", replace("\n  \"", "\n\t\"")},
	{"ENC-4", "with a trailing space", replace(",\n", ", \n")},
	{"ENC-4", "with an unknown field", replace("{\n", "{\n  \"comment\": \"\",\n")},
	{"ENC-4", "with a field twice", func(s string) string {
		line := lineOf(s, `  "repository"`)
		return strings.Replace(s, line, line+line, 1)
	}},
	{"ENC-4", "with two fields in another order", func(s string) string {
		a, b := lineOf(s, `  "type"`), lineOf(s, `  "repository"`)
		return strings.Replace(s, a+b, b+a, 1)
	}},
	{"ENC-4", "with a field in capitals", replace(`"repository"`, `"Repository"`)},
	{"ENC-4", "with an escape that is not needed", replace(`packages.example`, `\u0070ackages.example`)},
	{"ENC-5", "with a repository in capitals", replace(`packages.example`, `Packages.example`)},
	{"ENC-5", "with a fraction of a second", replace(`:00Z"`, `:00.5Z"`)},
	{"ENC-5", "with a time that is not in UTC", replace(`:00Z"`, `:00+00:00"`)},
	{"ENC-5", "with a date that is none", func(s string) string {
		line := lineOf(s, `  "issued"`)
		return strings.Replace(s, line, `  "issued": "2026-02-30T09:00:00Z",`+"\n", 1)
	}},
}

// few are enough for a second kind of document: the decoder is one.
func few(all []misprint) []misprint {
	var some []misprint
	for _, m := range all {
		switch {
		case strings.Contains(m.what, "unknown field"), strings.Contains(m.what, "twice"), strings.Contains(m.what, "behind"), strings.Contains(m.what, "next version"), strings.Contains(m.what, "fraction"):
			some = append(some, m)
		}
	}
	return some
}

// lineOf returns the first line that begins so, with its end.
func lineOf(s, begin string) string {
	i := strings.Index(s, begin)
	if i < 0 {
		panic("no line " + begin)
	}
	return s[i : i+strings.Index(s[i:], "\n")+1]
}

var rosterMisprints = []misprint{
	{"ENC-4", "without one of its fields", func(s string) string { return strings.Replace(s, lineOf(s, `  "snapshot_floor"`), "", 1) }},
	{"ENC-4", "with null for an empty list", replace(`"revoked": []`, `"revoked": null`)},
	{"ENC-4", "with a number that has a fraction", replace(`"threshold": 2`, `"threshold": 2.0`)},
	{"ENC-4", "with a number that has an exponent", replace(`"threshold": 2`, `"threshold": 2e0`)},
	{"ENC-2", "with a number that has a leading zero", replace(`"threshold": 2`, `"threshold": 02`)},
	{"ENC-2", "with a number that has a plus sign", replace(`"threshold": 2`, `"threshold": +2`)},
	{"ENC-5", "with a number in quotes", replace(`"threshold": 2`, `"threshold": "2"`)},
	{"ENC-5", "with a number of 2^53", replace(`"snapshot_floor": 0`, `"snapshot_floor": 9007199254740992`)},
	{"ENC-5", "with a number of 10,000 digits", replace(`"snapshot_floor": 0`, `"snapshot_floor": 1`+strings.Repeat("0", 9999))},
	{"ENC-5", "with a negative number", replace(`"snapshot_floor": 0`, `"snapshot_floor": -1`)},
	{"ENC-5", "with a digest in capitals", func(s string) string {
		line := lineOf(s, `  "previous"`)
		return strings.Replace(s, line, `  "previous": `+strings.ToUpper(line[len(`  "previous": `):]), 1)
	}},
	{"ENC-5", "with a digest of zeros", func(s string) string {
		return strings.Replace(s, lineOf(s, `  "anchor"`), `  "anchor": "`+strings.Repeat("0", 64)+"\"\n", 1)
	}},
	{"ENC-5", "with a short digest", func(s string) string {
		return strings.Replace(s, lineOf(s, `  "anchor"`), `  "anchor": "`+strings.Repeat("1", 63)+"\"\n", 1)
	}},
	{"NAME-1", "with a name that begins with a space", replace(`"name": "Alice"`, `"name": " Alice"`)},
	{"NAME-1", "with two spaces in a name", replace(`"name": "Alice"`, `"name": "Alice  A"`)},
	{"NAME-1", "with an empty name", replace(`"name": "Alice"`, `"name": ""`)},
	{"NAME-1", "with an escape sequence in a name", replace(`"name": "Alice"`, `"name": "\u001b[2JAlice"`)},
	{"NAME-1", "with a direction override in a name", replace(`"name": "Alice"`, "\"name\": \"Ali\u202ece\"")},
	{"NAME-1", "with a zero-width space in a name", replace(`"name": "Alice"`, "\"name\": \"Ali\u200bce\"")},
	{"NAME-1", "with a name that is not in normal form C", replace(`"name": "Alice"`, "\"name\": \"Alice\u0301\"")},
	{"NAME-1", "with a name of 101 bytes", replace(`"name": "Alice"`, `"name": "`+strings.Repeat("A", 101)+`"`)},
}

func rosterFormatCases() []Case {
	var cases []Case
	for _, m := range append(append([]misprint(nil), misprints...), rosterMisprints...) {
		cases = append(cases, spoilt(m.rule, "a roster "+m.what+" is refused", Refused, followed, func(r *Repo) {
			r.Edit(rosterTwo, m.edit, alice, bob, carol)
		}))
	}
	standby := func(c *roster.Root) *roster.OnlineKey {
		k := c.OnlineKeys[1]
		k.Key = key(rostertest.Person("snapshot-9"))
		c.OnlineKeys = append(c.OnlineKeys, k)
		return &c.OnlineKeys[2]
	}
	revoke := func(c *roster.Root, k roster.Key) {
		c.Revoked = append(c.Revoked, roster.RevokedKey{Key: k, Reason: "stolen", At: c.Issued})
	}
	for _, c := range []struct {
		rule, what string
		edit       func(*roster.Root)
		by         []*rostertest.Signer
	}{
		{"ROSTER-2", "that expires when it is issued", func(c *roster.Root) { c.Issued = c.Expires }, nil},
		{"ROSTER-2", "with an online key that ends when it begins", func(c *roster.Root) { k := standby(c); k.Expires = k.NotBefore }, nil},
		{"ROSTER-3", "with a snapshot_lifetime of 0", func(c *roster.Root) { c.SnapshotLifetime = 0 }, nil},
		{"ROSTER-3", "with a snapshot_lifetime above 30 days", func(c *roster.Root) { c.SnapshotLifetime = 2592001 }, nil},
		{"ROSTER-4", "with nine online keys", func(c *roster.Root) {
			for i := range 7 {
				standby(c).Key = key(rostertest.Person(fmt.Sprintf("standby %d", i)))
			}
		}, nil},
		{"ROSTER-4", "with 1,025 revoked keys", func(c *roster.Root) {
			for i := range 1025 {
				revoke(c, key(rostertest.Person(fmt.Sprintf("stolen %d", i))))
			}
		}, nil},
		{"ROSTER-5", "with two keyholders of one name", func(c *roster.Root) { c.Keyholders[1].Name = "Alice" }, nil},
		{"ROSTER-6", "with threshold 0", func(c *roster.Root) { c.Threshold = 0 }, nil},
		{"ROSTER-6", "with threshold -1", func(c *roster.Root) { c.Threshold = -1 }, nil},
		{"ROSTER-6", "with a threshold above the number of keyholders", func(c *roster.Root) { c.Threshold = 4 }, nil},
		{"ROSTER-6", "without keyholders", func(c *roster.Root) { c.Keyholders = []roster.Keyholder{}; c.Threshold = 0 }, nil},
		{"ROSTER-7", "with an Ed25519 online key", func(c *roster.Root) { standby(c).Key = key(edKey("standby")) }, nil},
		{"ROSTER-7", "with an online RSA key of 2048 bits", func(c *roster.Root) { standby(c).Key = roster.Key{PublicKey: rsaPublic(2048, 1)} }, nil},
		{"ROSTER-8", "with one key for two keyholders", func(c *roster.Root) { c.Keyholders[2].Key = c.Keyholders[1].Key }, nil},
		{"ROSTER-8", "with one key in two packets for two keyholders", func(c *roster.Root) { c.Keyholders[2].Key = key(bob.Repacked()) }, []*rostertest.Signer{alice, bob.Repacked(), carol}},
		{"ROSTER-8", "with a keyholder's key as an online key", func(c *roster.Root) { standby(c).Key = key(alice) }, nil},
		{"ROSTER-8", "with one online key in both roles", func(c *roster.Root) { standby(c).Key = c.OnlineKeys[0].Key }, nil},
		{"ROSTER-8", "with one online key in two packets", func(c *roster.Root) { standby(c).Key = key(rostertest.Person("snapshot-1").Repacked()) }, nil},
		{"ROSTER-8", "that revokes a keyholder's key and keeps it", func(c *roster.Root) { revoke(c, key(carol)) }, nil},
		{"ROSTER-8", "that revokes a keyholder's key in another packet and keeps it", func(c *roster.Root) { revoke(c, key(carol.Repacked())) }, nil},
		{"ROSTER-8", "that revokes an online key and keeps it", func(c *roster.Root) { standby(c); revoke(c, c.OnlineKeys[2].Key) }, nil},
		{"ROSTER-8", "that revokes one key twice", func(c *roster.Root) { revoke(c, key(mallory)); revoke(c, key(mallory)) }, nil},
		{"ROSTER-8", "that revokes one key in two packets", func(c *roster.Root) { revoke(c, key(mallory)); revoke(c, key(mallory.Repacked())) }, nil},
		{"ROSTER-9", "without a countersign key", func(c *roster.Root) { standby(c); c.OnlineKeys = c.OnlineKeys[1:] }, nil},
		{"ROSTER-9", "without a snapshot key", func(c *roster.Root) { c.OnlineKeys = c.OnlineKeys[:1] }, nil},
		{"ENC-5", "with an attestation that is neither digest nor none", func(c *roster.Root) { c.Keyholders[0].Attestation = "None" }, nil},
		{"ENC-5", "with an online key in an unknown role", func(c *roster.Root) { standby(c).Role = "sign" }, nil},
		{"NAME-1", "with an empty reason for a revocation", func(c *roster.Root) { revoke(c, key(mallory)); c.Revoked[0].Reason = "" }, nil},
	} {
		cases = append(cases, spoilt(c.rule, "a roster "+c.what+" is refused", Refused, followed, reroot(c.edit, c.by...)))
	}
	return append(cases,
		pair("ROSTER-4", "a roster with 33 keyholders is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			all := []*rostertest.Signer{alice, bob, carol}
			for i := range 29 {
				all = append(all, rostertest.Person(fmt.Sprintf("Keyholder %d", i)))
			}
			root := r.Next()
			rostertest.SetKeyholders(&root, all...)
			if wrong {
				all = append(all, heidi)
				rostertest.SetKeyholders(&root, all...)
			}
			root.Type = "root-roster/v1"
			r.PutSigned(rosterTwo, Print(root), all...)
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("ENC-1", "a roster longer than its limit is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			root := r.Next()
			root.Type = "root-roster/v1"
			n := 600
			if wrong {
				n = 700
			}
			for i := range n { // lines of about 850 bytes
				root.Revoked = append(root.Revoked, roster.RevokedKey{Key: roster.Key{PublicKey: rsaPublic(4096, i)}, Reason: "stolen", At: root.Issued})
			}
			r.PutSigned(rosterTwo, Print(root), alice, bob, carol)
			r.Publish(nil)
			return r.User().Get()
		}),
		spoilt("ENC-3", "a snapshot in a roster's place is refused", Refused, followed, func(r *Repo) {
			r.PutSigned(rosterTwo, r.Files[snapshotOne], alice, bob, carol)
		}),
		spoilt("ENC-3", "a maintainer list in a roster's place is refused", Refused, followed, func(r *Repo) {
			r.PutSigned(rosterTwo, r.Packages[sample].List.Bytes(), alice, bob, carol)
		}),
	)
}

// rsaPublic returns an RSA key whose modulus nobody can factor, for places in
// which nobody signs with it.
func rsaPublic(bits, n int) *pgp.PublicKey {
	seed := []byte(fmt.Sprintf("modulus %d of %d bits", n, bits))
	var b []byte
	for d := digest.Sum(seed); len(b) < bits/8; d = digest.Sum(d[:]) {
		b = append(b, d[:]...)
	}
	b = b[:bits/8]
	b[0] |= 0x80
	b[len(b)-1] |= 1
	k, err := pgp.NewPublicKey(&rsa.PublicKey{N: new(big.Int).SetBytes(b), E: 65537}, rostertest.Epoch)
	if err != nil {
		panic(err)
	}
	return k
}
