package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rootward/rootward/tools/internal/play"
)

// newMaintainer gives a person an ordinary gpg key in a home of their own.
func (s *stage) newMaintainer(name, algorithm string) error {
	home := s.gpgHome(name)
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	s.gpgUsers = append(s.gpgUsers, name)
	id := fmt.Sprintf("%s (rehearsal) <%s@maintainers.example>", name, strings.ToLower(name))
	if _, err := s.gpg(name, "--passphrase", "", "--quick-generate-key", id, algorithm, "sign", "2y"); err != nil {
		return err
	}
	exported, err := s.gpg(name, "--armor", "--export")
	if err != nil {
		return err
	}
	return s.Write(s.certificate(name), exported)
}

func (s *stage) gpgHome(name string) string { return filepath.Join(s.Short, strings.ToLower(name)) }

func (s *stage) certificate(name string) string {
	return s.Path("certificates", "maintainer-"+strings.ToLower(name)+".asc")
}

func (s *stage) gpg(name string, args ...string) (string, error) {
	return s.Run(play.Cmd{Program: "gpg", Args: append([]string{"--homedir", s.gpgHome(name), "--batch", "--quiet"}, args...), Quiet: true})
}

// gpgSign is what each maintainer does at home. With several, their
// signatures are put together.
func (s *stage) gpgSign(document string, names ...string) error {
	var parts []string
	for _, name := range names {
		part := fmt.Sprintf("%s.%s", document, strings.ToLower(name))
		fmt.Printf("\n  $ gpg --armor --detach-sign %s    # %s, at home\n", s.Show(document), name)
		if _, err := s.gpg(name, "--armor", "--output", part, "--detach-sign", document); err != nil {
			return err
		}
		parts = append(parts, part)
	}
	if len(parts) == 1 {
		return os.Rename(parts[0], document+".asc")
	}
	_, err := s.Run(play.Cmd{Program: "roster", Args: append([]string{"combine", "--out", document + ".asc"}, parts...)})
	return err
}

// gpgVerifyAll lets stock gpg, with the certificates imported, judge every
// signature in the published repository.
func (s *stage) gpgVerifyAll() error {
	home := s.gpgHome("auditor")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	s.gpgUsers = append(s.gpgUsers, "auditor")
	certificates, err := filepath.Glob(s.Path("certificates", "*.asc"))
	if err != nil {
		return err
	}
	if _, err := s.gpg("auditor", append([]string{"--import"}, certificates...)...); err != nil {
		return err
	}
	files, signatures := 0, 0
	err = filepath.WalkDir(s.Path("repository"), func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".asc") {
			return err
		}
		document := strings.TrimSuffix(strings.TrimSuffix(path, ".asc"), ".countersign")
		status, err := s.gpg("auditor", "--status-fd", "1", "--verify", path, document)
		if err != nil {
			return fmt.Errorf("gpg does not agree about %s: %w", s.Show(path), err)
		}
		good := strings.Count(status, "[GNUPG:] VALIDSIG")
		if good == 0 || good != strings.Count(status, "[GNUPG:] NEWSIG") {
			return fmt.Errorf("gpg finds %d good signatures of %d in %s", good, strings.Count(status, "[GNUPG:] NEWSIG"), s.Show(path))
		}
		files, signatures = files+1, signatures+good
		return nil
	})
	s.Say("    gpg: %d certificates imported; %d signature files, %d signatures, all good", len(certificates), files, signatures)
	return err
}
