// Command vectors writes docs/vectors: what the specification accepts and
// refuses, as plain files for people who write a client in another language. It
// is run from the root of the repository:
//
//	go run ./tools/vectors
//
// Everything comes from names and fixed times, signatures too (RFC 6979): the
// same bytes each time. docs/vectors/README.md is written by hand and left alone.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const directory = "docs/vectors"

func main() {
	if len(os.Args) != 1 {
		fmt.Fprintln(os.Stderr, "vectors: usage: vectors, in the root of the repository")
		os.Exit(2)
	}
	if err := write(directory, files()); err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(1)
	}
}

// write puts the files below dir and removes what is there beside them, but for
// the README.
func write(dir string, files map[string][]byte) error {
	if _, err := os.Stat(filepath.Join(dir, readme)); err != nil {
		return fmt.Errorf("looking for the directory of vectors: %w", err)
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(path) == readme {
			return err
		}
		return os.Remove(path)
	})
	if err != nil {
		return err
	}
	for name, b := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
