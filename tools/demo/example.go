package main

import (
	"path/filepath"

	"github.com/rootward/rootward/tools/internal/play"
)

// example plays what needs neither cards nor Vault: a client that walks the
// specification's worked example. It stands in for nothing; it is what is left.
func (s *stage) example() error {
	s.Say(`
What needs no card and no Vault is a client. Here it walks the worked example of
docs/spec.md, whose bytes are in the source, as on 10 February 2026:`)
	top := filepath.Dir(filepath.Dir(s.Dir))
	published := filepath.Join(top, "roster", "testdata", "example", "repository")
	url, err := s.Host(published)
	if err != nil {
		return err
	}
	state := s.state("example")
	if _, err := s.Run(play.Cmd{Program: "roster", Args: []string{"--state", state, "init", filepath.Join(published, "root", "1.json")}}); err != nil {
		return err
	}
	at := []string{"--state", state, "--url", url, "--now", "2026-02-10T12:00:00Z"}
	if _, err := s.Run(play.Cmd{Program: "roster", Args: append(at, "verify", "--package", "sample", "--file", "sample-1.1-py3-none-any.whl")}); err != nil {
		return err
	}
	_, err = s.Run(play.Cmd{Program: "roster", Args: append(at, "verify", "--package", "sample", "--file", "sample-1.0.post1-py3-none-any.whl"), Exit: 3})
	return err
}
