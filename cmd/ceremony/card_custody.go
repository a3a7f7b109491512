package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// custodyCommands are what a holder does with a card outside a ceremony.
func (t *tool) custodyCommands() []*cli.Command {
	out := &cli.StringFlag{Name: "out", Usage: "where enrolments are kept, `DIR`, to note in the card's transcript what was done"}
	kept := &cli.StringFlag{Name: "out", Usage: "where enrolments are kept, `DIR`", Required: true}
	return []*cli.Command{
		{Name: "attest", Usage: "has a card prove that its key was generated on it, and checks the proof in full",
			Flags: []cli.Flag{oneCard,
				&cli.StringFlag{Name: "roster", Usage: "the roster that is to list the key, a `FILE`"},
				&cli.StringFlag{Name: "minimum-firmware", Usage: "the oldest firmware that may have made the key, as `VERSION`", Value: "5.7.0"},
				&cli.StringSliceFlag{Name: "accept", Usage: "an advisory that the plan accepts, by its `ID`; may be repeated"},
				&cli.StringSliceFlag{Name: "root", Usage: "for rehearsals: an attestation root besides Yubico's, a PEM `FILE`; may be repeated"},
			}, Action: t.cardAttest},
		{Name: "change-pin", Usage: "replaces a card's PIN by the current one",
			Flags: []cli.Flag{oneCard, out, &cli.BoolFlag{Name: "puk", Usage: "replace the PUK instead"}}, Action: t.cardChangePIN},
		{Name: "unblock", Usage: "sets a new PIN by the PUK", Flags: []cli.Flag{oneCard, out}, Action: t.cardUnblock},
		{Name: "retire", Usage: "DESTROYS the key on a card that no current roster lists, and all else in its PIV application",
			Flags: []cli.Flag{oneCard, kept,
				&cli.StringFlag{Name: "published", Usage: "the published repository, `DIR`, whose newest roster does not list the key"},
				&cli.StringFlag{Name: "pin", Usage: "the digest of its first roster in `HEX`, from another source than DIR"},
				&cli.BoolFlag{Name: "no-roster", Usage: "the key was never in a roster: its enrolment failed, or there was no ceremony yet"},
			}, Action: t.cardRetire},
	}
}

// custody opens the card of a command.
func (t *tool) custody(c *cli.Context) (ceremony.Custody, error) {
	serial, err := serialOf(c)
	if err != nil {
		return nil, err
	}
	card, err := t.cards.Open(serial)
	if err != nil {
		return nil, ceremony.Judge(err)
	}
	kept, ok := card.(ceremony.Custody)
	if !ok {
		return nil, fmt.Errorf("card %d is of a kind that is only signed with", card.Serial())
	}
	return kept, nil
}

func (t *tool) handling(c *cli.Context) (ceremony.Handling, error) {
	card, err := t.custody(c)
	return ceremony.Handling{Card: card, Desk: t.desk, At: t.Now(), Dir: c.String("out")}, err
}

func (t *tool) cardChangePIN(c *cli.Context) error {
	h, err := t.handling(c)
	if err != nil {
		return err
	}
	secret := hsm.PIN
	if c.Bool("puk") {
		secret = hsm.PUK
	}
	if err := ceremony.Change(h, secret); err != nil {
		return err
	}
	t.result("card %d: %s changed", h.Card.Serial(), secret)
	return nil
}

func (t *tool) cardUnblock(c *cli.Context) error {
	h, err := t.handling(c)
	if err != nil {
		return err
	}
	if err := ceremony.Unblock(h); err != nil {
		return err
	}
	t.result("card %d: PIN set by the PUK", h.Card.Serial())
	return nil
}

func (t *tool) cardRetire(c *cli.Context) error {
	published := c.IsSet("published")
	if published != c.IsSet("pin") || published && c.Bool("no-roster") {
		return command.Usagef("retire takes --published DIR with --pin HEX, or --no-roster")
	}
	chain, err := t.published(c)
	if err != nil {
		return err
	}
	h, err := t.handling(c)
	if err != nil {
		return err
	}
	if err := ceremony.Retire(ceremony.Retiring{Handling: h, Chain: chain, NoRoster: c.Bool("no-roster")}); err != nil {
		return err
	}
	t.result("card %d is retired: its key is destroyed", h.Card.Serial())
	return nil
}

