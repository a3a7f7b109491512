package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/vcard/room"
	"github.com/rootward/rootward/tools/internal/play"
)

// firstCeremony is act 2.
func (s *stage) firstCeremony() error {
	s.Say(`
Three people hold the root; any two of them can act. Each has a PIV card. Here
the cards are virtual, behind a real PC/SC daemon: the tool cannot tell. On this
machine the ceremony tool may open no network socket:`)
	if err := s.openRoom(); err != nil {
		return err
	}
	if _, err := s.Run(play.Cmd{Program: "ceremony", Args: []string{"air-gap", "--repository", repository}}); err != nil {
		return err
	}
	if _, err := s.Run(play.Cmd{Program: "ceremony", Args: []string{"card", "list"}, Env: s.cards.Env()}); err != nil {
		return err
	}
	s.Say(`
Each keyholder sets a PIN and a PUK. The card makes a P-384 key that cannot
leave it, wants PIN and touch for each signature, and attests to that; the
attestation is checked and bound to the key.`)
	for _, k := range keyholders {
		if err := s.provision(k); err != nil {
			return err
		}
	}
	s.began = time.Now().UTC().Truncate(time.Second)
	s.Say(`
The plan is the only input that changes what is signed. From it the tool drafts
root roster 1, with one revocation for each online key, to be sealed.`)
	if err := s.hold(1, "first", "genesis", "anchor: empty", ""); err != nil {
		return err
	}
	s.Say(`
The digest that was read aloud at the table is what every client pins. The signer
learns the pin, adopts the roster and publishes it.`)
	if err := s.pinFirst(); err != nil {
		return err
	}
	if err := s.configure(); err != nil {
		return err
	}
	if err := s.online.Serve(); err != nil {
		return err
	}
	_, err := s.online.Operate("adopt", s.ceremony(1, "published", "publish"))
	return err
}

func (s *stage) openRoom() error {
	dir := s.Path("work", "cards")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	cfg := room.Config{Dir: dir, VcardBinary: filepath.Join(s.Bin, "vcard"), TouchDelay: 50 * time.Millisecond}
	for _, k := range keyholders {
		cfg.Cards = append(cfg.Cards, room.Card{Serial: k.serial})
	}
	r, err := room.Start(s.Ctx, cfg)
	if err != nil {
		return fmt.Errorf("setting up cards and readers: %w", err)
	}
	s.cards = r
	s.Later(func() { _ = r.Close() })
	return os.WriteFile(s.Path("ceremonies", "attestation-root.pem"), r.AttestationRoot(), 0o600)
}

func (s *stage) ceremony(n int, elem ...string) string {
	return s.Path(append([]string{"ceremonies", strconv.Itoa(n)}, elem...)...)
}

func (s *stage) enrolments() string { return s.Path("ceremonies", "enrolments") }

// provision has one keyholder set up a card.
func (s *stage) provision(k keyholder) error {
	err := s.Talk(play.Cmd{Program: "ceremony", Env: s.cards.Env(), Args: []string{"card", "provision",
		"--serial", fmt.Sprint(k.serial), "--holder", k.name, "--repository", repository, "--out", s.enrolments()}}, k.answer)
	if err != nil {
		return err
	}
	return play.CopyFile(filepath.Join(s.enrolments(), fmt.Sprintf("%d.cert.asc", k.serial)),
		s.Path("certificates", "keyholder-"+strings.ToLower(k.name)+".asc"))
}

var challenge = regexp.MustCompile(`word (\d+)`)

// answer is what a keyholder types at each prompt of the ceremony tool.
func (k keyholder) answer(prompt, before string) (string, bool, error) {
	lower := strings.ToLower(prompt)
	switch {
	case strings.Contains(lower, "puk"):
		return k.puk, true, nil
	case strings.Contains(lower, "pin"):
		return k.pin, true, nil
	case challenge.MatchString(lower):
		var typed []string
		for _, asked := range challenge.FindAllStringSubmatch(lower, -1) {
			n, err := strconv.Atoi(asked[1])
			if err != nil {
				return "", false, err
			}
			word, err := wordOf(before, n)
			if err != nil {
				return "", false, err
			}
			typed = append(typed, word)
		}
		return strings.Join(typed, " "), false, nil
	}
	return "", false, fmt.Errorf("the ceremony tool asks what the demo does not know: %q", prompt)
}

