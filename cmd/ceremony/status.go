package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/status"
	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

func (t *tool) statusCommand() *cli.Command {
	return &cli.Command{Name: "status", Usage: "says how the root stands: dates, who can be lost, cards, and what is to be done next",
		Description: "Exit code 0: the root counts and can be renewed, though something may be due soon. " +
			"Exit code 3: the roster is expired, fewer keyholders can sign than must, no online key of a role counts, " +
			"a public revocation waits for a new roster, or an attestation that the roster names is not there.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "rosters", Usage: "the rosters so far, a copy of the public repository, `DIR`", Required: true},
			&cli.StringFlag{Name: "pin", Usage: "the first roster's digest in `HEX`, from another source than DIR", Required: true},
			&cli.StringSliceFlag{Name: "away", Usage: "the keyholder `NAME` cannot come, or has no card any more; may be repeated"},
			&cli.StringFlag{Name: "ics", Usage: "write the dates as a calendar, a new `FILE`"},
		}, Action: t.status}
}

func (t *tool) status(c *cli.Context) error {
	pin, err := digest.Parse(c.String("pin"))
	if err != nil {
		return command.Usagef("flag --pin: %w", err)
	}
	folder, err := ceremony.OpenFolder(c.String("rosters"))
	if err != nil {
		return err
	}
	defer folder.Close()
	chain, err := ceremony.Walk(c.Context, folder.Fetch, pin)
	if err != nil {
		return err
	}
	in := status.Input{Rosters: chain.Rosters, Away: c.StringSlice("away"), At: t.Now()}
	if err := away(chain.Last().Root(), in.Away); err != nil {
		return err
	}
	if in.Cards, err = status.ReadCards(c.Context, chain.Rosters, folder.Fetch, hsm.YubicoRoots(), hsm.Advisories, in.At); err != nil {
		return err
	}
	if in.Opened, err = status.Opened(c.Context, chain.Rosters, folder.Fetch); err != nil {
		return err
	}
	s := status.Of(in, status.Usual())
	t.results(s.Lines())
	if file := c.String("ics"); file != "" {
		if err := durable.WriteNew(file, s.Calendar(status.Usual()), 0o644); err != nil {
			return err
		}
		t.result("calendar: %s", file)
	}
	if len(s.Problems) > 0 {
		return &ceremony.RefusedError{Problem: strings.Join(s.Problems, "; "), Do: "do first what stands under NEXT with the word NOW; docs/maintenance.md says who must be there"}
	}
	return nil
}

// away wants names that the roster has.
func away(root roster.Root, names []string) error {
	for _, n := range names {
		if !slices.ContainsFunc(root.Keyholders, func(k roster.Keyholder) bool { return k.Name == n }) {
			all := make([]string, len(root.Keyholders))
			for i, k := range root.Keyholders {
				all[i] = fmt.Sprintf("%q", k.Name)
			}
			return command.Usagef("flag --away: root roster %d has no keyholder %q; wanted one of %s", root.Version, n, strings.Join(all, ", "))
		}
	}
	return nil
}
