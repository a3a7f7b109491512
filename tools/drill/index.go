package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rootward/rootward/tools/internal/play"
)

func (s *stage) state(who string) string { return s.Path("client", who) }

// begin makes a client that has no memory but the pin.
func (s *stage) begin(who string) error {
	_, err := s.Run(play.Cmd{Program: "roster", Quiet: true, Args: []string{"--state", s.state(who), "init", s.Path("repository", "root", "1.json"), "--digest", s.pin}})
	return err
}

// accepts has a client walk to the newest wheel.
func (s *stage) accepts(who, url string) error {
	said, err := s.RunBoth(s.verify(who, url, 0))
	if err != nil {
		return fmt.Errorf("%s's client: %w", who, err)
	}
	s.Say("    %s's client: %s", who, line(said, "is authorised"))
	return nil
}

// refuses wants a client to refuse, with the words.
func (s *stage) refuses(who, url, words string) error {
	said, err := s.RunBoth(s.verify(who, url, 3))
	if err != nil {
		return fmt.Errorf("%s's client: %w", who, err)
	}
	found := line(said, "refused: ")
	if !strings.Contains(found, words) {
		return fmt.Errorf("%s's client says %q, wanted the words %q", who, found, words)
	}
	s.Say("    %s's client: %s", who, strings.TrimPrefix(found, "roster: "))
	return nil
}

func (s *stage) verify(who, url string, exit int) play.Cmd {
	return play.Cmd{Program: "roster", Quiet: true, Exit: exit,
		Args: []string{"--state", s.state(who), "--url", url, "verify", "--package", project, "--file", s.wheel}}
}

// line is the first line of what a program said that has the words.
func line(said, words string) string {
	for l := range strings.Lines(said) {
		if strings.Contains(l, words) {
			return strings.TrimSpace(l)
		}
	}
	return "nothing with the words " + words
}

// list makes, signs and submits a maintainer list.
func (s *stage) list(file string, args []string, by *person, others ...*person) error {
	document := s.Path("work", file)
	if _, err := s.Run(play.Cmd{Program: "roster", Quiet: true, Args: append(args, "--threshold", "1", "--release-threshold", "1", "--out", document)}); err != nil {
		return err
	}
	return s.submit(document, by, others...)
}

func (s *stage) submit(document string, by *person, others ...*person) error {
	if err := by.sign(document, others...); err != nil {
		return err
	}
	_, err := s.Run(play.Cmd{Program: "roster", Args: []string{"submit", "--to", "http://" + s.signers[1].Address, document}})
	return err
}

// release uploads and releases a version.
func (s *stage) release(version string, by *person) error {
	s.wheel = wheelOf(version)
	content := []byte("a wheel of " + version)
	built, manifest := s.Path("work", "dist", s.wheel), s.Path("work", "manifest-"+version+".json")
	if err := s.Write(built, string(content)); err != nil {
		return err
	}
	if err := play.CopyFile(built, s.Path("repository", "files", play.SHA256(content), s.wheel)); err != nil {
		return err
	}
	if _, err := s.Run(play.Cmd{Program: "roster", Quiet: true, Args: []string{"release", "--repository", repository, "--package", project, "--version", version, "--out", manifest, built}}); err != nil {
		return err
	}
	return s.submit(manifest, by)
}

// firstRelease is Dora's. Olga sees it, and is offline from then on.
func (s *stage) firstRelease() error {
	dora := s.people["Dora"]
	if err := s.list("list.json", []string{"list", "new", "--repository", repository, "--package", project, "--maintainer", "Dora=" + dora.file, "--inherit", "none"}, dora); err != nil {
		return err
	}
	if err := s.release("1.0", dora); err != nil {
		return err
	}
	if err := s.snapshot(1); err != nil {
		return err
	}
	if err := s.begin("olga"); err != nil {
		return err
	}
	return s.accepts("olga", s.web)
}

// fresh is a name that Erin claims after the anchor was made. What only the stolen
// keys vouched for falls with them, this too: she claims it anew.
const fresh = "freshproject"

// secondRelease is Erin's, who joined after the anchor was made: it is for the
// online key to countersign what leads from there.
func (s *stage) secondRelease() error {
	dora, erin := s.people["Dora"], s.people["Erin"]
	if err := s.begin("dora"); err != nil {
		return err
	}
	if err := s.list("list-2.json", []string{"--state", s.state("dora"), "--url", s.web, "list", "new", "--package", project,
		"--maintainer", "Dora=" + dora.file, "--maintainer", "Erin=" + erin.file}, dora, erin); err != nil {
		return err
	}
	if err := s.list("list-fresh.json", []string{"list", "new", "--repository", repository, "--package", fresh, "--maintainer", "Erin=" + erin.file, "--inherit", "none"}, erin); err != nil {
		return err
	}
	if err := s.release("1.1", erin); err != nil {
		return err
	}
	if err := s.snapshot(1); err != nil {
		return err
	}
	if err := s.begin("frank"); err != nil {
		return err
	}
	return s.accepts("frank", s.web)
}

// put copies the files of the envelope's medium to a folder.
func (s *stage) put(to string) error {
	files, err := filepath.Glob(s.Path("envelope", "stop", "*"))
	if err != nil || len(files) != 4 {
		return fmt.Errorf("the envelope holds %d files, wanted 4 (%v)", len(files), err)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := play.CopyFile(f, filepath.Join(to, filepath.Base(f))); err != nil {
			return err
		}
	}
	return nil
}
