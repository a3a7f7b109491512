package change

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

var update = flag.Bool("update", false, "write the sentences that are found as those that are wanted")

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func holders(names ...string) []roster.Keyholder {
	var all []roster.Keyholder
	for _, p := range rostertest.People(names...) {
		all = append(all, roster.Keyholder{Name: p.Name, Key: roster.Key{PublicKey: p.Key}, Attestation: digest.Sum([]byte(p.Name)).String()})
	}
	return all
}

func online(role roster.Role, name string, from, to time.Time) roster.OnlineKey {
	return roster.OnlineKey{Role: role, Key: roster.Key{PublicKey: rostertest.Person(name).Key}, NotBefore: roster.At(from), Expires: roster.At(to)}
}

func genesis() roster.Root {
	return roster.Root{
		Repository: "packages.example", Version: 1, Issued: roster.At(start), Expires: roster.At(start.AddDate(1, 0, 0)), Threshold: 3,
		Keyholders: holders("Alice", "Bob", "Carol", "Dave", "Erin"), SnapshotLifetime: 24 * 60 * 60, Anchor: digest.Sum([]byte("empty")),
		OnlineKeys: []roster.OnlineKey{
			online(roster.RoleCountersign, "countersign-1", start, start.AddDate(2, 0, 0)),
			online(roster.RoleSnapshot, "snapshot-1", start, start.AddDate(2, 0, 0)),
		},
	}
}

// everything is a successor in which all changes that can.
func everything() roster.Root {
	r := genesis()
	r.Version, r.Issued, r.Expires = 2, roster.At(start.AddDate(1, 0, 3)), roster.At(start.AddDate(1, 11, 0))
	r.Threshold, r.SnapshotLifetime, r.SnapshotFloor = 2, 48*60*60, 100
	r.Keyholders = holders("Bob", "Carol", "Dave", "Frank")
	r.Keyholders[1].Key.PublicKey = rostertest.Person("Carol").Repacked().Key
	r.Keyholders[2].Attestation = roster.NoAttestation
	r.OnlineKeys = []roster.OnlineKey{
		online(roster.RoleCountersign, "countersign-2", start.AddDate(1, 0, 0), start.AddDate(3, 0, 0)),
		online(roster.RoleSnapshot, "snapshot-1", start, start.AddDate(3, 0, 0)),
	}
	r.Revoked = []roster.RevokedKey{
		{Key: genesis().OnlineKeys[0].Key, Reason: "read from the server's memory", At: r.Issued},
		{Key: genesis().Keyholders[0].Key, Reason: "card stolen", At: r.Issued},
		{Key: roster.Key{PublicKey: rostertest.Person("stranger").Key}, Reason: "said so", At: r.Issued},
	}
	r.Anchor = digest.Sum([]byte("map"))
	return r
}

func quiet() roster.Root {
	r := genesis()
	r.Version, r.Issued, r.Expires = 2, roster.At(start.AddDate(0, 10, 0)), roster.At(start.AddDate(1, 10, 0))
	return r
}

func stricter() roster.Root {
	r := quiet()
	r.Expires, r.Threshold, r.SnapshotLifetime = genesis().Expires, 4, 60*60
	r.Keyholders = append(r.Keyholders, holders("Frank")...)
	r.OnlineKeys[1].Role = roster.RoleCountersign
	return r
}

func shorter() roster.Root {
	r := quiet()
	r.Repository, r.Expires = "rehearsal.packages.example", roster.At(start.AddDate(0, 11, 0))
	r.Threshold = 1
	return r
}

// sooner lets one online key count for longer, and the other for less.
func sooner() roster.Root {
	r := quiet()
	r.OnlineKeys[0].Expires = roster.At(start.AddDate(3, 0, 0))
	r.OnlineKeys[1].Expires = roster.At(start.AddDate(1, 10, 0))
	return r
}

var anchored = Anchor{Map: digest.Sum([]byte("map")), Size: 1300, New: 1204, Succeeded: 17, Extended: 31,
	Overrides: []Name{{"demo", "list version 4 (aaaa) in place of version 3"}, {"other", "list version 2 (bbbb) in place of version 1"}},
	Refused:   []Name{{"stolen", "no succession leads here"}},
	Missing:   []Name{{Package: "gone"}},
	Postponed: []Name{{Package: "later"}},
}

