package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/airgap"
	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/roster/digest"
)

func (t *tool) planCommand() *cli.Command {
	return &cli.Command{Name: "plan", Usage: "begins, checks and shows a plan", Subcommands: []*cli.Command{
		{Name: "new", Usage: "writes the template of a plan for the acts, filled in as far as the rosters so far go", ArgsUsage: "ACT...",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "previous", Usage: "the rosters so far, a copy of the public repository, `DIR`"},
				&cli.StringFlag{Name: "pin", Usage: "the first roster's digest in `HEX`, from another source than DIR"},
				&cli.StringFlag{Name: "out", Usage: "a new `FILE`; by default standard output"},
			}, Action: t.planNew},
		{Name: "check", Usage: "runs every check over a plan and what it names, and builds the draft without keeping it",
			Flags: []cli.Flag{planFlag}, Action: t.planCheck},
		{Name: "show", Usage: "shows all that people review before the day: the plan, its digest, inputs, people, cards, checks and sentences",
			Flags: []cli.Flag{planFlag}, Action: t.planShow},
	}}
}

// load reads the plan. That there is none is a mistake in the command line.
func load(c *cli.Context, at time.Time) (*ceremony.Case, error) {
	if _, err := os.Stat(c.String("plan")); err != nil {
		return nil, command.Usagef("reading the plan: %w", err)
	}
	k, err := ceremony.Load(c.Context, c.String("plan"), at)
	if err != nil {
		return nil, err
	}
	k.Program, err = airgap.ProgramDigest()
	return k, err
}

func (t *tool) planNew(c *cli.Context) error {
	var acts []plan.Act
	for _, a := range c.Args().Slice() {
		acts = append(acts, plan.Act(a))
	}
	if err := plan.CheckActs(acts); err != nil {
		return command.Usagef("plan new: %w", err)
	}
	if c.IsSet("previous") != c.IsSet("pin") {
		return command.Usagef("plan new wants --previous and --pin together")
	}
	var pin digest.Digest
	if c.IsSet("pin") {
		var err error
		if pin, err = digest.Parse(c.String("pin")); err != nil {
			return command.Usagef("flag --pin: %w", err)
		}
	}
	b, err := ceremony.NewPlan(c.Context, acts, c.String("previous"), pin, t.Now())
	if err != nil {
		return err
	}
	if out := c.String("out"); out != "" {
		if err := durable.WriteNew(out, b, 0o644); err != nil {
			return err
		}
		t.desk.Say(fmt.Sprintf("%d values are to be filled in.", strings.Count(string(b), " "+plan.Blank)))
		t.result("%s", out)
		return nil
	}
	t.results(strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"))
	return nil
}

func (t *tool) planCheck(c *cli.Context) error {
	k, err := load(c, t.Now())
	if err != nil {
		return err
	}
	p, err := k.Prospect(c.Context, t.Rand)
	for _, in := range k.Inputs {
		t.result("input  %s  %s (%s)", in.Digest, in.Path, in.What)
	}
	for _, f := range p.Findings {
		t.result("%s", f.Line())
	}
	if err != nil {
		return err
	}
	t.prospect(p)
	return nil
}

func (t *tool) planShow(c *cli.Context) error {
	k, err := load(c, t.Now())
	if err != nil {
		return err
	}
	for _, line := range strings.Split(strings.TrimSuffix(string(k.Raw), "\n"), "\n") {
		t.result("| %s", line)
	}
	p, err := k.Prospect(c.Context, t.Rand)
	t.results(k.Overview(p.Findings))
	if err != nil {
		return err
	}
	t.prospect(p)
	return nil
}

// prospect prints what the plan comes to. How many of the sentences deserve a
// second look is a note: the sentences are the same wherever they are read.
func (t *tool) prospect(p ceremony.Prospect) {
	for _, line := range change.Summary(p.Change) {
		t.desk.Say(line)
	}
	t.results(p.Sentences)
	if p.Draft != nil {
		t.result("The digest of root roster %d, as this plan makes it; the plan's own is another:", p.Draft.Roster.Root().Version)
		t.results(change.Digest(p.Draft.Roster.Digest()))
	}
}
