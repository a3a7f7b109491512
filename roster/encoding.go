package roster

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster/digest"
)

// MaxNumber is the largest version, length or size in a document: 2^53-1, so
// that every JSON reader agrees about it.
const MaxNumber = 1<<53 - 1

// Limits on the documents, in bytes. What is longer is not read.
const (
	MaxRoster        = 512 << 10
	MaxRevocation    = 8 << 10
	MaxSnapshot      = 64 << 10
	MaxLatest        = 17
	MaxIndex         = 16 << 20
	MaxList          = 256 << 10
	MaxManifest      = 512 << 10
	MaxAttestation   = 32 << 10
	MaxSignatureFile = pgp.MaxSignatureFile
)

// Signed is a document's bytes and those of its signature file, as fetched:
// nothing is known of them.
type Signed struct{ Document, Signatures []byte }

// A Time is a moment in UTC, to the second, written as RFC 3339 with a Z.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05Z"

// At returns t in UTC, cut to the second.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Second)} }

func (t Time) String() string { return t.UTC().Format(timeLayout) }

// MarshalText writes the one spelling of t.
func (t Time) MarshalText() ([]byte, error) {
	if y := t.UTC().Year(); y < 1970 || y > 9999 {
		return nil, fmt.Errorf("time %s: year %d, wanted 1970 to 9999", t.Time, y)
	}
	return []byte(t.String()), nil
}

// UnmarshalText reads it.
func (t *Time) UnmarshalText(b []byte) error {
	v, err := time.Parse(timeLayout, string(b))
	if err != nil {
		return fmt.Errorf("time %q, wanted the form %q in UTC", b, timeLayout)
	}
	t.Time = v
	return nil
}

// MarshalJSON is MarshalText in quotes. It hides that of [time.Time], which
// would let offsets and fractions of a second through.
func (t Time) MarshalJSON() ([]byte, error) {
	text, err := t.MarshalText()
	if err != nil {
		return nil, err
	}
	return json.Marshal(string(text))
}

// UnmarshalJSON reads it.
func (t *Time) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("time %s, wanted a string of the form %q in UTC", b, timeLayout)
	}
	return t.UnmarshalText([]byte(text))
}

// A Ref is a digest that may be absent: the empty string in a document.
type Ref struct{ digest.Digest }

// MarshalText writes the digest in lower-case hex, or nothing.
func (r Ref) MarshalText() ([]byte, error) {
	if r.IsZero() {
		return []byte{}, nil
	}
	return r.Digest.MarshalText()
}

// UnmarshalText reads it.
func (r *Ref) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*r = Ref{}
		return nil
	}
	return r.Digest.UnmarshalText(b)
}

// A Key is a public key in a document: the exact v4 packet, in base64.
type Key struct{ *pgp.PublicKey }

// MarshalText writes the packet in padded standard base64.
func (k Key) MarshalText() ([]byte, error) {
	if k.PublicKey == nil {
		return nil, fmt.Errorf("a key is missing")
	}
	return []byte(base64.StdEncoding.EncodeToString(k.Packet())), nil
}

// UnmarshalText reads it.
func (k *Key) UnmarshalText(b []byte) error {
	packet, err := base64.StdEncoding.Strict().DecodeString(string(b))
	if err != nil {
		return fmt.Errorf("a key is not base64: %w", err)
	}
	k.PublicKey, err = pgp.ParsePublicKey(packet)
	return err
}

// A form is one kind of document: its type, its largest size, and what a
// reader calls it.
type form struct {
	kind  string
	limit int
	layer Layer
}

// parse decodes doc into v, whose type must be form's kind, and refuses what
// does not print back to the same bytes.
func (f form) parse(subject string, doc []byte, v any) error {
	if len(doc) > f.limit {
		return refuse(f.layer, subject, "the document is too long").found("%d bytes", len(doc)).want("at most %d", f.limit)
	}
	if !utf8.Valid(doc) {
		return refuse(f.layer, subject, "the document is not UTF-8")
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(doc, &head); err != nil {
		return refuse(f.layer, subject, "the document is not JSON").because(err)
	}
	if head.Type != f.kind {
		return f.wrongType(subject, head.Type)
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return refuse(f.layer, subject, "the document is malformed").because(err)
	}
	again, err := encode(v)
	if err != nil {
		return refuse(f.layer, subject, "the document is malformed").because(err)
	}
	if !bytes.Equal(again, doc) {
		return refuse(f.layer, subject, "the document is not in its one encoding").
			found("a difference at byte %d", difference(again, doc)).
			do("fetch it again; if it stays so, whoever made it did not use this format's encoder")
	}
	return nil
}

func (f form) wrongType(subject, found string) error {
	e := refuse(f.layer, subject, "wrong type of document").found("%q", found).want("%q", f.kind)
	name, _, _ := strings.Cut(f.kind, "/")
	if strings.HasPrefix(found, name+"/") {
		e.Err = ErrUnknownType
		e.Do = "this program must be updated: it does not know this version of the format"
	}
	return e
}

func difference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// encode prints v in the one encoding of documents: two spaces of indent, the
// fields in their order, only the escapes that JSON demands, a final newline.
// It is what Python prints with json.dumps(v, indent=2, ensure_ascii=False).
func encode(v any) ([]byte, error) {
	fillLists(reflect.ValueOf(v).Elem())
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// fillLists makes every nil list an empty one, so that null is never printed
// and a document that says null does not print back to its bytes.
func fillLists(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type().Field(i).Type != reflect.TypeFor[*pgp.PublicKey]() {
				fillLists(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.IsNil() && v.CanSet() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			fillLists(v.Index(i))
		}
	}
}
