package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// An edit of an accepted document breaks one rule.
type edit struct {
	rule, why string
	to        []byte
}

// documents are single documents: an accepted one of each type, and edits.
func documents() []vector {
	x := newIndex()
	var all []vector
	add := func(typ string, accepted []byte, more ...edit) {
		word, _, _ := strings.Cut(typ, "/")
		for _, e := range append(append([]edit{{"ENC-4", "as it should be", accepted}}, encodings(accepted)...), more...) {
			v := vector{Name: "document/" + slug(word, e.why), Kind: "document", Rule: e.rule, Verdict: refuse, Why: e.why, Type: typ, Digest: digest.Sum(e.to).String()}
			if strings.HasPrefix(e.why, "as it should be") {
				v.Verdict = accept
			}
			all = append(all, v.inFile("documents", ".json", e.to))
		}
	}
	add("root-roster/v1", x.Files[roster.RosterPath(1)], rosterEdits(x)...)
	x.RevokeOnline(x.Snapshot.Key)
	revocation := x.Files[roster.RevocationPath(x.Snapshot.Key.ID())]
	add("revocation/v1", revocation, edit{"ENC-1", "one octet over the limit", append(bytes.Clone(revocation), bytes.Repeat([]byte(" "), 8193-len(revocation))...)})
	dave := must(roster.MaintainerRevocation{Repository: x.Repository, Key: key(person("Dave")), Reason: "laptop stolen", Issued: roster.At(x.Now)}.Format())
	add("key-revocation/v1", dave, text(dave, "ENC-5", "no reason", `"laptop stolen"`, `""`))
	x.Claim("sample", people("Dave", "Erin")...)
	x.Release("sample", "sample-1.0.tar.gz", "sample 1.0\n", person("Dave"))
	x.Publish(nil)
	snapshot := x.Files[roster.SnapshotPath(1)]
	add("snapshot/v1", snapshot, text(snapshot, "ENC-5", "a size that is a string", `"size": 1`, `"size": "1"`), snapshotRevoked(x, "as it should be with 64 revoked keys", 64), snapshotRevoked(x, "65 revoked keys", 65))
	add("maintainer-list/v1", x.Package("sample").List.Bytes(), listEdits(x)...)
	add("release-manifest/v1", manifest(x, "sample-1.0.tar.gz"), manifestEdits(x)...)
	return all
}

// text is an edit of an accepted document's bytes.
func text(from []byte, rule, why, old, with string) edit {
	if !bytes.Contains(from, []byte(old)) {
		panic(fmt.Sprintf("%s: the document has no %q", why, old))
	}
	return edit{rule, why, bytes.Replace(from, []byte(old), []byte(with), 1)}
}

// encodings spoil the encoding of any document.
func encodings(b []byte) []edit {
	s := string(b)
	_, typ, _ := strings.Cut(s, `"type": "`)
	word, _, _ := strings.Cut(typ, "/")
	all := []edit{
		{"ENC-2", "not UTF-8", []byte(strings.Replace(s, "packages.example", "packages.ex\xe4mple", 1))},
		{"ENC-2", "cut short", b[:len(b)/2]},
		{"ENC-3", "a later type", []byte(strings.Replace(s, word+"/v1", word+"/v2", 1))},
		{"ENC-3", "no type", []byte(strings.Replace(s, `"type"`, `"tipe"`, 1))},
		{"ENC-4", "no final line feed", b[:len(b)-1]},
		{"ENC-4", "two final line feeds", append(bytes.Clone(b), '\n')},
		{"ENC-4", "an unknown field", []byte(strings.Replace(s, "{\n", "{\n  \"extra\": 1,\n", 1))},
	}
	if word != "root-roster" {
		return all
	}
	return append(all,
		edit{"ENC-2", "nothing", []byte{}},
		edit{"ENC-2", "a list", []byte("[]\n")},
		edit{"ENC-2", "many brackets", bytes.Repeat([]byte("["), 20000)},
		edit{"ENC-4", "CRLF", []byte(strings.ReplaceAll(s, "\n", "\r\n"))},
		edit{"ENC-2", "a byte order mark", []byte("\ufeff" + s)},
		edit{"ENC-4", "tabs", []byte(strings.ReplaceAll(s, "  ", "\t"))},
		edit{"ENC-4", "compact", []byte(strings.ReplaceAll(strings.ReplaceAll(s, "\n", ""), "  ", ""))},
		edit{"ENC-4", "a field twice", []byte(strings.Replace(s, "{\n", "{\n  \"type\": \"root-roster/v1\",\n", 1))},
		edit{"ENC-4", "a field's name in capitals", []byte(strings.Replace(s, `"version"`, `"Version"`, 1))},
		edit{"ENC-4", "a field missing", []byte(strings.Replace(s, "  \"snapshot_floor\": 0,\n", "", 1))},
		edit{"ENC-4", "two fields in another order", []byte(strings.Replace(s, "\"snapshot_lifetime\": 86400,\n  \"snapshot_floor\": 0", "\"snapshot_floor\": 0,\n  \"snapshot_lifetime\": 86400", 1))},
		edit{"ENC-4", "an escaped letter", []byte(strings.Replace(s, "Alice", `\u0041lice`, 1))},
		edit{"ENC-4", "an escaped slash", []byte(strings.Replace(s, "roster/v1", `roster\/v1`, 1))},
		edit{"ENC-4", "null for an empty list", []byte(strings.Replace(s, `"revoked": []`, `"revoked": null`, 1))},
		edit{"ENC-4", "a space behind a line", []byte(strings.Replace(s, "{\n", "{ \n", 1))},
		edit{"ENC-2", "a second document behind", append(bytes.Clone(b), b...)},
	)
}

