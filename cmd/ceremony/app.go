package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/roster/digest"
)

const name = "ceremony"

// A tool is the program: its world outside, the people's desk, and the cards.
type tool struct {
	command.Env
	desk  *desk
	cards cards
}

func app(env command.Env) *cli.App {
	t := &tool{env, &desk{in: env.Stdin, out: env.Stderr}, pivCards{}}
	return t.app()
}

// Flags that several commands have.
var (
	planFlag   = &cli.StringFlag{Name: "plan", Usage: "the ceremony's plan, a YAML `FILE`", Required: true}
	recordFlag = &cli.StringFlag{Name: "record", Usage: "the ceremony's folder, `DIR`", Required: true}
	serialFlag = &cli.StringFlag{Name: "serial", Usage: "the card's serial number `N`", Required: true}
)

func (t *tool) app() *cli.App {
	return &cli.App{
		Name:  name,
		Usage: "conducts what the keyholders of a root do together, away from any network",
		Commands: []*cli.Command{
			t.cardCommand(),
			t.planCommand(),
			t.conductCommand(),
			{Name: "draft", Usage: "makes the draft that a plan describes, and begins the record",
				Flags: []cli.Flag{planFlag, recordFlag}, Action: t.draft},
			{Name: "show", Usage: "says in sentences what a draft, or a roster in a file, changes", ArgsUsage: "[FILE]",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "record", Usage: "the ceremony's folder, `DIR`"},
					&cli.StringFlag{Name: "previous", Usage: "the roster that FILE follows, another `FILE`"},
				}, Action: t.show},
			{Name: "sign", Usage: "has one card sign the draft",
				Flags: []cli.Flag{recordFlag, serialFlag}, Action: t.sign},
			{Name: "combine", Usage: "puts the signatures together, verifies, and writes what is to be published and sealed",
				Flags: []cli.Flag{recordFlag, &cli.StringFlag{Name: "out", Usage: "a new folder, `DIR`, for the output", Required: true}}, Action: t.combine},
			{Name: "verify", Usage: "walks the rosters of a repository from a pinned digest", ArgsUsage: "DIR",
				Flags: []cli.Flag{&cli.StringFlag{Name: "pin", Usage: "the first roster's digest in `HEX`, from another source than DIR", Required: true}}, Action: t.verify},
			{Name: "abandon", Usage: "destroys the draft and the signatures over it, and records that",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "record", Usage: "the ceremony's folder, `DIR`"},
					&cli.StringFlag{Name: "plan", Usage: "in place of --record, a plan of the act abandon, a YAML `FILE`"},
				}, Action: t.abandon},
			t.revocationsCommand(),
			t.statusCommand(),
			t.bundleCommand(),
			t.transcriptCommand(),
			t.airGapCommand(),
		},
	}
}

// result prints a line on standard output. Write errors are found by package
// command.
func (t *tool) result(format string, args ...any) {
	fmt.Fprintln(t.Stdout, command.Printable(fmt.Sprintf(format, args...)))
}

func (t *tool) results(lines []string) {
	for _, l := range lines {
		t.result("%s", l)
	}
}

func (t *tool) draft(c *cli.Context) error {
	at := t.Now()
	k, err := load(c, at)
	if err != nil {
		return err
	}
	if dir := c.String("record"); ceremony.IsRecord(dir) { // whose draft was abandoned
		k.Record = dir
	}
	d, err := ceremony.Build(c.Context, k, t.Rand)
	if err != nil {
		return err
	}
	t.desk.Say(fmt.Sprintf("%d checks were made, and none refuses.", len(d.Findings)))
	t.desk.Say("The draft was verified whole by the clients' code, with throw-away keys.")
	if err := ceremony.Begin(c.Context, c.String("record"), k, d); err != nil {
		return err
	}
	t.results(d.Sentences())
	t.results(change.Digest(d.Roster.Digest()))
	return nil
}

// session opens the record and its draft for a step, and closes it after.
func (t *tool) session(c *cli.Context, at time.Time, step func(*ceremony.Session) error) (err error) {
	r, err := ceremony.OpenRecord(c.Context, c.String("record"), at)
	if err != nil {
		return err
	}
	defer func() {
		if e := r.Close(); err == nil {
			err = e
		}
	}()
	s, err := r.Session(c.Context)
	if err != nil {
		return err
	}
	return step(s)
}

