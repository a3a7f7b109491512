package roster_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

var ctx = context.Background()

// refused checks that err is a refusal in the layer whose message has the
// words, and that it is not stale.
func refused(t *testing.T, err error, layer roster.Layer, words string) {
	t.Helper()
	check(t, err, layer, words, 3)
}

// stale checks the same of an error that says: freshness cannot be established.
func stale(t *testing.T, err error, layer roster.Layer, words string) {
	t.Helper()
	check(t, err, layer, words, 4)
}

func check(t *testing.T, err error, layer roster.Layer, words string, code int) {
	t.Helper()
	var e *roster.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, wanted a refusal by the %s: %s", err, layer, words)
	}
	if e.Layer != layer || !strings.Contains(e.Error(), words) || e.ExitCode() != code {
		t.Fatalf("got (%s, exit %d) %v\nwanted (%s, exit %d) %q", e.Layer, e.ExitCode(), e, layer, code, words)
	}
}

func accepted(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func person(name string) *rostertest.Signer   { return rostertest.Person(name) }
func people(n ...string) []*rostertest.Signer { return rostertest.People(n...) }
func key(s *rostertest.Signer) roster.Key     { return roster.Key{PublicKey: s.Key} }
func ref(d digest.Digest) roster.Ref          { return roster.Ref{Digest: d} }
func replace(b []byte, old, new string) []byte {
	return []byte(strings.Replace(string(b), old, new, 1))
}
