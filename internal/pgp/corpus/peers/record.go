package peers

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"

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
	// "a" for accepted, "." for refused; only go-crypto is asked. An Accept of a count above 1 is "a" too.
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
	if strings.HasPrefix(short, string(corpus.Accept)) {
		return "a"
	}
	return "."
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

// Make asks every verifier about everything. It takes some minutes.
func Make(p *Programs) (*Record, error) {
	r := &Record{GoCrypto: GoCryptoVersion(), Cases: map[string]Row{}, Families: map[string]Row{}}
	r.GPG, r.Sqv = p.Versions()
	for _, c := range corpus.All() {
		asked := p
		if !c.Kept() {
			asked = nil // gpg takes minutes over 100,000 signatures
		}
		row, err := Others(asked, c)
		if err != nil {
			return nil, err
		}
		r.Cases[c.Name] = row
	}
	for _, f := range corpus.Families() {
		var all Row
		for _, c := range f.Variants {
			row, err := Others(nil, c)
			if err != nil {
				return nil, err
			}
			for i, l := range row.Letters() {
				all[i] += l
			}
		}
		r.Families[f.Name] = all
	}
	return r, nil
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
