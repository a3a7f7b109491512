// Package peers asks verifiers what they do with the cases of the corpus:
// Rootward's own, go-crypto's two, gpg and sqv. It serves the tests and the table
// in docs/openpgp-corpus.md; no program that people run links it, and least of
// all go-crypto's version 1 verifier.
package peers

import (
	"fmt"
	"strings"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/pgp/corpus"
)

// An Outcome is what a verifier did with a case.
type Outcome struct {
	Verdict corpus.Verdict
	// Count is the number of good signatures that it reports, if Verdict is
	// Accept. A verifier that stops at the first good one reports 1.
	Count int
	// Detail is what it said, for people.
	Detail string
	// Keys are the ids of the keys that signed; only Rootward's verifier gives them.
	Keys []pgp.KeyID
}

// Short returns the verdict in one word: "accept", with the count if it is not 1,
// "ignore" or "refuse".
func (o Outcome) Short() string {
	if o.Verdict == corpus.Accept && o.Count != 1 {
		return fmt.Sprintf("accept %d", o.Count)
	}
	return string(o.Verdict)
}

// Rootward judges c as a program of Rootward's would: each key must parse, then
// the file, then [pgp.SignatureFile.Verify] says who signed.
func Rootward(c corpus.Case) Outcome {
	var keys []*pgp.PublicKey
	for _, k := range c.Keys {
		key, err := pgp.ParsePublicKey(k.Packet)
		if err != nil {
			return Outcome{Verdict: corpus.Refuse, Detail: err.Error()}
		}
		keys = append(keys, key)
	}
	file, err := pgp.ParseSignatures(c.File)
	if err != nil {
		return Outcome{Verdict: corpus.Refuse, Detail: err.Error()}
	}
	ids, err := file.Verify(c.Document, keys)
	switch {
	case err != nil:
		return Outcome{Verdict: corpus.Refuse, Detail: err.Error()}
	case len(ids) == 0:
		return Outcome{Verdict: corpus.Ignore, Detail: "none of the keys asked for has signed"}
	}
	var names []string
	for _, id := range ids {
		names = append(names, id.String())
	}
	return Outcome{Verdict: corpus.Accept, Count: len(ids), Detail: "signed by " + strings.Join(names, ", "), Keys: ids}
}