func rosterEdits(x *rostertest.Index) []edit {
	first := x.Files[roster.RosterPath(1)]
	by := func(rule, why string, change func(*roster.Root)) edit {
		r := x.Roster.Root()
		r.Keyholders, r.OnlineKeys = slices.Clone(r.Keyholders), slices.Clone(r.OnlineKeys)
		change(&r)
		return edit{rule, why, show(r)}
	}
	revoked := func(k roster.Key) []roster.RevokedKey {
		return []roster.RevokedKey{{Key: k, Reason: "stolen", At: roster.At(x.Now)}}
	}
	online := func(n int) (all []roster.OnlineKey) {
		for i := range n {
			k := x.Root.OnlineKeys[i%2]
			k.Key = key(person(fmt.Sprintf("online %d", i)))
			all = append(all, k)
		}
		return all
	}
	holders := func(n int) (all []roster.Keyholder) {
		for i := range n {
			name := fmt.Sprintf("holder %d", i)
			all = append(all, roster.Keyholder{Name: name, Key: key(person(name)), Attestation: "none"})
		}
		return all
	}
	kind := func(name string) func(*roster.Root) {
		k := must(parsed(corpusKeys()[name]))
		return func(r *roster.Root) { r.Keyholders[0].Key = k }
	}
	pin := roster.Ref{Digest: x.Pin()}
	return []edit{
		by("ROSTER-1", "as it should be with version 2", func(r *roster.Root) { r.Version, r.Previous = 2, pin }),
		by("ROSTER-1", "version 0", func(r *roster.Root) { r.Version = 0 }),
		by("ROSTER-1", "a first one with a previous", func(r *roster.Root) { r.Previous = pin }),
		by("ROSTER-1", "a second one without a previous", func(r *roster.Root) { r.Version = 2 }),
		by("ROSTER-2", "expires when issued", func(r *roster.Root) { r.Expires = r.Issued }),
		by("ROSTER-2", "an online key that expires when it begins", func(r *roster.Root) { r.OnlineKeys[0].Expires = r.OnlineKeys[0].NotBefore }),
		by("ROSTER-3", "as it should be with the longest lifetime", func(r *roster.Root) { r.SnapshotLifetime = 2592000 }),
		by("ROSTER-3", "a lifetime of 0", func(r *roster.Root) { r.SnapshotLifetime = 0 }),
		by("ROSTER-3", "a lifetime one second too long", func(r *roster.Root) { r.SnapshotLifetime = 2592001 }),
		by("ROSTER-4", "as it should be with 32 keyholders", func(r *roster.Root) { r.Keyholders = holders(32) }),
		by("ROSTER-4", "33 keyholders", func(r *roster.Root) { r.Keyholders = holders(33) }),
		by("ROSTER-4", "as it should be with 8 online keys", func(r *roster.Root) { r.OnlineKeys = online(8) }),
		by("ROSTER-4", "9 online keys", func(r *roster.Root) { r.OnlineKeys = online(9) }),
		by("ROSTER-5", "one name for two keyholders", func(r *roster.Root) { r.Keyholders[1].Name = "Alice" }),
		by("ROSTER-6", "threshold 0", func(r *roster.Root) { r.Threshold = 0 }),
		by("ROSTER-6", "as it should be with threshold 3 of 3", func(r *roster.Root) { r.Threshold = 3 }),
		by("ROSTER-6", "threshold 4 of 3", func(r *roster.Root) { r.Threshold = 4 }),
		by("ROSTER-6", "nobody", func(r *roster.Root) { r.Keyholders = []roster.Keyholder{} }),
		by("ROSTER-7", "as it should be with P-384", kind("dave")),
		by("ROSTER-7", "an Ed25519 keyholder", kind("alice")),
		by("ROSTER-7", "a keyholder with RSA of 2048 bits", kind("bob")),
		by("ROSTER-7", "as it should be with a revoked Ed25519 key", func(r *roster.Root) { r.Revoked = revoked(must(parsed(corpusKeys()["alice"]))) }),
		by("ROSTER-8", "one key for two keyholders", func(r *roster.Root) { r.Keyholders[1].Key = key(person("Alice")) }),
		by("ROSTER-8", "one key in two packets", func(r *roster.Root) { r.Keyholders[1].Key = key(person("Alice").Repacked()) }),
		by("ROSTER-8", "a keyholder as online key", func(r *roster.Root) { r.OnlineKeys[0].Key = key(person("Alice")) }),
		by("ROSTER-8", "one key for both roles", func(r *roster.Root) { r.OnlineKeys[1].Key = r.OnlineKeys[0].Key }),
		by("ROSTER-8", "a revoked key with a role in another packet", func(r *roster.Root) { r.Revoked = revoked(key(person("Bob").Repacked())) }),
		by("ROSTER-8", "a key that is revoked twice", func(r *roster.Root) {
			r.Revoked = append(revoked(key(person("Dave"))), revoked(key(person("Dave")))...)
		}),
		by("ROSTER-9", "no snapshot key", func(r *roster.Root) { r.OnlineKeys = r.OnlineKeys[:1] }),
		by("ENC-5", "another role", func(r *roster.Root) { r.OnlineKeys[1].Role = "timestamp" }),
		by("ENC-5", "an attestation that is no digest", func(r *roster.Root) { r.Keyholders[0].Attestation = "yes" }),
		text(first, "ENC-5", "null for a key", `"key": "`+keyText("Alice")+`"`, `"key": null`),
	}
}

