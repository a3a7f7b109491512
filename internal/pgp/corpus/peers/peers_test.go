package peers

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/rootward/rootward/internal/pgp/corpus"
)

func record(t *testing.T) *Record {
	t.Helper()
	text, err := os.ReadFile("testdata/record.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := ParseRecord(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The committed page is what the cases, Rootward's verifier and the record say.
func TestTable(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/openpgp-corpus.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, Table(record(t))) {
		t.Error("docs/openpgp-corpus.md is not what the corpus says now; run: go run ./tools/pgpcorpus table")
	}
}

// The record has every case, and nothing else.
func TestRecordIsWhole(t *testing.T) {
	r := record(t)
	cases, all := corpus.All(), corpus.Families()
	if len(r.Cases) != len(cases) || len(r.Families) != len(all) {
		t.Errorf("record has %d cases and %d families, want %d and %d", len(r.Cases), len(r.Families), len(cases), len(all))
	}
	for _, c := range cases {
		for i, short := range r.Cases[c.Name] {
			if short == "" && (c.Kept() || i > 1) {
				t.Errorf("%s: nothing recorded of %s", c.Name, Names[i])
			}
		}
	}
	for _, f := range all {
		for i, letters := range r.Families[f.Name] {
			if i > 1 && len(letters) != len(f.Variants) {
				t.Errorf("%s: %d outcomes recorded of %s, want %d", f.Name, len(letters), Names[i], len(f.Variants))
			}
		}
	}
}

// go-crypto's two verifiers, and gpg and sqv where they are those of the record,
// do what the record says. gpg and sqv are asked about every case that is kept
// whole; go-crypto about every fourth variant of the families too.
func TestOthersAsRecorded(t *testing.T) {
	r := record(t)
	for _, name := range []string{"gpg", "sqv"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed", name)
			}
			t.Skipf("%s is not installed", name)
		}
	}
	dir, err := os.MkdirTemp("", "pgp") // gpg's sockets want a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := NewPrograms(dir)
	gpg, sqv := p.Versions()
	asked := [4]bool{gpg == r.GPG, sqv == r.Sqv, true, true}
	for i, found := range []string{gpg, sqv} {
		if !asked[i] {
			t.Logf("%s is %q, the record's is %q: not compared", Names[i], found, []string{r.GPG, r.Sqv}[i])
		}
	}
	compare := func(c corpus.Case, p *Programs, want Row, letters bool) {
		got, err := Others(p, c)
		if err != nil {
			t.Fatal(err)
		}
		if letters {
			got = got.Letters()
		}
		for i := range Names {
			if asked[i] && got[i] != "" && got[i] != want[i] {
				t.Errorf("%s: %s says %q, the record %q; run: go run ./tools/pgpcorpus record", c.Name, Names[i], got[i], want[i])
			}
		}
	}
	for _, c := range corpus.All() {
		asked := p
		if !c.Kept() {
			asked = nil
		}
		compare(c, asked, r.Cases[c.Name], false)
	}
	for _, f := range corpus.Families() {
		for at, c := range f.Variants {
			want := Row{2: r.Families[f.Name][2][at : at+1], 3: r.Families[f.Name][3][at : at+1]}
			if at%4 == 0 {
				compare(c, nil, want, true)
			}
		}
	}
}
