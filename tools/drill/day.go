package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rootward/rootward/tools/internal/play"
)

// day plays the steps in the order in which the first of each track happens.
func (s *stage) day(c *clock) error {
	for _, part := range []struct {
		title string
		steps []step
	}{
		{t0, s.stopping()},
		{"MEANWHILE, THE OPERATORS: the standby pair takes over", s.serving()},
		{"MEANWHILE, THE ROOT: the ceremony after a theft", s.replacing()},
		{"TOGETHER: what the ceremony made is published", s.returning()},
	} {
		s.Heading(part.title)
		for _, st := range part.steps {
			s.Say("\n[%s] %s: %s", st.place, st.who, st.what)
			if err := c.play(st); err != nil {
				return err
			}
		}
	}
	return nil
}

// What refusals say.
const (
	revoked = "signed only by a snapshot key that is revoked"
	older   = "older than the snapshot that this client remembers"
)

func once(key string) []cost { return []cost{{key, 1}} }

// stopping is runbooks/emergency.md.
func (s *stage) stopping() []step {
	const page = "emergency.md "
	at := func(row, who, what, key string, play func() error) step {
		return step{track: emergency, place: page + row, who: who, what: what, costs: once(key), play: play}
	}
	steps := []step{
		at("1", "on call", "write down what was seen, and the time", "write", nil),
		at("2", "on call", "telephone the second person", "telephone", nil),
		at("3", "both", "fetch the envelope STOP; read its numbers; open it", "envelope", nil),
		at("4", "on call", "put its medium into the laptop; look at the files", "insert", s.lookAtEnvelope),
		at("5", "on call", "copy them to the origin; no signer is asked", "command", func() error { return s.put(s.Path("repository", "revocations")) }),
		at("6", "on call", "purge the CDN", "purge", nil),
		at("7", "on call", "a client outside refuses", "command", s.refusing),
	}
	steps[len(steps)-1].ends = t1
	return steps
}

func (s *stage) lookAtEnvelope() error {
	_, err := s.Run(play.Cmd{Program: "ls", Args: []string{s.Path("envelope", "stop")}})
	return err
}

// refusing wants every client to refuse what the stolen key signed: what the
// index serves, and for who has seen the revocation what the thief serves, too.
func (s *stage) refusing() error {
	if err := s.begin("ivan"); err != nil {
		return err
	}
	for _, who := range []string{"ivan", "frank", "olga"} {
		if err := s.refuses(who, s.web, revoked); err != nil {
			return err
		}
	}
	s.Say("Heidi, whom the thief deceived, learns of the revocations there, and is deceived no more:")
	if err := s.refuses("heidi", s.web, older); err != nil {
		return err
	}
	if err := s.refuses("heidi", s.mirror, revoked); err != nil {
		return err
	}
	s.Say("Mallory's mirror hides the revocations. Frank has seen them, and forgets nothing:")
	return s.refuses("frank", s.mirror, revoked)
}

// serving is what the operators do between T1 and T2.
func (s *stage) serving() []step {
	at := func(place, who, what, key string, play func() error) step {
		return step{track: operators, place: place, who: who, what: what, costs: once(key), play: play}
	}
	const theft = "online-theft.md "
	steps := []step{
		at("emergency.md 9", "operator", "stop the signer; seal its Vault; cut both off the network", "isolate", s.isolate),
		at("emergency.md 11", "on call", "publish that clients refuse, since when and why", "incident", nil),
		at("emergency.md 12", "on call", "new bag for the medium; hand the page over", "hand-over", nil),
		at(theft+"1.1", "operator", "a new machine, with last night's store", "new-machine", func() error {
			return play.CopyFile(s.Path("work", "backup.db"), s.signers[2].Store)
		}),
		at(theft+"1.4", "operator", "the highest snapshot number that anybody was shown", "numbers", s.highest),
		at(theft+"1.2", "custodians", "the standby Vault: unseal it, give the new machine its login", "custodians", s.unsealStandby),
		at(theft+"part 1", "operator", "serve with the standby pair", "command", s.signers[2].Serve),
		at(theft+"part 1", "operator", "tell the new signer what is revoked", "command", func() error {
			if err := s.put(s.Path("work", "signer-2", "stop")); err != nil {
				return err
			}
			_, err := s.signers[2].Operate("revoke", s.Path("work", "signer-2", "stop"))
			return err
		}),
		at(theft+"part 1", "operator", "clients outside accept: new, remembering and long offline", "command", s.servesAgain),
	}
	steps[len(steps)-1].ends = t2
	return steps
}

// highest asks the deceived client, and wants the floor of the plan to be above.
func (s *stage) highest() error {
	said, err := s.Run(play.Cmd{Program: "roster", Args: []string{"--state", s.state("heidi"), "status"}})
	if err != nil {
		return err
	}
	_, number, _ := strings.Cut(line(said, "snapshot: version "), "version ")
	n, err := strconv.Atoi(number)
	if err != nil || n >= floor {
		return fmt.Errorf("the deceived client remembers snapshot %q, wanted one below the floor, %d (%v)", number, floor, err)
	}
	return nil
}

func (s *stage) isolate() error {
	s.signers[1].Stop()
	v := s.vaults[1]
	if err := v.keeper.Root(s.Ctx, v.shares); err != nil {
		return fmt.Errorf("bringing Vault's shares together: %w", err)
	}
	return v.keeper.Seal(s.Ctx)
}

