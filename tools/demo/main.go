// Command demo plays the main job of Rootward from start to end with real
// parts: a Vault server, PIV cards behind pcscd, gpg, and the three programs.
// It is started by make demo, beside the programs in build/bin, and leaves
// what it made under build/demo. It says each act in plain words. Its cards
// are virtual and its repository is a rehearsal's, so that nothing it makes
// counts anywhere else.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
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
	defer s.close()
	if missing := missingParts(); len(missing) > 0 {
		for _, m := range missing {
			fmt.Println("demo: skipped:", m)
		}
		fmt.Printf("demo: %d parts are missing, and every act of the main job needs them: nothing was played\n", len(missing))
		if os.Getenv("CI") == "true" {
			return 1
		}
		return 0
	}
	started := time.Now()
	if err := s.play(); err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo: fault:", err)
		fmt.Fprintln(os.Stderr, "demo: hint: the programs' own words are above; the artefacts so far are in", s.show(s.dir))
		return 1
	}
	s.epilogue(time.Since(started))
	return 0
}

// missingParts names what the demo cannot do without, and how to get it.
func missingParts() []string {
	missing := room.Missing()
	if _, err := custodian.Find(); err != nil {
		missing = append(missing, err.Error())
	}
	if _, err := exec.LookPath("gpg"); err != nil {
		missing = append(missing, "gpg: install the package gnupg")
	}
	return missing
}

func (s *stage) play() error {
	acts := []struct {
		title string
		play  func() error
	}{
		{"Online keys: two keys in Vault that can only sign", s.onlineKeys},
		{"Ceremony 1: three people, three cards, the root", s.firstCeremony},
		{"Maintainers: two people claim a package and release a wheel", s.maintainers},
		{"Client: from the root down to the wheel", s.client},
		{"Ceremony 2: the root anchors the whole index", s.secondCeremony},
		{"Attack: a thief has the online signer", s.attack},
		{"Emergency: the stolen keys die, the index goes on", s.emergency},
	}
	for i, act := range acts {
		s.heading(i+1, act.title)
		if err := act.play(); err != nil {
			return fmt.Errorf("act %d: %w", i+1, err)
		}
	}
	return nil
}

func (s *stage) epilogue(took time.Duration) {
	s.say(`
That is all of it. What was made is in %s:
  repository/     what the index publishes: any static host can serve it
  client/         what each client remembers
  ceremonies/     the plan, drafts, signatures and transcript of each ceremony
  certificates/   the signers' OpenPGP certificates, for your own gpg
Try: gpg --import %s/*.asc && gpg --verify %s
The demo took %s; 0 parts were skipped.`,
		s.show(s.dir), s.show(s.path("certificates")), s.show(s.path("repository", "root", "1.json.asc")), took.Round(time.Second))
}

// newStage clears build/demo and finds the programs beside this one.
func newStage(ctx context.Context) (*stage, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	bin := filepath.Dir(self)
	s := &stage{ctx: ctx, bin: bin, dir: filepath.Join(filepath.Dir(bin), "demo")}
	for _, p := range []string{"ceremony", "online-signer", "roster", "vcard"} {
		if _, err := os.Stat(filepath.Join(bin, p)); err != nil {
			return nil, fmt.Errorf("%w: run make demo, which builds the programs first", err)
		}
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return nil, fmt.Errorf("clearing the last demo: %w", err)
	}
	for _, d := range []string{"repository", "client", "ceremonies", "certificates", "carried", "secret", "work"} {
		if err := os.MkdirAll(s.path(d), 0o700); err != nil {
			return nil, err
		}
	}
	// gpg's agents want short socket paths.
	s.gnupg, err = os.MkdirTemp("", "rw-demo")
	return s, errors.Join(err)
}
