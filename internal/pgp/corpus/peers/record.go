package peers

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/rootward/rootward/internal/pgp/corpus"
)

// Names are the verifiers beside Rootward's, in the order of every row.
var Names = [4]string{"gpg", "sqv", "go-crypto v2", "go-crypto v1"}

// A Row holds what each of [Names] did, as [Outcome.Short] has it.
type Row [4]string

// A Record is what the verifiers did with the whole corpus, and which they were.
type Record struct {
	GPG, Sqv, GoCrypto string // versions
	// Cases has the outcomes by the case's name.
	Cases map[string]Row
	// Families has, by the family's name, one letter a variant and verifier:
	// "a" for accepted, "." for refused, "?" for no answer. An Accept of a count above 1 is "a" too.
	Families map[string]Row
}

// Others asks go-crypto and, unless p is nil, gpg and sqv about c. What was not
// asked is "".
func Others(p *Programs, c corpus.Case) (Row, error) {
	row := Row{2: Version2(c).Short(), 3: Version1(c).Short()}
	if p == nil {
		return row, nil
	}
	gpg, err := p.GPG(c)
	if err != nil {
		return Row{}, fmt.Errorf("case %s: running gpg: %w", c.Name, err)
	}
	sqv, err := p.Sqv(c)
	if err != nil {
		return Row{}, fmt.Errorf("case %s: running sqv: %w", c.Name, err)
	}
	row[0], row[1] = gpg.Short(), sqv.Short()
	return row, nil
}

// letter is a variant's outcome in [Record.Families].
func letter(short string) string {
	switch {
	case strings.HasPrefix(short, string(corpus.Accept)):
		return "a"
	case short == string(Unanswered):
		return "?"
	default:
		return "."
	}
}

// Letters returns row in the letters of [Record.Families]; what was not asked
// stays "".
func (row Row) Letters() Row {
	for i, short := range row {
		if short != "" {
			row[i] = letter(short)
		}
	}
	return row
}

// Make asks every verifier about everything, some cases at a time. It takes
// some minutes, most of them for one file with 100,000 signatures.
func Make(p *Programs, atOnce int) (*Record, error) {
	r := &Record{GoCrypto: GoCryptoVersion(), Cases: map[string]Row{}, Families: map[string]Row{}}
	r.GPG, r.Sqv = p.Versions()
	cases := corpus.All()
	rows, err := askAll(p, cases, atOnce)
	if err != nil {
		return nil, err
	}
	for i, c := range cases {
		r.Cases[c.Name] = rows[i]
	}
	for _, f := range corpus.Families() {
		rows, err := askAll(p, f.Variants, atOnce)
		if err != nil {
			return nil, err
		}
		var all Row
		for _, row := range rows {
			for i, l := range row.Letters() {
				all[i] += l
			}
		}
		r.Families[f.Name] = all
	}
	return r, nil
}

// askAll returns the row of each case.
func askAll(p *Programs, cases []corpus.Case, atOnce int) ([]Row, error) {
	rows := make([]Row, len(cases))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, c := range cases {
		group.Go(func() (err error) {
			rows[i], err = Others(p, c)
			return err
		})
	}
	return rows, group.Wait()
}

// GoCryptoVersion returns the version of go-crypto that is linked, or "" where
// the build does not say.
func GoCryptoVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == "github.com/ProtonMail/go-crypto" {
			return dep.Version
		}
	}
	return ""
}

// Format returns the record as a JSON file.
func (r *Record) Format() ([]byte, error) {
	out, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}

// ParseRecord reads what [Record.Format] wrote.
func ParseRecord(text []byte) (*Record, error) {
	r := &Record{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("reading the record: %w", err)
	}
	return r, nil
}