// hold drafts, signs and combines one roster. acts is what the plan says that it
// does, anchor the plan's line about that; more are other lines of the plan.
func (s *stage) hold(n int, name, acts, anchor, more string) error {
	if err := s.Write(s.ceremony(n, "plan.yaml"), s.planText(n, name, acts, anchor, more)); err != nil {
		return err
	}
	record := s.ceremony(n, "record")
	if _, err := s.Run(play.Cmd{Program: "ceremony", Args: []string{"draft", "--plan", s.ceremony(n, "plan.yaml"), "--record", record}}); err != nil {
		return err
	}
	signers := keyholders
	if n > 1 {
		signers = keyholders[:2] // 2 of 3 are enough under both rosters
	}
	for _, k := range signers {
		s.Say("\n%s compares the digest with the others' screens and paper, and signs:", k.name)
		err := s.Talk(play.Cmd{Program: "ceremony", Env: s.cards.Env(), Args: []string{"sign", "--record", record, "--serial", fmt.Sprint(k.serial)}}, k.answer)
		if err != nil {
			return err
		}
	}
	_, err := s.Run(play.Cmd{Program: "ceremony", Args: []string{"combine", "--record", record, "--out", s.ceremony(n, "published")}})
	if err != nil {
		return err
	}
	s.Say("    The revocations of the online keys, already signed, go into a sealed envelope:\n    %s", s.Show(s.ceremony(n, "published", "sealed")))
	return nil
}

func (s *stage) planText(n int, name, acts, anchor, more string) string {
	previous := ""
	if n > 1 {
		previous = fmt.Sprintf("previous:\n  directory: %s\n  pin: %s\n", s.Path("repository"), s.pin)
	}
	var people strings.Builder
	for _, k := range keyholders {
		fmt.Fprintf(&people, "  - {name: %s, card: %d, enrolment: %s}\n", k.name, k.serial, filepath.Join(s.enrolments(), fmt.Sprintf("%d.json", k.serial)))
	}
	at := s.began.Add(time.Duration(n-1) * time.Second)
	return fmt.Sprintf(`ceremony: rehearsal-%d-%s
acts: [%s]
repository: %s
roster:
  version: %d
  issued: %s
  expires: %s
  threshold: 2
  snapshot_lifetime: 24h
  snapshot_floor: %d
%skeyholders:
%sonline_keys:
  file: %s
  not_before: %s
  expires: %s
%s
attestation_roots: [%s]
%s`, n, name, acts, repository, n, at.Format(time.RFC3339), at.AddDate(1, 0, 0).Format(time.RFC3339), s.floor(n), previous, people.String(),
		s.onlineKeysFile(), at.Add(-time.Hour).Format(time.RFC3339), at.AddDate(1, 0, 0).Format(time.RFC3339), anchor,
		s.Path("ceremonies", "attestation-root.pem"), more)
}

// floor is the snapshot_floor of a roster: after the theft it moves, so that
// clients forget what only the online keys vouched for.
func (s *stage) floor(n int) int {
	if n < 3 {
		return 0
	}
	return 1000
}

// pinFirst computes the digest that clients pin, from the published bytes.
func (s *stage) pinFirst() error {
	b, err := os.ReadFile(s.ceremony(1, "published", "publish", "root", "1.json"))
	if err != nil {
		return err
	}
	s.pin = play.SHA256(b)
	if err := os.MkdirAll(s.Path("repository"), 0o755); err != nil {
		return err
	}
	if s.web, err = s.Host(s.Path("repository")); err != nil {
		return err
	}
	s.Say("    pin: %s\n    The repository is served at %s by a plain static web server.", s.pin, s.web)
	return nil
}

// secondCeremony is act 5.
func (s *stage) secondCeremony() error {
	s.Say(`
Weeks later. Alice's own client has kept a snapshot when the waiting period
began (the demo's period is zero). The map that it names, and every list that
changed, cross the air gap; the ceremony tool recomputes the whole map from its
leaves and judges each change by succession, with no word from the signer.`)
	if err := s.initClient("alice"); err != nil {
		return err
	}
	kept := s.Path("carried", "kept-snapshot.json")
	if _, err := s.Run(play.Cmd{Program: "roster", Args: []string{"--state", s.state("alice"), "--url", s.web, "keep", "--out", kept}}); err != nil {
		return err
	}
	copied := s.Path("carried", "repository")
	if err := play.CopyTree(s.Path("repository"), copied); err != nil {
		return err
	}
	anchor := fmt.Sprintf("anchor:\n  kept_snapshot: %s\n  repository: %s\n  waiting_period: 0s", kept, copied)
	if err := s.hold(2, "anchor", "renewal, anchor", anchor, "policy: {waiting_min: 0s}\n"); err != nil {
		return err
	}
	if _, err := s.online.Operate("adopt", s.ceremony(2, "published", "publish")); err != nil {
		return err
	}
	if err := s.publish("anchored"); err != nil {
		return err
	}
	s.Say(`
Now the package is established, for Frank, and for Grace, whose machine was set
up a minute ago and remembers nothing:`)
	if err := s.initClient("grace"); err != nil {
		return err
	}
	if _, err := s.verify("grace", s.web, 0); err != nil {
		return err
	}
	if err := s.accepts("frank"); err != nil {
		return err
	}
	return s.succession()
}
