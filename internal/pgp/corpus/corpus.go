// Package corpus makes hostile OpenPGP signature files, and says of each what a
// verifier of Rootward's must do with it and why.
//
// Everything comes from seeds in this package: the same bytes each time, on each
// machine. Where it can be, a case is cryptographically good and odd in one
// thing only, so that nothing but the check of that thing refuses it.
//
// The package knows nothing of Rootward's own parser, and shares no code with
// it. [All] returns the single cases; [Families] those that are one file changed
// at each of many places. The same cases stand as files in testdata, for
// verifiers in other languages: see [Case.Text] and testdata/README.md.
package corpus

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A Verdict is what a verifier does with a signature file, given a document and
// the keys that it asks for.
type Verdict string

// The verdicts.
const (
	Accept Verdict = "accept" // some of the keys asked for have signed
	Ignore Verdict = "ignore" // the file is well-formed, and none of the keys asked for has signed
	Refuse Verdict = "refuse" // the file, or a key that is asked for, is not acceptable
)

// A Case is one signature file with all that a verifier needs.
type Case struct {
	Name   string // unique, of lower-case words and dashes
	Class  string
	Expect Verdict
	// Signers are the keys that count, if Expect is Accept.
	Signers []*Key
	// Reason is a part of the words in which internal/pgp refuses.
	Reason string
	Why    string // the promise behind Expect
	Source string // CVE, section, or where the class was seen

	Document []byte
	Keys     []*Key // those asked for
	// Others have certificates that a keyring holds beside those of Keys.
	Others []*Key
	// File is the signature file.
	File []byte
}

// A Family is a case and many variants of its file, each with one change.
type Family struct {
	Name, Class string
	Base        Case // as it is before the change
	Variants    []Case
}

// fileLimit is the largest signature file that is kept in testdata.
const fileLimit = 16 << 10

// Kept says whether testdata holds the case whole, or by its digest alone.
func (c Case) Kept() bool { return len(c.File) <= fileLimit && len(c.Document) <= fileLimit }

// Text returns the case as testdata keeps it: a header of "name: value" lines,
// an empty line, and the exact bytes of the signature file.
//
// The lines are class, expect, reason (of a refusal), why, source, document (in
// base64), and for each key asked for, in order, key: the person's name and the
// key packet in base64, with the word "counts" if it must be among the signers.
// A file over 16 KiB is left out; its size and SHA-256 stand in the line omitted.
func (c Case) Text() []byte {
	var out bytes.Buffer
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&out, "%s: %s\n", name, value)
		}
	}
	line("class", c.Class)
	line("expect", string(c.Expect))
	line("reason", c.Reason)
	line("why", c.Why)
	line("source", c.Source)
	if len(c.Document) <= fileLimit {
		fmt.Fprintf(&out, "document: %s\n", base64.StdEncoding.EncodeToString(c.Document))
	} else {
		line("document-omitted", fmt.Sprintf("%d bytes, SHA-256 %x", len(c.Document), sha256.Sum256(c.Document)))
	}
	for _, k := range c.Keys {
		counts := ""
		if slices.Contains(c.Signers, k) {
			counts = " counts"
		}
		line("key", k.Name+" "+base64.StdEncoding.EncodeToString(k.Packet)+counts)
	}
	if len(c.File) > fileLimit {
		line("omitted", fmt.Sprintf("%d bytes, SHA-256 %x", len(c.File), sha256.Sum256(c.File)))
		return out.Bytes()
	}
	out.WriteByte('\n')
	out.Write(c.File)
	return out.Bytes()
}

// All returns every single case, ordered by class and then as the class tells
// its story. Callers must not change what it returns.
func All() []Case { return all().cases }

// Families returns the families.
func Families() []Family { return all().families }

// all makes the corpus once.
var all = sync.OnceValue(func() *maker {
	m := newMaker()
	for _, class := range []func(*maker){
		(*maker).honest, (*maker).wrongSigner, (*maker).duplicates, (*maker).people, (*maker).keyIDs,
		(*maker).ecdsaNumbers, (*maker).otherNumbers, (*maker).types, (*maker).textMode, (*maker).hashes,
		(*maker).hashedArea, (*maker).unhashedArea, (*maker).criticals, (*maker).areas, (*maker).dates,
		(*maker).versions, (*maker).algorithms, (*maker).weakKeys, (*maker).certificates,
		(*maker).lengths, (*maker).besides, (*maker).armourFrame, (*maker).armourHeaders, (*maker).armourBody,
		(*maker).notDetached, (*maker).sizes,
	} {
		class(m)
	}
	m.makeFamilies()
	return m
})

// A maker gathers cases.
type maker struct {
	cases         []Case
	families      []Family
	class, source string
	document      []byte

	// The cast: four keyholders whom every case asks for unless it says
	// otherwise, and one whose certificate is known but who is not asked for.
	alice, bob, carol, dave, mallory *Key
}

func newMaker() *maker {
	m := &maker{document: []byte("These files are example 1.0.\nThey are what they are.\n")}
	m.alice, m.bob = ed25519Key("alice", "alice"), rsaKey("bob", "rsa2048", 65537)
	m.carol = ecdsaKey("carol", "carol", p256, oidP256)
	m.dave = ecdsaKey("dave", "dave", p384, oidP384)
	m.mallory = ed25519Key("mallory", "mallory")
	return m
}

func (m *maker) begin(class, source string) { m.class, m.source = class, source }

// add fills in what c leaves out and keeps it.
func (m *maker) add(c Case) {
	c.Class, c.Source = cmp.Or(c.Class, m.class), cmp.Or(c.Source, m.source)
	if c.Document == nil {
		c.Document = m.document
	}
	if c.Keys == nil {
		c.Keys, c.Others = []*Key{m.alice, m.bob, m.carol, m.dave}, append(c.Others, m.mallory)
	}
	if strings.ContainsAny(c.Why+c.Source+c.Reason, "\n|") || c.Why == "" || c.Source == "" {
		panic(fmt.Sprintf("case %q: why, source or reason does not fit a line of a table", c.Name))
	}
	m.cases = append(m.cases, c)
}

// accept adds a case that counts signers.
func (m *maker) accept(name, why string, file []byte, signers ...*Key) {
	m.add(Case{Name: name, Expect: Accept, Why: why, File: file, Signers: signers})
}

// ignore adds a case in which nobody counts.
func (m *maker) ignore(name, why string, file []byte) {
	m.add(Case{Name: name, Expect: Ignore, Why: why, File: file})
}

// refuse adds a case that is refused in words that hold reason.
func (m *maker) refuse(name, reason, why string, file []byte) {
	m.add(Case{Name: name, Expect: Refuse, Reason: reason, Why: why, File: file})
}

// honest returns key's forgery and file over the usual document.
func (m *maker) sign(key *Key) []byte { return honest(key).packet(m.document) }

// spoiled returns the file of key's signature with one thing changed.
func (m *maker) spoiled(key *Key, edit func(*forgery)) []byte {
	f := honest(key)
	edit(&f)
	return f.file(m.document)
}