// TestSentences compares the sentences with those in testdata, which people
// have read. They are what is heard before anybody signs.
func TestSentences(t *testing.T) {
	for name, got := range scenes() {
		golden(t, name, Texts(got))
		golden(t, name+".summary", Summary(got))
	}
	first := genesis()
	if got := Of(&first, everything(), &anchored); !slices.Equal(got, Texts(scenes()["everything"])) {
		t.Errorf("the lines are\n%s", strings.Join(got, "\n"))
	}
}

// scenes are the changes that people have read.
func scenes() map[string][]Sentence {
	first, last := genesis(), everything()
	forgetful := everything()
	forgetful.Version, forgetful.Revoked = 3, forgetful.Revoked[:1]
	sealed := []SealedKey{{roster.RoleCountersign, first.OnlineKeys[0].Key, 1, "in advance"}}
	return map[string][]Sentence{
		"genesis":    Between(nil, genesis(), nil),
		"alone":      Between(nil, everything(), nil),
		"quiet":      Between(&first, quiet(), nil),
		"everything": Between(&first, everything(), &anchored),
		"stricter":   Between(&first, stricter(), nil),
		"shorter":    Between(&first, shorter(), nil),
		"sooner":     Between(&first, sooner(), nil),
		"forgetful":  Between(&last, forgetful, nil),
		"opening":    Opening(first, sealed, "a theft", start),
		"destroying": Destruction(first, sealed, "a newer roster"),
		"abandoning": Abandonment(2, first.Anchor, 3, "a wrong name"),
	}
}

func golden(t *testing.T, name string, got []string) {
	t.Helper()
	file := "testdata/" + name + ".txt"
	text := strings.Join(got, "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s is\n%swant\n%s", name, text, want)
	}
}

// TestCapitals: whatever a sentence says in capitals deserves a second look by
// its class too, but for words that only say that nothing changes.
func TestCapitals(t *testing.T) {
	capitals := regexp.MustCompile(`\b(?:ADDS|[A-Z]{5,})\b`)
	for name, all := range scenes() {
		for i, s := range all {
			word := capitals.FindString(s.Text)
			counted := strings.HasPrefix(s.Text, "Anchor: ") // each has a sentence of its own
			if word != "" && !s.Risky() && !counted {
				t.Errorf("%s, line %d: %q has %s, and no class", name, i+1, s.Text, word)
			}
		}
	}
}

// TestRisks: the record has the number of each sentence that deserves a second
// look, once, and no others.
func TestRisks(t *testing.T) {
	all := scenes()["everything"]
	seen := make(map[int]int)
	for c, at := range Risks(all) {
		for _, n := range at {
			if !slices.Contains(all[n-1].Classes, c) {
				t.Errorf("line %d is noted as %s, and is %v", n, c, all[n-1].Classes)
			}
			seen[n]++
		}
	}
	for i, s := range all {
		if seen[i+1] != len(s.Classes) {
			t.Errorf("line %d is noted %d times, and is %v", i+1, seen[i+1], s.Classes)
		}
	}
	for _, c := range []Class{Overrides, Lowers, Unattested, Revokes, Removes, Replaces, Adds, Expires, Changes, Withholds} {
		if len(Risks(all)[c]) == 0 {
			t.Errorf("nothing is %s where everything changes", c)
		}
	}
	if got := Summary([]Sentence{{Text: "one"}, {Text: "two"}}); !slices.Equal(got, []string{"2 sentences. All are routine."}) {
		t.Errorf("summary is %q", got)
	}
}

// TestOneLineEach: no sentence can pass for two.
func TestOneLineEach(t *testing.T) {
	first := genesis()
	for _, s := range Of(&first, everything(), &anchored) {
		if strings.ContainsAny(s, "\n\r") {
			t.Errorf("sentence %q has more than one line", s)
		}
	}
}

func TestDigest(t *testing.T) {
	lines := Digest(digest.Sum([]byte("abc")))
	if len(lines) != 5 || lines[0] != "SHA-256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" || len(strings.Fields(lines[4])) != 8 {
		t.Errorf("lines are %q", lines)
	}
}

func TestSeconds(t *testing.T) {
	for n, want := range map[uint64]string{1: "1s", 60: "1m", 90: "1m30s", 600: "10m", 3600: "1h", 3660: "1h1m", 3601: "1h0m1s", 36000: "10h", 7 * 24 * 3600: "168h"} {
		if got := seconds(n); got != want {
			t.Errorf("%d seconds are %q, want %q", n, got, want)
		}
	}
}
