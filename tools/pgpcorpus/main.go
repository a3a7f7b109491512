// Command pgpcorpus writes what is generated of the corpus of hostile OpenPGP
// signature files. It is run from the root of the repository:
//
//	go run ./tools/pgpcorpus files    internal/pgp/corpus/testdata/*.txt
//	go run ./tools/pgpcorpus record   asks gpg, sqv and go-crypto (some minutes), then the table
//	go run ./tools/pgpcorpus table    docs/openpgp-corpus.md, from the record
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/rootward/rootward/internal/pgp/corpus"
	"github.com/rootward/rootward/internal/pgp/corpus/peers"
)

const (
	casesDir   = "internal/pgp/corpus/testdata"
	recordFile = "internal/pgp/corpus/peers/testdata/record.json"
	tableFile  = "docs/openpgp-corpus.md"
)

func main() {
	what := map[string]func() error{"files": files, "record": record, "table": table}
	if len(os.Args) != 2 || what[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "pgpcorpus: usage: pgpcorpus files|record|table")
		os.Exit(2)
	}
	if err := what[os.Args[1]](); err != nil {
		fmt.Fprintln(os.Stderr, "pgpcorpus:", err)
		os.Exit(1)
	}
}

// files writes each case, and removes files of cases that are no more.
func files() error {
	old, err := filepath.Glob(filepath.Join(casesDir, "*.txt"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(casesDir, 0o755); err != nil {
		return err
	}
	for _, c := range corpus.All() {
		if err := os.WriteFile(filepath.Join(casesDir, c.Name+".txt"), c.Text(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// record asks the other verifiers about everything.
func record() error {
	dir, err := os.MkdirTemp("", "pgp") // gpg's sockets want a short path
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p := peers.NewPrograms(dir)
	if gpg, sqv := p.Versions(); gpg == "" || sqv == "" {
		return fmt.Errorf("gpg is %q and sqv %q, wanted both: install them", gpg, sqv)
	}
	r, err := peers.Make(p, 2)
	if err != nil {
		return err
	}
	text, err := r.Format()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(recordFile), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(recordFile, text, 0o644); err != nil {
		return err
	}
	return table()
}

func table() error {
	text, err := os.ReadFile(recordFile)
	if err != nil {
		return err
	}
	r, err := peers.ParseRecord(text)
	if err != nil {
		return err
	}
	return os.WriteFile(tableFile, peers.Table(r), 0o644)
}