// unsealStandby has the custodians of the standby Vault give a login out: the
// one from before the day was only to read the public halves of the keys.
func (s *stage) unsealStandby() error {
	v := s.vaults[2]
	if err := v.keeper.Root(s.Ctx, v.shares); err != nil {
		return fmt.Errorf("bringing the standby Vault's shares together: %w", err)
	}
	if err := v.keeper.Evict(s.Ctx, v.plan); err != nil {
		return err
	}
	if err := v.keeper.Provision(s.Ctx, v.plan); err != nil {
		return err
	}
	if err := os.Remove(s.signers[2].SecretID); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := s.login(2); err != nil {
		return err
	}
	return v.keeper.Resign(s.Ctx)
}

func (s *stage) servesAgain() error {
	if err := s.snapshot(2); err != nil {
		return err
	}
	for _, who := range []string{"ivan", "frank", "olga"} {
		if err := s.accepts(who, s.web); err != nil {
			return err
		}
	}
	s.Say("Heidi remembers the thief's higher number, and refuses until the ceremony moves the floor:")
	return s.refuses("heidi", s.web, older)
}

// replacing is runbooks/online-theft.md, parts 2 and 3.
func (s *stage) replacing() []step {
	at := func(place, who, what, key string, play func() error) step {
		return step{track: root, place: place, who: who, what: what, costs: once(key), play: play}
	}
	file := ""
	var held *sitting
	return []step{
		at("emergency.md 10", "on call", "telephone keyholders until M come", "call-keyholders", nil),
		at("online-theft.md", "keyholders", "come, with their cards", "arrive", nil),
		at("machine.md", "administrator", "boot the air-gapped machine; compare its digests", "boot", nil),
		at("online-theft.md part 2", "administrator", "fill in the plan", "plan", func() (err error) {
			file, err = s.theftPlan()
			return err
		}),
		at("common.md A.6", "two keyholders", "review it: every check, every sentence", "review", func() error {
			_, err := s.Run(play.Cmd{Program: "ceremony", Args: []string{"plan", "show", "--plan", file}})
			return err
		}),
		at("common.md part B", "administrator", "carry plan and inputs in", "carry-in", nil),
		{track: root, place: "online-theft.md part 3", who: "the room", what: "the guided run, two of three keyholders, two witnesses",
			play: func() (err error) {
				held, err = s.conduct(file, "Carol")
				return err
			},
			counted: func() ([]cost, int) {
				s.Say("    %d pages read, %d questions answered, %d cards put in, %d touches; all of it is in\n    %s",
					held.pages, held.questions, held.cards, held.touches, s.Show(filepath.Join(filepath.Dir(file), "terminal.txt")))
				return held.costs(), held.human()
			}},
	}
}

// floor is the snapshot_floor of roster 3.
const floor = 1000

// theftPlan is the plan of roster 3.
func (s *stage) theftPlan() (string, error) {
	countersign, snapshot, err := s.ids(2)
	if err != nil {
		return "", err
	}
	from := time.Now().UTC().Add(-time.Hour).Truncate(time.Second).Format(time.RFC3339)
	values := map[string]string{"expires": years(1), "online-from": from, "online-until": years(1), "floor": fmt.Sprint(floor), "online-file": "unused",
		"theft-reason": "stolen from the online signer", "theft-at": s.issued.Format(time.RFC3339)}
	return s.plan(3, []string{"renewal", "online-theft"}, values, func(p string) string {
		var lines []string
		for line := range strings.SplitSeq(p, "\n") {
			trimmed := strings.TrimSpace(line)
			if strings.HasPrefix(trimmed, "- {key: "+countersign) || strings.HasPrefix(trimmed, "- {key: "+snapshot) {
				continue // the standby pair, which nobody can have
			}
			if strings.HasPrefix(trimmed, "file: unused") {
				line = fmt.Sprintf("  keep: [%s, %s]", countersign, snapshot)
			}
			lines = append(lines, line)
		}
		return strings.Join(lines, "\n")
	})
}

// returning is runbooks/online-theft.md, part 4.
func (s *stage) returning() []step {
	at := func(place, who, what, key string, play func() error) step {
		return step{track: together, place: place, who: who, what: what, costs: once(key), play: play}
	}
	steps := []step{
		at("common.md part D", "administrator", "carry the output to the signer", "carry-out", nil),
		at("online-theft.md 4.1", "operator", "adopt it", "command", func() error {
			said, err := s.signers[2].Operate("adopt", s.ceremony(3, "published", "publish"))
			if err != nil {
				return err
			}
			if !strings.Contains(said, fresh) {
				return fmt.Errorf("the signer does not say that it dropped %s, which no anchor holds", fresh)
			}
			return s.snapshot(2)
		}),
		at("online-theft.md 4.2", "operator", "every client accepts, and the thief's mirror helps nobody", "command", s.allFollow),
		at("online-theft.md 4.3", "on call", "publish since when the index serves, and what was dropped", "announce", nil),
	}
	steps[2].ends = t3
	return steps
}

func (s *stage) allFollow() error {
	if err := s.begin("judy"); err != nil {
		return err
	}
	for _, who := range []string{"judy", "ivan", "frank", "olga", "heidi"} {
		if err := s.accepts(who, s.web); err != nil {
			return err
		}
	}
	for _, who := range []string{"frank", "heidi"} {
		if err := s.refuses(who, s.mirror, older); err != nil {
			return err
		}
	}
	return nil
}
