package main

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

// A steady signer makes the same signature each time (RFC 6979).
type steady struct{ crypto.Signer }

func (s steady) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.Signer.Sign(nil, digest, opts)
}

var steadied sync.Map

// person is rostertest's, with a steady hand.
func person(name string) *rostertest.Signer {
	s := rostertest.Person(name)
	once, _ := steadied.LoadOrStore(name, &sync.Once{})
	once.(*sync.Once).Do(func() {
		if _, ok := s.Private.(steady); !ok {
			s.Private = steady{s.Private}
		}
	})
	return s
}

func people(names ...string) []*rostertest.Signer {
	var all []*rostertest.Signer
	for _, n := range names {
		all = append(all, person(n))
	}
	return all
}

// stop is what an index reports to: the generator has no other way out.
type stop struct{}

func (stop) Helper()                   {}
func (stop) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (stop) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

// newIndex is rostertest's, signed with steady hands.
func newIndex() *rostertest.Index {
	people("Alice", "Bob", "Carol", "Mallory", "Dave", "Erin", "Frank", "countersign-1", "countersign-2", "snapshot-1", "snapshot-2")
	return rostertest.New(stop{})
}

func key(s *rostertest.Signer) roster.Key { return roster.Key{PublicKey: s.Key} }

func keyText(name string) string {
	return base64.StdEncoding.EncodeToString(person(name).Key.Packet())
}

// padded is a key packet whose base64 needs padding, and spare the same with
// bits set that the padding leaves over.
func padded() (text, spare string) {
	text = base64.StdEncoding.EncodeToString(corpusKeys()["dave"])
	cut := strings.TrimRight(text, "=")
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := strings.IndexByte(alphabet, cut[len(cut)-1])
	return text, cut[:len(cut)-1] + alphabet[last+1:last+2] + text[len(cut):]
}

// show prints a document as the specification says, whatever it holds.
func show(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
