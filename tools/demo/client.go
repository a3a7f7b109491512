package main

import (
	"fmt"
	"strings"

	"github.com/rootward/rootward/tools/internal/play"
)

// client is act 4: from the pinned digest to the wheel.
func (s *stage) client() error {
	s.Say(`
Frank installs software. He knows one thing: the digest of the first root
roster, read aloud at the ceremony. He has no gpg and trusts no server.`)
	if err := s.initClient("frank"); err != nil {
		return err
	}
	if _, err := s.verify("frank", s.web, 0); err != nil {
		return err
	}
	s.Say(`
The file is authorised. The package is called new: its maintainers' list rests
on the online signer's word alone, until the root has met it.

People need not take the client's word either. Stock gpg, with the signers'
certificates imported, checks every signature that the index publishes:`)
	return s.gpgVerifyAll()
}

// initClient makes a client that has no memory but the pin.
func (s *stage) initClient(who string) error {
	_, err := s.Run(play.Cmd{Program: "roster", Args: []string{"--state", s.state(who), "init", s.Path("repository", "root", "1.json"), "--digest", s.pin}})
	return err
}

func (s *stage) state(who string) string { return s.Path("client", who) }

// accepts has a client walk to the newest wheel, and shows only where it ends.
func (s *stage) accepts(who string) error {
	args := []string{"--state", s.state(who), "--url", s.web, "verify", "--package", project, "--file", s.wheel}
	fmt.Printf("\n  $ roster %s\n", s.Show(play.Quote(args)))
	out, err := s.Run(play.Cmd{Program: "roster", Args: args, Quiet: true})
	if err != nil {
		fmt.Print(out)
		return err
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	fmt.Printf("    (%d lines of the walk, as above)\n    %s\n", len(lines)-1, lines[len(lines)-1])
	return nil
}

// verify walks to the wheel and wants an exit code.
func (s *stage) verify(who, url string, exit int, flags ...string) (string, error) {
	args := append([]string{"--state", s.state(who), "--url", url}, flags...)
	return s.Run(play.Cmd{Program: "roster", Args: append(args, "verify", "--package", project, "--file", s.wheel), Exit: exit})
}
