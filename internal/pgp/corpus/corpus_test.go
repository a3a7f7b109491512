package corpus_test

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/pgp/corpus"
	"github.com/rootward/rootward/internal/pgp/corpus/peers"
	"github.com/rootward/rootward/threshold"
)

// Each case ends as it says, for the reason it gives, with exactly the signers
// it names.
func TestVerdicts(t *testing.T) {
	for _, c := range corpus.All() {
		t.Run(c.Name, func(t *testing.T) { check(t, c, peers.Rootward(c)) })
	}
}

func check(t *testing.T, c corpus.Case, got peers.Outcome) {
	t.Helper()
	if got.Verdict != c.Expect {
		t.Fatalf("%s: verdict is %s (%s), want %s: %s", c.Name, got.Verdict, got.Detail, c.Expect, c.Why)
	}
	if !strings.Contains(got.Detail, c.Reason) {
		t.Errorf("%s: refused with %q, want a word on %q", c.Name, got.Detail, c.Reason)
	}
	var want []pgp.KeyID
	for _, k := range c.Signers {
		want = append(want, sha256.Sum256(k.Packet))
	}
	slices.SortFunc(want, func(a, b pgp.KeyID) int { return bytes.Compare(a[:], b[:]) })
	if !slices.Equal(got.Keys, want) {
		t.Errorf("%s: signed by %v, want %v", c.Name, got.Keys, want)
	}
}

// So does each variant of each family.
func TestFamilies(t *testing.T) {
	for _, f := range corpus.Families() {
		t.Run(f.Name, func(t *testing.T) {
			check(t, f.Base, peers.Rootward(f.Base))
			for _, c := range f.Variants {
				if bytes.Equal(c.File, f.Base.File) {
					t.Errorf("%s changes nothing", c.Name)
				}
				check(t, c, peers.Rootward(c))
			}
		})
	}
}

// What has been changed or refused never speaks for a document that nobody signed.
func TestAnotherDocument(t *testing.T) {
	cases := corpus.All()
	for _, f := range corpus.Families() {
		cases = append(cases, f.Variants...)
	}
	for _, c := range cases {
		c.Document = []byte("Nobody has signed this.\n")
		if got := peers.Rootward(c); got.Verdict == corpus.Accept {
			t.Errorf("%s: accepted for a document that nobody signed", c.Name)
		}
	}
}

// Every case is named once, says what it is about, and gives a reason exactly if
// it is refused; every class of refusals has a twin that is not refused, or
// shares the twins of the class "honest".
func TestCasesSayWhy(t *testing.T) {
	name := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	seen, files := map[string]bool{}, map[string]string{}
	verdicts := map[corpus.Verdict]int{}
	for _, c := range corpus.All() {
		if !name.MatchString(c.Name) || seen[c.Name] {
			t.Errorf("name %q is taken or not of lower-case words", c.Name)
		}
		seen[c.Name] = true
		verdicts[c.Expect]++
		if (c.Expect == corpus.Refuse) != (c.Reason != "") || (c.Expect == corpus.Accept) != (len(c.Signers) > 0) {
			t.Errorf("%s: %s with the reason %q and %d signers", c.Name, c.Expect, c.Reason, len(c.Signers))
		}
		for _, k := range c.Signers {
			if !slices.Contains(c.Keys, k) {
				t.Errorf("%s: signer %s was not asked for", c.Name, k.Name)
			}
		}
		var keys []string
		for _, k := range c.Keys {
			keys = append(keys, string(k.Packet), string(k.Certificate))
		}
		keys = append(keys, "others")
		for _, k := range c.Others {
			keys = append(keys, string(k.Certificate))
		}
		whole := string(c.File) + "\x00" + string(c.Document) + "\x00" + strings.Join(keys, "")
		if other := files[whole]; other != "" {
			t.Errorf("%s and %s are one case", c.Name, other)
		}
		files[whole] = c.Name
	}
	for _, v := range []corpus.Verdict{corpus.Accept, corpus.Ignore, corpus.Refuse} {
		if verdicts[v] == 0 {
			t.Errorf("no case expects %s", v)
		}
	}
	t.Logf("%d cases: %v", len(seen), slices.Sorted(maps.Keys(verdicts)))
}

// Two keys that signed are one person to a threshold, if it is one person's.
func TestTwoKeysOfOnePerson(t *testing.T) {
	c := named(t, "two-keys-of-one-person")
	got := peers.Rootward(c)
	var people []threshold.Person
	var signed []threshold.Key
	for _, k := range c.Keys {
		key, err := pgp.ParsePublicKey(k.Packet)
		if err != nil {
			t.Fatal(err)
		}
		material := threshold.Key(key.Material())
		if slices.Contains(got.Keys, key.ID()) {
			signed = append(signed, material)
		}
		at := slices.IndexFunc(people, func(p threshold.Person) bool { return p.Name == k.Name })
		if at < 0 {
			people = append(people, threshold.Person{Name: k.Name, Keys: []threshold.Key{material}})
			continue
		}
		people[at].Keys = append(people[at].Keys, material)
	}
	if len(signed) != 2 || len(people) != 2 {
		t.Fatalf("%d keys signed and there are %d people, want 2 and 2", len(signed), len(people))
	}
	for m, enough := range map[int]bool{1: true, 2: false} {
		policy, err := threshold.New(m, people)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := policy.Approve(sha256.Sum256(c.Document), signed, nil); (err == nil) != enough {
			t.Errorf("%d of 2 people: %v, want approval to be %v", m, err, enough)
		}
	}
}

func named(t testing.TB, name string) corpus.Case {
	t.Helper()
	for _, c := range corpus.All() {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no case is named %q", name)
	return corpus.Case{}
}

// The pair of keys really shares its 64-bit key id, and nothing more.
func TestCollidingKeys(t *testing.T) {
	c := named(t, "same-key-id-both-sign")
	a, b := c.Keys[0].Fingerprint(), c.Keys[1].Fingerprint()
	if a == b || !bytes.Equal(a[12:], b[12:]) {
		t.Errorf("fingerprints are %X and %X, want one key id", a, b)
	}
}
