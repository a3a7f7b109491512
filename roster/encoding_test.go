package roster_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

func weakKeys(t *testing.T) map[string]any {
	t.Helper()
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	accepted(t, err)
	return map[string]any{
		"RSA of 2048 bits": small.Public(),
		"Ed25519":          ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)).Public(),
	}
}

// documents has one of each kind, with its parser.
func documents(t testing.TB) map[string]struct {
	raw   []byte
	parse func([]byte) error
} {
	x := rostertest.New(t)
	list := x.Claim("sample", people("Dave", "Erin")...)
	manifest := x.Release("sample", "sample-1.0.tar.gz", "bytes", person("Dave"))
	x.RevokeKey(person("Erin"), "sample")
	x.RevokeOnline(x.Snapshot.Key)
	x.Publish(nil)
	type doc = struct {
		raw   []byte
		parse func([]byte) error
	}
	id := x.Snapshot.Key.ID()
	return map[string]doc{
		"root roster": {x.Files[roster.RosterPath(1)], func(b []byte) error { _, err := roster.ParseDraft(b); return err }},
		"list":        {list.Bytes(), func(b []byte) error { _, err := roster.ParseList(b); return err }},
		"manifest":    {manifest.Bytes(), func(b []byte) error { _, err := roster.ParseManifest(b); return err }},
		"index": {x.Package("sample").Index.Bytes(), func(b []byte) error {
			_, err := roster.ParseIndex(b, rostertest.Repository, "sample")
			return err
		}},
		"revocation": {x.Files[roster.RevocationPath(id)], func(b []byte) error { _, err := roster.RevocationRoster(b); return err }},
	}
}

func TestOneEncodingPerDocument(t *testing.T) {
	for name, d := range documents(t) {
		if err := d.parse(d.raw); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name == "index" {
			continue
		}
		s := string(d.raw)
		for how, other := range map[string]string{
			"no final newline":    strings.TrimSuffix(s, "\n"),
			"two final newlines":  s + "\n",
			"trailing space":      s + " ",
			"CRLF":                strings.ReplaceAll(s, "\n", "\r\n"),
			"tabs":                strings.ReplaceAll(s, "  ", "\t"),
			"byte order mark":     "\ufeff" + s,
			"a duplicate key":     strings.Replace(s, "{\n", "{\n  \"type\": \"x\",\n", 1),
			"an unknown field":    strings.Replace(s, "{\n", "{\n  \"extra\": 1,\n", 1),
			"a key in capitals":   strings.Replace(s, `"type"`, `"Type"`, 1),
			"an escaped letter":   strings.Replace(s, `"type": "`, `"type": "\u00`+fmt.Sprintf("%x", typeOf(s)[0]), 1),
			"a second document":   s + s,
			"a NUL at the end":    s + "\x00",
			"nothing":             "",
			"null":                "null\n",
			"an array":            "[]\n",
			"not UTF-8":           strings.Replace(s, `"type"`, "\"t\xffpe\"", 1),
			"no type":             strings.Replace(s, `"type"`, `"tipe"`, 1),
			"compact":             strings.ReplaceAll(strings.ReplaceAll(s, "\n", ""), "  ", ""),
			"a comma too many":    strings.Replace(s, "\n}", ",\n}", 1),
			"an empty first line": "\n" + s,
		} {
			if err := d.parse([]byte(other)); err == nil {
				t.Errorf("%s with %s: accepted", name, how)
			}
		}
	}
}

// Several nets catch a malformed document; each is tried alone by its words.
func TestEachNetForMalformedDocuments(t *testing.T) {
	raw := rostertest.New(t).Files[roster.RosterPath(1)]
	for name, c := range map[string]struct {
		doc  []byte
		want string
	}{
		"not UTF-8":               {replace(raw, "Alice", "Al\xffce"), "the document is not UTF-8"},
		"not JSON":                {replace(raw, "{", "("), "the document is not JSON"},
		"an unknown field":        {replace(raw, "{\n", "{\n  \"extra\": 1,\n"), `the document is malformed: json: unknown field "extra"`},
		"a field missing":         {replace(raw, `"anchor": "`+rostertest.EmptyMap().String()+`"`, `"anchor": null`), "digest is missing"},
		"a time of another form":  {replace(raw, "2026-01-06T09:00:00Z", "6 January 2026"), `wanted the form "2006-01-02T15:04:05Z" in UTC`},
		"a time that is a number": {replace(raw, `"2026-01-06T09:00:00Z"`, "5"), "wanted a string of the form"},
		"a key that is null":      {replace(raw, `"key": "`, `"key": null, "key": "`), "not in its one encoding"},
		"no key":                  {replace(raw, "\n      \"key\": \""+keyText(t, "Alice")+"\",", ""), "a key is missing"},
		"a key that is no key":    {replace(raw, `"key": "`, `"key": "*`), "a key is not base64"},
		"another order":           {replace(raw, "{\n", "{ \n"), "not in its one encoding"},
	} {
		_, err := roster.ParseDraft(c.doc)
		t.Log(name)
		refused(t, err, roster.LayerRoster, c.want)
	}
}

func keyText(t *testing.T, name string) string {
	t.Helper()
	b, err := key(person(name)).MarshalText()
	accepted(t, err)
	return string(b)
}

