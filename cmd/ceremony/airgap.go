package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/airgap"
	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/roster"
)

func (t *tool) airGapCommand() *cli.Command {
	return &cli.Command{Name: "air-gap", Usage: "tries every way to a network, looks at the machine and its clock, and says which program this is",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "repository", Usage: "the index of the ceremony, a DNS `NAME`; a rehearsal's allows readers for virtual cards"},
			&cli.StringFlag{Name: "after", Usage: "the newest roster that there is, a `FILE`: the clock must not be before it"},
		}, Action: t.airGap}
}

// airGap says what it found, and refuses what forbids a ceremony.
func (t *tool) airGap(c *cli.Context) error {
	rehearsal := strings.HasPrefix(c.String("repository"), roster.RehearsalPrefix)
	if c.IsSet("repository") {
		if err := roster.CheckRepository(c.String("repository")); err != nil {
			return command.Usagef("flag --repository: %w", err)
		}
	}
	at := t.Now()
	clock, err := clockAfter(c.String("after"), at)
	if err != nil {
		return err
	}
	open, err := t.attempts()
	if err != nil {
		return err
	}
	m := machine(rehearsal)
	findings := append(m.Findings, clock...)
	for _, f := range findings {
		if f.ID == "NETWORK-OPEN" {
			continue // said already
		}
		t.result("%-9s %s: %s", strings.ToUpper(string(f.Class)), f.ID, f.Sentence)
		t.desk.Say(fmt.Sprintf("%s: %s", f.ID, f.Do))
	}
	t.result("the clock reads %s", at.UTC().Format(time.RFC3339))
	if !m.Program.IsZero() {
		t.result("this program:")
		t.results(change.Digest(m.Program))
	}
	switch {
	case open > 0:
		return &ceremony.RefusedError{Problem: fmt.Sprintf("%d ways to a network are open", open), Do: "do not hold a ceremony with this program on this machine"}
	case airgap.Worst(findings) == airgap.Refused:
		return &ceremony.RefusedError{Problem: "this machine is not one for a ceremony", Do: "see above; a rehearsal names its repository (--repository)"}
	}
	return nil
}

// attempts tries each way to a network, and counts those that are open.
func (t *tool) attempts() (open int, err error) {
	all := airgap.Attempts()
	if len(all) == 0 {
		return 0, &ceremony.RefusedError{Err: airgap.ErrUnsupported, Do: "hold the ceremony on a machine without any network hardware"}
	}
	for _, a := range all {
		if a.Opened {
			open++
			t.result("OPEN      %s", a.What)
		} else {
			t.result("refused   %s: %s", a.What, a.Reason)
		}
	}
	return open, nil
}

// clockAfter compares the clock with a roster; without one it says nothing.
func clockAfter(file string, now time.Time) ([]airgap.Finding, error) {
	if file == "" {
		return nil, nil
	}
	d, err := ceremony.ReadDraft(file)
	if err != nil {
		return nil, err
	}
	root := d.Root()
	who := fmt.Sprintf("root roster %d of %s", root.Version, root.Repository)
	return airgap.CheckClock(now, []airgap.Stamp{{Who: who, At: root.Issued.Time}}), nil
}
