package peers

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sync/errgroup"

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

// The record has what each verifier did with every case and every variant, and
// nothing else.
func TestRecordIsWhole(t *testing.T) {
	r := record(t)
	cases, all := corpus.All(), corpus.Families()
	if len(r.Cases) != len(cases) || len(r.Families) != len(all) {
		t.Errorf("record has %d cases and %d families, want %d and %d", len(r.Cases), len(r.Families), len(cases), len(all))
	}
	for _, c := range cases {
		for i, short := range r.Cases[c.Name] {
			if short == "" {
				t.Errorf("%s: nothing recorded of %s", c.Name, Names[i])
			}
		}
	}
	for _, f := range all {
		for i, letters := range r.Families[f.Name] {
			if len(letters) != len(f.Variants) {
				t.Errorf("%s: %d outcomes recorded of %s, want %d", f.Name, len(letters), Names[i], len(f.Variants))
			}
		}
	}
}

// installed returns the programs, and which of [Names] are those of the record.
func installed(t *testing.T, r *Record) (p *Programs, asked [4]bool) {
	t.Helper()
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
	p = NewPrograms(dir)
	gpg, sqv := p.Versions()
	for i, found := range []string{gpg, sqv} {
		if want := []string{r.GPG, r.Sqv}[i]; found != want {
			t.Logf("%s is %q, the record's is %q: not compared", Names[i], found, want)
		}
	}
	return p, [4]bool{gpg == r.GPG, sqv == r.Sqv, true, true}
}

// go-crypto's two verifiers, and gpg and sqv where they are those of the record,
// do what the record says: go-crypto with every case and every fourth variant,
// gpg and sqv with a sample of what is kept whole, because each answer is a
// process.
func TestOthersAsRecorded(t *testing.T) {
	r := record(t)
	p, asked := installed(t, r)
	var group errgroup.Group
	group.SetLimit(4)
	compare := func(c corpus.Case, p *Programs, want Row, letters bool) {
		group.Go(func() error {
			got, err := Others(p, c)
			if err != nil {
				return err
			}
			if letters {
				got = got.Letters()
			}
			for i := range Names {
				if asked[i] && got[i] != "" && got[i] != want[i] {
					t.Errorf("%s: %s says %q, the record %q; run: go run ./tools/pgpcorpus record", c.Name, Names[i], got[i], want[i])
				}
			}
			return nil
		})
	}
	for at, c := range corpus.All() {
		asked := p
		if at%16 != 0 || !c.Kept() {
			asked = nil
		}
		compare(c, asked, r.Cases[c.Name], false)
	}
	for _, f := range corpus.Families() {
		for at, c := range f.Variants {
			var want Row
			for i, letters := range r.Families[f.Name] {
				want[i] = letters[at : at+1]
			}
			switch {
			case at%96 == 0:
				compare(c, p, want, true)
			case at%4 == 0:
				compare(c, nil, want, true)
			}
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// A program that is stopped has not answered: that is no refusal.
func TestStoppedIsNoAnswer(t *testing.T) {
	if got, err := outcome("", errUnanswered); err != nil || got.Verdict != Unanswered || letter(got.Short()) != "?" {
		t.Errorf("outcome is %+v, %v, letter %q; want %q and ?", got, err, letter(got.Short()), Unanswered)
	}
	if differs(Outcome{Verdict: corpus.Refuse}, string(Unanswered)) || !differs(Outcome{Verdict: corpus.Accept, Count: 1}, string(Unanswered)) {
		t.Error("no answer must differ from what accepts, and from nothing else")
	}
}