func TestWhatCannotBePrintedIsNoDraft(t *testing.T) {
	x := rostertest.New(t)
	for want, edit := range map[string]func(*roster.Root){
		"a key is missing":             func(r *roster.Root) { r.Keyholders[0].Key = roster.Key{} },
		"year 10000":                   func(r *roster.Root) { r.Expires = roster.At(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)) },
		"year 1969, wanted 1970 to 99": func(r *roster.Root) { r.Issued = roster.At(time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)) },
	} {
		r := x.Roster.Root()
		edit(&r)
		_, err := roster.NewDraft(r)
		refused(t, err, roster.LayerRoster, want)
	}
	l := x.FirstList(pkg, person("Dave"))
	l.Maintainers[0].Keys[0] = roster.Key{}
	_, err := roster.NewList(l)
	refused(t, err, roster.LayerList, "cannot be printed")
}

func typeOf(doc string) string {
	_, rest, _ := strings.Cut(doc, `"type": "`)
	kind, _, _ := strings.Cut(rest, `"`)
	return kind
}

func TestEveryTruncationIsRefused(t *testing.T) {
	for name, d := range documents(t) {
		for n := range d.raw {
			cut := d.raw[:n]
			if name == "index" && n > 0 && cut[n-1] == '\n' {
				continue // shorter, and well-formed: its length and digest tell
			}
			if err := d.parse(cut); err == nil {
				t.Fatalf("%s cut to %d of %d bytes: accepted", name, n, len(d.raw))
			}
		}
	}
}

func TestNumbersHaveOneSpelling(t *testing.T) {
	raw := rostertest.New(t).Files[roster.RosterPath(1)]
	for _, n := range []string{"01", "1.0", "1e0", "+1", "-1", "-0", "\"1\"", "null", "true", "9007199254740992", "18446744073709551616", strings.Repeat("9", 10000)} {
		if _, err := roster.ParseDraft(replace(raw, `"version": 1`, `"version": `+n)); err == nil {
			t.Errorf("version %.40s: accepted", n)
		}
	}
	if _, err := roster.ParseDraft(replace(raw, `"revoked": []`, `"revoked": null`)); err == nil {
		t.Error("null for an empty list: accepted")
	}
	for _, when := range []string{"2026-01-06T09:00:00+00:00", "2026-01-06T10:00:00+01:00", "2026-01-06T09:00:00.0Z", "2026-01-06T09:00:00.5Z", "2026-01-06T09:00:00,5Z", "2026-01-06T09:00:00.000000001Z", "2026-01-06T24:00:00Z", "2026-01-06T09:00Z", "2026-01-06t09:00:00z", "2026-1-6T9:00:00Z", "2026-02-30T09:00:00Z", "2026-01-06T09:00:60Z", ""} {
		if _, err := roster.ParseDraft(replace(raw, "2026-01-06T09:00:00Z", when)); err == nil {
			t.Errorf("time %q: accepted", when)
		}
	}
}

func TestADocumentIsOfItsKindOnly(t *testing.T) {
	docs := documents(t)
	for a, da := range docs {
		for b, db := range docs {
			if a != b && da.parse(db.raw) == nil {
				t.Errorf("a %s is accepted as a %s", b, a)
			}
		}
	}
}

func TestALaterTypeSaysUpdate(t *testing.T) {
	raw := rostertest.New(t).Files[roster.RosterPath(1)]
	_, err := roster.ParseDraft(replace(raw, "root-roster/v1", "root-roster/v2"))
	refused(t, err, roster.LayerRoster, "wrong type of document")
	var e *roster.Error
	if !errors.Is(err, roster.ErrUnknownType) || !errors.As(err, &e) || !strings.Contains(e.Hint(), "must be updated") {
		t.Errorf("got %v, wanted a hint to update", err)
	}
	_, err = roster.ParseIndex([]byte("release-index/v2 packages.example sample\n"), "packages.example", "sample")
	if !errors.Is(err, roster.ErrUnknownType) {
		t.Errorf("got %v, wanted ErrUnknownType", err)
	}
}

func TestDocumentsHaveASizeLimit(t *testing.T) {
	long := bytes.Repeat([]byte(" "), roster.MaxIndex+1)
	for name, d := range documents(t) {
		if err := d.parse(append(bytes.Clone(d.raw), long...)); err == nil || !strings.Contains(err.Error(), "too long") {
			t.Errorf("%s: got %v, wanted too long", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	docs := documents(f)
	for _, d := range docs {
		f.Add(d.raw)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := roster.ParseDraft(b); err == nil && !bytes.Equal(d.Bytes(), b) || err != nil && d != nil {
			t.Fatal("a roster is not its bytes")
		}
		if l, err := roster.ParseList(b); err == nil && !bytes.Equal(l.Bytes(), b) || err != nil && l != nil {
			t.Fatal("a list is not its bytes")
		}
		if m, err := roster.ParseManifest(b); err == nil && !bytes.Equal(m.Bytes(), b) || err != nil && m != nil {
			t.Fatal("a manifest is not its bytes")
		}
		_, _ = roster.RevocationRoster(b)
		x, err := roster.ParseIndex(b, rostertest.Repository, "sample")
		if err != nil {
			return
		}
		again, err := roster.NewIndex(rostertest.Repository, "sample")
		if err == nil {
			again, err = again.Append(x.Lines()...)
		}
		if err != nil || !bytes.Equal(again.Bytes(), b) {
			t.Fatalf("an index does not print back: %v", err)
		}
	})
}