func listEdits(x *rostertest.Index) []edit {
	by := func(rule, why string, change func(*roster.ListContent)) edit {
		c := x.FirstList("sample", people("Dave", "Erin")...)
		c.Type, c.Inherits.Except = "maintainer-list/v1", []uint64{}
		change(&c)
		return edit{rule, why, show(c)}
	}
	crowd := func(n, keysEach int) (all []roster.Maintainer) {
		for i := range n {
			m := roster.Maintainer{Name: fmt.Sprintf("maintainer %d", i)}
			for j := range keysEach {
				m.Keys = append(m.Keys, key(person(fmt.Sprintf("maintainer %d %d", i, j))))
			}
			all = append(all, m)
		}
		return all
	}
	some := roster.Inheritance{Length: 100, Digest: roster.Ref{Digest: x.Pin()}, Except: []uint64{}}
	inherits := func(change func(*roster.Inheritance)) func(*roster.ListContent) {
		return func(c *roster.ListContent) { c.Inherits = some; change(&c.Inherits) }
	}
	return []edit{
		by("LIST-1", "version 0", func(c *roster.ListContent) { c.Version = 0 }),
		by("LIST-1", "a first one with a previous", func(c *roster.ListContent) { c.Previous = roster.Ref{Digest: x.Pin()} }),
		by("LIST-1", "a second one without a previous", func(c *roster.ListContent) { c.Version = 2 }),
		by("LIST-2", "as it should be with 32 keys", func(c *roster.ListContent) { c.Maintainers = crowd(16, 2) }),
		by("LIST-2", "33 maintainers", func(c *roster.ListContent) { c.Maintainers = crowd(33, 1) }),
		by("LIST-2", "34 keys", func(c *roster.ListContent) { c.Maintainers = crowd(17, 2) }),
		by("LIST-2", "a maintainer without keys", func(c *roster.ListContent) { c.Maintainers[0].Keys = []roster.Key{} }),
		by("LIST-2", "one name for two maintainers", func(c *roster.ListContent) { c.Maintainers[1].Name = "Dave" }),
		by("LIST-3", "one key for two maintainers", func(c *roster.ListContent) { c.Maintainers[1].Keys[0] = key(person("Dave")) }),
		by("LIST-3", "one key in two packets of one maintainer", func(c *roster.ListContent) {
			c.Maintainers[0].Keys = append(c.Maintainers[0].Keys, key(person("Dave").Repacked()))
		}),
		by("LIST-4", "threshold 0", func(c *roster.ListContent) { c.Threshold = 0 }),
		by("LIST-4", "threshold 3 of 2", func(c *roster.ListContent) { c.Threshold = 3 }),
		by("LIST-4", "release threshold 3 of 2", func(c *roster.ListContent) { c.ReleaseThreshold = 3 }),
		by("LIST-4", "as it should be without maintainers", func(c *roster.ListContent) {
			c.Maintainers, c.Threshold, c.ReleaseThreshold = []roster.Maintainer{}, 0, 0
		}),
		by("LIST-4", "a threshold without maintainers", func(c *roster.ListContent) { c.Maintainers = []roster.Maintainer{} }),
		by("LIST-5", "as it should be with lines left out", inherits(func(i *roster.Inheritance) { i.Except = []uint64{1, 3} })),
		by("LIST-5", "a length without a digest", inherits(func(i *roster.Inheritance) { i.Digest = roster.Ref{} })),
		by("LIST-5", "a digest without a length", inherits(func(i *roster.Inheritance) { i.Length = 0 })),
		by("LIST-5", "a length over the limit", inherits(func(i *roster.Inheritance) { i.Length = 16777217 })),
		by("LIST-5", "line 0 left out", inherits(func(i *roster.Inheritance) { i.Except = []uint64{0} })),
		by("LIST-5", "a line left out twice", inherits(func(i *roster.Inheritance) { i.Except = []uint64{2, 2} })),
		by("LIST-5", "lines left out of nothing", func(c *roster.ListContent) { c.Inherits.Except = []uint64{1} }),
		by("ENC-5", "a package in capitals", func(c *roster.ListContent) { c.Package = "Sample" }),
	}
}