func (t *tool) show(c *cli.Context) error {
	switch {
	case c.Args().Present() == c.IsSet("record"):
		return command.Usagef("show wants either --record DIR or FILE")
	case c.IsSet("record") && c.IsSet("previous"):
		return command.Usagef("show takes --previous with FILE only: a record knows its previous roster")
	case c.Args().Present():
		return t.showFile(c.Args().First(), c.String("previous"))
	}
	return t.session(c, t.Now(), func(s *ceremony.Session) error {
		signed, missing, err := s.Signers()
		if err != nil {
			return err
		}
		t.results(s.Draft.Sentences())
		t.results(change.Digest(s.Draft.Roster.Digest()))
		for _, doc := range s.Draft.Revocations {
			t.result("Signed with it, and sealed: %s  %s", doc.Digest(), doc.Path)
		}
		t.result("Signed by: %s. Not yet: %s.", orNobody(signed), orNobody(missing))
		return nil
	})
}

func (t *tool) showFile(file, previous string) error {
	d, err := ceremony.ReadDraft(file)
	if err != nil {
		return err
	}
	if previous == "" {
		t.results(change.Of(nil, d.Root(), nil))
	} else {
		p, err := ceremony.ReadDraft(previous)
		if err != nil {
			return err
		}
		if d.Root().Previous.Digest != p.Digest() {
			return &ceremony.RefusedError{Problem: fmt.Sprintf("%s follows the roster with digest %s, and %s has digest %s", file, d.Root().Previous, previous, p.Digest())}
		}
		before := p.Root()
		t.results(change.Of(&before, d.Root(), nil))
	}
	t.results(change.Digest(d.Digest()))
	t.desk.Say("No signature was verified.")
	return nil
}

func (t *tool) sign(c *cli.Context) error {
	serial, err := serialOf(c)
	if err != nil {
		return err
	}
	at := t.Now()
	return t.session(c, at, func(s *ceremony.Session) error {
		if err := s.Wants(serial); err != nil {
			return err
		}
		card, err := t.cards.Open(serial)
		if err != nil {
			return ceremony.Judge(err)
		}
		if err := s.Sign(c.Context, ceremony.Signing{Card: card, Desk: t.desk, At: at, Rand: t.Rand}); err != nil {
			return err
		}
		signed, missing, err := s.Signers()
		if err != nil {
			return err
		}
		t.result("card %d has signed all of draft %s that it is to sign", serial, s.Draft.Roster.Digest())
		t.result("signed by: %s", orNobody(signed))
		t.result("not yet: %s", orNobody(missing))
		t.result("transcript %s", s.Head())
		return nil
	})
}

func (t *tool) combine(c *cli.Context) error {
	at := t.Now()
	return t.session(c, at, func(s *ceremony.Session) error {
		r, err := s.Combine(c.Context, c.String("out"), at)
		if err != nil {
			return err
		}
		t.result("root roster %d of %s, signed by %s", r.Roster.Version(), r.Roster.Repository(), orNobody(r.Signed))
		t.results(change.Digest(r.Roster.Digest()))
		t.result("to publish: %s", c.String("out")+"/"+ceremony.PublishName)
		t.result("to seal: %s (%d revocations, and the label for the envelope)", c.String("out")+"/"+ceremony.SealedName, r.Revocations)
		t.result("for the envelope STOP: %s (those of the pair in use alone)", c.String("out")+"/"+ceremony.StopName)
		t.result("transcript %s", r.Transcript)
		if r.Roster.Version() > 1 {
			t.desk.Say("Once this roster is public, destroy the revocations that were sealed under the one before.")
		}
		return nil
	})
}

func (t *tool) verify(c *cli.Context) error {
	pin, err := digest.Parse(c.String("pin"))
	if err != nil {
		return command.Usagef("flag --pin: %w", err)
	}
	folder, err := ceremony.OpenFolder(c.Args().First())
	if err != nil {
		return err
	}
	defer folder.Close()
	chain, err := ceremony.Walk(c.Context, folder.Fetch, pin)
	if err != nil {
		return err
	}
	t.results(chain.Report())
	if err := chain.Attestations(c.Context, folder.Fetch); err != nil {
		return err
	}
	return chain.Last().Current(t.Now())
}

func (t *tool) abandon(c *cli.Context) (err error) {
	at := t.Now()
	if c.IsSet("plan") == c.IsSet("record") {
		return command.Usagef("abandon wants either --record DIR or --plan FILE")
	}
	if c.IsSet("plan") {
		return t.abandonPlanned(c, at)
	}
	r, err := ceremony.OpenRecord(c.Context, c.String("record"), at)
	if err != nil {
		return err
	}
	defer func() {
		if e := r.Close(); err == nil {
			err = e
		}
	}()
	if err := r.Abandon(t.desk, at); err != nil {
		return err
	}
	t.result("the draft and its signatures are destroyed")
	t.result("transcript %s", r.Head())
	return nil
}

func orNobody(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	s := names[0]
	for _, n := range names[1:] {
		s += ", " + n
	}
	return s
}
