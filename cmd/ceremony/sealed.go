package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/ceremony"
)

// The acts without a roster.

func (t *tool) revocationsCommand() *cli.Command {
	return &cli.Command{Name: "revocations", Usage: "opens or destroys revocations that were signed in advance", Subcommands: []*cli.Command{
		{Name: "open", Usage: "makes sealed revocations ready to publish, as a plan of the act open-revocations says",
			Flags: []cli.Flag{planFlag}, Action: t.holdSealed("to publish", "open-revocations")},
		{Name: "destroy", Usage: "destroys a superseded set, as a plan of the act destroy-revocations says",
			Flags: []cli.Flag{planFlag}, Action: t.holdSealed("destroyed", "destroy-revocations")},
	}}
}

// holdSealed wants the plan's act to be the one that was typed, so that no plan
// does the opposite of the command.
func (t *tool) holdSealed(done, act string) cli.ActionFunc {
	return func(c *cli.Context) error {
		at := t.Now()
		k, err := load(c, at)
		if err != nil {
			return err
		}
		if k.Plan.ActNames() != act {
			return &ceremony.RefusedError{Problem: "the plan's act is " + k.Plan.ActNames() + ", wanted " + act}
		}
		files, err := ceremony.HoldSealed(c.Context, k, t.desk, at)
		if err != nil {
			return err
		}
		for _, f := range files {
			t.result("%s  %s  %s", done, f.Digest, f.Path)
		}
		if out := k.Plan.Outputs.Published; out != "" {
			t.result("to publish: %s", out)
		}
		t.result("record: %s", k.Plan.Outputs.Record)
		return nil
	}
}

func (t *tool) abandonPlanned(c *cli.Context, at time.Time) error {
	k, err := load(c, at)
	if err != nil {
		return err
	}
	if err := ceremony.AbandonPlanned(c.Context, k, t.desk, at); err != nil {
		return err
	}
	t.result("the draft and its signatures are destroyed")
	return nil
}