// published walks the rosters of a command's repository; nil where it names
// none.
func (t *tool) published(c *cli.Context) (*ceremony.Chain, error) {
	if !c.IsSet("published") {
		return nil, nil
	}
	pin, err := digest.Parse(c.String("pin"))
	if err != nil {
		return nil, command.Usagef("flag --pin: %w", err)
	}
	folder, err := ceremony.OpenFolder(c.String("published"))
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	return ceremony.Walk(c.Context, folder.Fetch, pin)
}

func (t *tool) cardAttest(c *cli.Context) error {
	p := ceremony.Proving{Roots: hsm.YubicoRoots(), AcceptedAdvisories: c.StringSlice("accept"), At: t.Now()}
	var err error
	if p.MinimumFirmware, err = firmware(c.String("minimum-firmware")); err != nil {
		return err
	}
	rehearsal := len(c.StringSlice("root")) > 0
	for _, name := range c.StringSlice("root") {
		b, err := os.ReadFile(name)
		if err != nil {
			return command.Usagef("flag --root: %w", err)
		}
		if !p.Roots.AppendCertsFromPEM(b) {
			return command.Usagef("flag --root: %q holds no certificate in PEM", name)
		}
	}
	if c.IsSet("roster") {
		d, err := ceremony.ReadDraft(c.String("roster"))
		if err != nil {
			return err
		}
		root := d.Root()
		if p.Roster = &root; rehearsal && !strings.HasPrefix(root.Repository, roster.RehearsalPrefix) {
			return &ceremony.RefusedError{Problem: fmt.Sprintf("the roster is of %s, which is no rehearsal, and takes no attestation root but Yubico's", root.Repository)}
		}
	}
	card, err := t.custody(c)
	if err != nil {
		return err
	}
	p.Card = card
	lines, err := p.Attest()
	t.results(lines)
	if err != nil {
		return err
	}
	if rehearsal {
		t.desk.Say("Roots were given with --root: this proves something in a rehearsal only.")
	}
	t.result("card %d: attestation holds", card.Serial())
	return nil
}

// firmware reads a version such as 5.7.0.
func firmware(s string) (hsm.Firmware, error) {
	var f hsm.Firmware
	if _, err := fmt.Sscanf(s, "%d.%d.%d", &f.Major, &f.Minor, &f.Patch); err != nil || f.String() != s {
		return hsm.Firmware{}, command.Usagef("flag --minimum-firmware is %q, wanted a version such as 5.7.0", s)
	}
	return f, nil
}

// A discloser is a desk that can show secrets, once, and wipe the screen.
type discloser struct {
	ceremony.Desk
	out *os.File // the screen; nil: what is disclosed is said
}

// discloser refuses to draw secrets that would be written to a file, unless they
// are a rehearsal's.
func (t *tool) discloser(c *cli.Context) (ceremony.Desk, error) {
	file, ok := t.Stderr.(*os.File)
	if ok && term.IsTerminal(int(file.Fd())) {
		return discloser{t.desk, file}, nil
	}
	if c.Bool("random-secrets") && !strings.HasPrefix(c.String("repository"), roster.RehearsalPrefix) {
		return nil, &ceremony.RefusedError{Problem: "standard error is no terminal: the PIN and the PUK would be shown where they stay",
			Do: "run the program at a terminal, or leave out --random-secrets"}
	}
	return discloser{Desk: t.desk}, nil
}

// wipe clears the screen and what scrolled off it, as xterm and the Linux console
// do (console_codes(4)).
const wipe = "\x1b[H\x1b[2J\x1b[3J"

// Disclose implements [ceremony.Discloser]. The screen is wiped also when nobody
// answers, or the program is interrupted meanwhile.
func (d discloser) Disclose(lines []string) error {
	if d.out != nil {
		defer d.wipeOnInterrupt()()
	}
	for _, line := range lines {
		d.Say(line)
	}
	if d.out == nil {
		return nil
	}
	_, err := d.Ask("Press Enter when they are on paper; the screen is wiped then")
	return err
}

// wipeOnInterrupt begins to watch for an interrupt; the returned function wipes
// the screen and ends the watch.
func (d discloser) wipeOnInterrupt() func() {
	interrupted, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(interrupted, os.Interrupt)
	go func() {
		select {
		case <-interrupted:
			_, _ = d.out.WriteString(wipe)
			os.Exit(command.Fault)
		case <-done:
		}
	}()
	return func() {
		_, _ = d.out.WriteString(wipe)
		signal.Stop(interrupted)
		close(done)
	}
}

var (
	_ ceremony.Custody   = pivCard{}
	_ ceremony.Discloser = discloser{}
)
