package conformance

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// The maps that are built here from the specification's text are those of
// package tree, file by file.
func TestMapMaker(t *testing.T) {
	for _, n := range []int{0, 1, 64, 65, 2000} {
		var leaves []tree.Leaf
		var lines []leafLine
		for _, name := range fillers(n) {
			l := tree.Leaf{Name: name, Status: tree.Active, IndexLength: 44, Index: digest.Sum([]byte(name))}
			leaves, lines = append(leaves, l), append(lines, leafLine{name, l.String()})
		}
		want, got := make(map[digest.Digest]string), make(map[digest.Digest]string)
		root, _, err := tree.Build(leaves, func(d digest.Digest, file []byte) error { want[d] = string(file); return nil })
		if err != nil {
			t.Fatal(err)
		}
		m := mapMaker{put: func(d digest.Digest, text string) { got[d] = text }}
		if m.subtree(lines, "") != root || !maps.Equal(got, want) {
			t.Errorf("of %d leaves: the two maps differ", n)
		}
	}
}

// What is printed and signed here without a flaw is what honest programs
// print and accept.
func TestHonestPrints(t *testing.T) {
	x := rostertest.New(t)
	if !bytes.Equal(Print(x.Root), x.Files[roster.RosterPath(1)]) {
		t.Error("a roster is printed otherwise than by package roster")
	}
	l := x.Claim(sample, dave)
	if !bytes.Equal(Print(l.Content()), l.Bytes()) {
		t.Error("a list is printed otherwise than by package roster")
	}
	document := []byte("a document\n")
	f, err := pgp.ParseSignatures(honest(dave).file(dave, document))
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := f.Verify(document, []*pgp.PublicKey{dave.Key}); err != nil || len(ids) != 1 {
		t.Errorf("a signature made by hand gives %v, %v; want one signer", ids, err)
	}
	both := joined(rostertest.Sign(t, document, alice), rostertest.Sign(t, document, bob))
	if f, err = pgp.ParseSignatures(both); err != nil || f.Len() != 2 {
		t.Errorf("two signature files joined give %v; want two signatures", err)
	}
}

// Each repository is served below a prefix of its own, with a log of its own.
func TestServer(t *testing.T) {
	s := newSuite(t, client)
	failure := s.Run(Case{Name: "TEST: serve", Play: func(st *Stage) {
		a, b := st.Open(), st.Open()
		a.Put("latest", []byte("1\n"))
		b.Answer["latest"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }
		a.serve()
		b.serve()
		for _, c := range []struct {
			url, body string
			code      int
		}{{a.URL + "/latest", "1\n", 200}, {a.URL + "/absent%2Bx", "", 404}, {b.URL + "/latest", "", 418}} {
			resp, err := http.Get(c.url)
			if err != nil {
				st.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != c.code || c.body != "" && string(body) != c.body {
				st.Fatalf("%s answers %d %q; wanted %d %q", c.url, resp.StatusCode, body, c.code, c.body)
			}
		}
		log := a.takeLog()
		if len(log) != 2 || log[1] != (Request{"absent+x", "absent%2Bx", 404}) || len(b.takeLog()) != 1 || len(a.takeLog()) != 0 {
			st.Fatalf("the logs are wrong: %v", log)
		}
	}})
	if failure != "" {
		t.Error(failure)
	}
}

// A case that breaks the suite itself is a failure and not a promise kept.
func TestBrokenCase(t *testing.T) {
	s := newSuite(t, client)
	for name, play := range map[string]func(*Stage){
		"panics":            func(*Stage) { panic("oh") },
		"fails":             func(s *Stage) { s.Fatal("oh") },
		"cannot be started": func(st *Stage) { st.suite = newSuite(t, "/nobody"); st.Open().Stranger().Init(1) },
	} {
		if failure := s.Run(Case{Name: "TEST: " + name, Play: play}); failure == "" {
			t.Errorf("a case that %s is passed", name)
		}
	}
}

// Names say which rule they are about. Each rule that a client must keep has
// a case, but for those that no black box can show.
func TestEveryRuleHasACase(t *testing.T) {
	spec, err := os.ReadFile("../../docs/spec.md")
	if err != nil {
		t.Fatal(err)
	}
	rules := make(map[string]int)
	for _, m := range regexp.MustCompile(`(?m)^- \*\*([A-Z]+-\d+)\*\*`).FindAllStringSubmatch(string(spec), -1) {
		rules[m[1]] = 0
	}
	names := make(map[string]bool)
	for _, c := range Cases() {
		if names[c.Name] {
			t.Errorf("two cases are named %q", c.Name)
		}
		names[c.Name] = true
		if _, ok := rules[c.Rule()]; !ok && c.Rule() != "TABLE" {
			t.Errorf("%q is about no rule of the specification", c.Name)
		}
		rules[c.Rule()]++
	}
	if len(names) < 200 {
		t.Errorf("%d cases, wanted at least 200", len(names))
	}
	without := map[string]string{
		"SIG-8": "two packets with one SHA-1 fingerprint are beyond us",
		"MAP-8": "only who reads a whole map sees it",
		"CLI-5": "every case that wants a refusal shows it",
	}
	for rule, n := range rules {
		family, _, _ := strings.Cut(rule, "-")
		if n > 0 || slices.Contains([]string{"ANCHOR", "HANDOVER"}, family) || without[rule] != "" {
			continue
		}
		t.Errorf("no case is about rule %s", rule)
	}
}

func TestKnownFailuresAreStrict(t *testing.T) {
	file := filepath.Join(t.TempDir(), "client.xfails")
	if err := os.WriteFile(file, []byte("# why\n\nA-1: one\nA-2: two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	known, err := LoadKnown(file)
	if err != nil || len(known) != 2 {
		t.Fatalf("got %v, %v; want two names", known, err)
	}
	for _, c := range []struct {
		name, failure string
		failed        bool
	}{{"A-1: one", "broken", false}, {"A-2: two", "", true}, {"A-3: three", "broken", true}, {"A-4: four", "", false}} {
		if verdict, failed := known.Judge(Case{Name: c.name}, c.failure); failed != c.failed {
			t.Errorf("%s with the failure %q: %s; want failed %v", c.name, c.failure, verdict, c.failed)
		}
	}
	if err := known.Unknown([]Case{{Name: "A-1: one"}}); err == nil || !strings.Contains(err.Error(), "A-2: two") {
		t.Errorf("got %v, want the name that is no case's", err)
	}
	if none, err := LoadKnown(filepath.Join(t.TempDir(), "absent")); err != nil || len(none) != 0 {
		t.Errorf("a file that is not there: %v, %v", none, err)
	}
}

func Example() {
	c := Cases()[0]
	fmt.Println(c.Name)
	fmt.Println(c.Rule())
	// Output:
	// CLI-1: init makes no request
	// CLI-1
}
