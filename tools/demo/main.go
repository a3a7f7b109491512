// Command demo plays the main job of Rootward from start to end with real
// parts: a Vault server, PIV cards behind pcscd, gpg, and the three programs.
// It is started by make demo, beside the programs in build/bin, and leaves
// what it made under build/demo. It says each act in plain words. Its cards
// are virtual and its repository is a rehearsal's, so that nothing it makes
// counts anywhere else.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"time"

	"github.com/rootward/rootward/hsm/transit/custodian"
	"github.com/rootward/rootward/internal/vcard/room"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	s, err := newStage(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo: fault:", err)
		return 1
	}
	defer s.Close()
	started := time.Now()
	skipped, err := s.play()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo: fault:", err)
		fmt.Fprintln(os.Stderr, "demo: hint: the programs' own words are above; the artefacts so far are in", s.Show(s.Dir))
		return 1
	}
	s.epilogue(time.Since(started), skipped)
	if skipped > 0 && os.Getenv("CI") == "true" {
		return 1
	}
	return 0
}

// An act is one part of the demo, and what it cannot do without.
type act struct {
	title string
	play  func() error
	lacks func() []string // nil: only the acts before it
}

// play plays the acts in order. One that lacks a part is skipped, with all
// that build on it.
func (s *stage) play() (skipped int, err error) {
	acts := []act{
		{"Online keys: two keys in Vault that can only sign", s.onlineKeys, lacksVault},
		{"Ceremony 1: three people, three cards, the root", s.firstCeremony, room.Missing},
		{"Maintainers: two people claim a package and release a wheel", s.maintainers, lacksGPG},
		{"Client: from the root down to the wheel", s.client, nil},
		{"Ceremony 2: the root anchors the whole index", s.secondCeremony, nil},
		{"Attack: a thief has the online signer", s.attack, nil},
		{"Emergency: the stolen keys die, the index goes on", s.emergency, nil},
	}
	for i, a := range acts {
		s.heading(i+1, a.title)
		var missing []string
		if a.lacks != nil {
			missing = a.lacks()
		}
		if skipped > 0 {
			missing = append(missing, "it goes on from an act that was skipped")
		}
		if len(missing) > 0 {
			skipped++
			for _, m := range missing {
				s.Say("    SKIPPED: %s", m)
			}
			continue
		}
		if err := a.play(); err != nil {
			return skipped, fmt.Errorf("act %d: %w", i+1, err)
		}
	}
	if skipped > 0 {
		s.heading(len(acts)+1, "What is left: a client and the worked example")
		if err := s.example(); err != nil {
			return skipped, fmt.Errorf("the worked example: %w", err)
		}
	}
	return skipped, nil
}

func lacksVault() []string {
	if os.Getenv("VAULT_ADDR") != "" {
		return nil
	}
	if _, err := custodian.Find(); err != nil {
		return []string{err.Error()}
	}
	return nil
}

func lacksGPG() []string {
	if _, err := exec.LookPath("gpg"); err != nil {
		return []string{"gpg is missing: install the package gnupg"}
	}
	return nil
}

func (s *stage) epilogue(took time.Duration, skipped int) {
	if skipped > 0 {
		s.Say(`
%d parts were skipped: what each lacks is said above. tools/setup.sh installs
what it may, and make vault builds a server. The demo took %s.`, skipped, took.Round(time.Second))
		return
	}
	s.Say(`
That is all of it. What was made is in %s:
  repository/     what the index publishes: any static host can serve it
  client/         what each client remembers
  ceremonies/     the plan, drafts, signatures and transcript of each ceremony
  certificates/   the signers' OpenPGP certificates, for your own gpg
Try: gpg --import %s/*.asc && gpg --verify %s
The demo took %s; 0 parts were skipped.`,
		s.Show(s.Dir), s.Show(s.Path("certificates")), s.Show(s.Path("repository", "root", "1.json.asc")), took.Round(time.Second))
}
