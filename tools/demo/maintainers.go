package main

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rootward/rootward/tools/internal/play"
)

// maintainers is act 3: a claim, a release, a snapshot.
func (s *stage) maintainers() error {
	s.Say(`
Dave and Erin write %s. Each has an ordinary gpg key. They claim the name:
version 1 of its maintainer list says that both must sign the next list, and
that either may release. Both sign it, the signer checks it by the client's own
rules and countersigns.`, project)
	if err := s.newMaintainer("Dave", "ed25519"); err != nil {
		return err
	}
	if err := s.newMaintainer("Erin", "rsa3072"); err != nil {
		return err
	}
	list := s.Path("work", "list.json")
	if _, err := s.Run(play.Cmd{Program: "roster", Args: []string{"list", "new", "--repository", repository, "--package", project,
		"--maintainer", "Dave=" + s.certificate("Dave"), "--maintainer", "Erin=" + s.certificate("Erin"),
		"--threshold", "2", "--release-threshold", "1", "--inherit", "none", "--out", list}}); err != nil {
		return err
	}
	if err := s.gpgSign(list, "Dave", "Erin"); err != nil {
		return err
	}
	if err := s.submit(list); err != nil {
		return err
	}
	s.Say(`
Dave builds a wheel and uploads it. What he signs is not the file but a
manifest: package, version, and each file's size and SHA-256.`)
	if err := s.release("1.0", "Dave"); err != nil {
		return err
	}
	s.Say(`
The signer publishes a snapshot: one signed line that stands for every package.`)
	return s.publish("released")
}

// release builds, uploads and signs one version.
func (s *stage) release(version, who string) error {
	s.wheel = wheelOf(version)
	built, manifest := s.Path("work", "dist", s.wheel), s.Path("work", "manifest-"+version+".json")
	if err := buildWheel(built, version, "print('hello')\n"); err != nil {
		return err
	}
	if err := s.upload(built); err != nil {
		return err
	}
	if _, err := s.Run(play.Cmd{Program: "roster", Args: []string{"release", "--repository", repository, "--package", project, "--version", version,
		"--out", manifest, built}}); err != nil {
		return err
	}
	if err := s.gpgSign(manifest, who); err != nil {
		return err
	}
	return s.submit(manifest)
}

// succession is what happens between two ceremonies: the maintainers change
// who they are, by themselves, and go on releasing.
func (s *stage) succession() error {
	s.Say(`
The package goes on by itself. Judy joins: Dave and Erin sign the next list, and
so does she. It keeps vouching for the lines of the index that are there. She
releases 1.1. Nobody at the index and nobody at the root has to act.`)
	if err := s.newMaintainer("Judy", "nistp256"); err != nil {
		return err
	}
	if err := s.initClient("dave"); err != nil {
		return err
	}
	list := s.Path("work", "list-2.json")
	if _, err := s.Run(play.Cmd{Program: "roster", Args: []string{"--state", s.state("dave"), "--url", s.web, "list", "new", "--package", project,
		"--maintainer", "Dave=" + s.certificate("Dave"), "--maintainer", "Erin=" + s.certificate("Erin"), "--maintainer", "Judy=" + s.certificate("Judy"),
		"--threshold", "2", "--release-threshold", "1", "--out", list}}); err != nil {
		return err
	}
	if err := s.gpgSign(list, "Dave", "Erin", "Judy"); err != nil {
		return err
	}
	if err := s.submit(list); err != nil {
		return err
	}
	if err := s.release("1.1", "Judy"); err != nil {
		return err
	}
	if err := s.publish("succeeded"); err != nil {
		return err
	}
	for _, who := range []string{"frank", "grace"} {
		if err := s.accepts(who); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) submit(document string) error {
	_, err := s.Run(play.Cmd{Program: "roster", Args: []string{"submit", "--to", "http://" + s.online.Address, document}})
	return err
}

// publish makes the signer publish a snapshot now, and remembers its version
// under a name.
func (s *stage) publish(moment string) error {
	out, err := s.online.Operate("snapshot")
	if err != nil {
		return err
	}
	if s.snapshots == nil {
		s.snapshots = make(map[string]string)
	}
	s.snapshots[moment] = out
	return nil
}

// upload does what the index does with an uploaded file: it puts it where
// clients look for its bytes. No trust comes from it.
func (s *stage) upload(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	to := s.Path("repository", "files", hex.EncodeToString(sum[:]), filepath.Base(path))
	s.Say("    the index stores %s", s.Show(to))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

// buildWheel writes a small real wheel that prints what the script says.
func buildWheel(path, version, script string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	z := zip.NewWriter(f)
	info := project + "-" + version + ".dist-info/"
	for _, part := range []struct{ name, text string }{
		{project + ".py", script},
		{info + "METADATA", fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", project, version)},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: rehearsal\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{info + "RECORD", project + ".py,,\n" + info + "METADATA,,\n" + info + "WHEEL,,\n" + info + "RECORD,,\n"},
	} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: part.name}) // stored, so that sizes do not tell
		if err != nil {
			return err
		}
		if _, err := w.Write([]byte(part.text)); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.Close()
}