// manifest prints a manifest of sample 1.0 with files of one content.
func manifest(x *rostertest.Index, names ...string) []byte {
	c := roster.ManifestContent{Type: "release-manifest/v1", Repository: x.Repository, Package: "sample", Version: "1.0", Issued: roster.At(x.Now), Files: []roster.File{}}
	for _, n := range names {
		c.Files = append(c.Files, roster.File{Name: n, Size: 11, SHA256: digest.Sum([]byte("sample 1.0\n"))})
	}
	return show(c)
}

func manifestEdits(x *rostertest.Index) []edit {
	var crowd []string
	for i := range 1001 {
		crowd = append(crowd, fmt.Sprintf("sample-1.0-%04d-py3-none-any.whl", i))
	}
	return []edit{
		{"MANIFEST-1", "as it should be with two files", manifest(x, "sample-1.0-py3-none-any.whl", "sample-1.0.tar.gz")},
		{"MANIFEST-1", "no file", manifest(x)},
		{"MANIFEST-1", "two files in another order", manifest(x, "sample-1.0.tar.gz", "sample-1.0-py3-none-any.whl")},
		{"MANIFEST-1", "one file twice", manifest(x, "sample-1.0.tar.gz", "sample-1.0.tar.gz")},
		{"MANIFEST-1", "1001 files", manifest(x, crowd...)},
		{"MANIFEST-2", "a file of another package", manifest(x, "other-1.0.tar.gz")},
		{"MANIFEST-2", "a file of another version", manifest(x, "sample-1.1.tar.gz")},
		{"MANIFEST-2", "a file with a way up", manifest(x, "../sample-1.0.tar.gz")},
		text(manifest(x, "sample-1.0.tar.gz"), "ENC-5", "a version that is not in normal form", `"version": "1.0"`, `"version": "1.0.post"`),
		text(manifest(x, "sample-1.0.tar.gz"), "ENC-5", "a size that is a string", `"size": 11`, `"size": "11"`),
		text(manifest(x, "sample-1.0.tar.gz"), "ENC-5", "a digest of zeros", digest.Sum([]byte("sample 1.0\n")).String(), strings.Repeat("0", 64)),
	}
}

func snapshotRevoked(x *rostertest.Index, why string, n int) edit {
	c := roster.SnapshotContent{Type: "snapshot/v1", Repository: x.Repository, Version: 1, Issued: roster.At(x.Now), Expires: roster.At(x.Now.AddDate(0, 0, 1)),
		Roster: 1, Map: x.Map()}
	for i := range n {
		c.Revoked = append(c.Revoked, digest.Sum([]byte{byte(i)}))
	}
	return edit{"SNAP-10", why, show(c)}
}
