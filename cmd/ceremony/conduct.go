package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/rootward/rootward/hsm/piv"
	"github.com/rootward/rootward/internal/airgap"
	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/ceremony/conduct"
	"github.com/rootward/rootward/internal/command"
)

func (t *tool) conductCommand() *cli.Command {
	return &cli.Command{Name: "conduct", Usage: "leads the people in the room through a ceremony, or goes on with one that was left", ArgsUsage: "[PLAN]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "plan", Usage: "the ceremony's plan, a YAML `FILE`; or as the argument"},
			&cli.StringFlag{Name: "record", Usage: "the ceremony's folder, `DIR`, where the plan names none"},
			&cli.StringFlag{Name: "out", Usage: "a new folder, `DIR`, for the output, where the plan names none"},
		}, Action: t.conduct}
}

func (t *tool) conduct(c *cli.Context) error {
	file := c.String("plan")
	if c.Args().Present() == (file != "") {
		return command.Usagef("conduct wants the plan, as --plan FILE or as the argument")
	}
	if file == "" {
		file = c.Args().First()
	}
	if _, err := os.Stat(file); err != nil {
		return command.Usagef("reading the plan: %w", err)
	}
	o, err := conduct.Run(c.Context, conduct.Config{
		PlanFile: file, Desk: t.console(), Cards: readers{t.cards}, Now: t.Now, Rand: t.Rand, Machine: machine,
		Record: c.String("record"), Out: c.String("out"),
	})
	if err != nil {
		return ceremony.Judge(err)
	}
	t.outcome(o)
	if len(o.Disagree) > 0 {
		return &ceremony.RefusedError{Problem: fmt.Sprintf("the ceremony is closed and sealed, and %s disagree", strings.Join(o.Disagree, ", ")),
			Do: "decide what their reasons mean before anything is published; they stand in the record"}
	}
	return nil
}

// outcome prints what came of a ceremony.
func (t *tool) outcome(o *conduct.Outcome) {
	switch {
	case o.Version > 0:
		t.result("root roster %d, signed by %s", o.Version, orNobody(o.Signed))
		if len(o.Missing) > 0 {
			t.result("not signed by: %s", orNobody(o.Missing))
		}
		t.results(change.Digest(o.Digest))
		t.result("to publish: %s/%s", o.Published, ceremony.PublishName)
		t.result("to seal: %s/%s, and %s for the envelope STOP", o.Published, ceremony.SealedName, ceremony.StopName)
	case o.Published != "":
		t.result("to publish: %s", o.Published)
	}
	t.result("record: %s", o.Record)
	t.result("transcript %s", o.Transcript)
}

// console is the terminal of a guided run.
func (t *tool) console() *conduct.Console {
	file, ok := t.Stderr.(*os.File)
	return &conduct.Console{In: keyboard{t.desk}, Out: t.Stderr, Live: ok && term.IsTerminal(int(file.Fd())),
		Tick: func() (<-chan time.Time, func()) {
			ticker := time.NewTicker(time.Second)
			return ticker.C, ticker.Stop
		}}
}

// readers are the card readers of this machine.
type readers struct{ cards }

// Present implements [conduct.Cards].
func (readers) Present() ([]uint32, error) {
	all, err := piv.List()
	serials := make([]uint32, len(all))
	for i, c := range all {
		serials[i] = c.Serial
	}
	return serials, err
}

// machine tries every way to a network, and looks at the machine's files and
// readers.
func machine(rehearsal bool) conduct.Machine {
	var m conduct.Machine
	fault := func(id, sentence, do string) {
		m.Findings = append(m.Findings, airgap.Finding{ID: id, Class: airgap.Exception, Sentence: sentence, Do: do})
	}
	attempts := airgap.Attempts()
	refused := 0
	for _, a := range attempts {
		if a.Opened {
			m.Findings = append(m.Findings, airgap.Finding{ID: "NETWORK-OPEN", Class: airgap.Refused,
				Sentence: "The kernel lets this program open " + a.What + ".", Do: "do not hold a ceremony with this program on this machine"})
		} else {
			refused++
		}
	}
	if len(attempts) == 0 {
		fault("NETWORK-UNKNOWN", airgap.ErrUnsupported.Error()+".", "hold the ceremony on a machine without any network hardware")
	}
	m.Lines = append(m.Lines, fmt.Sprintf("%d ways to a network were tried; the kernel refused %d.", len(attempts), refused))
	names, err := piv.Readers()
	if err != nil {
		fault("READERS-UNKNOWN", "The card readers could not be listed: "+err.Error()+".", "start pcscd")
	}
	m.Lines = append(m.Lines, fmt.Sprintf("%d card readers are there.", len(names)))
	m.Findings = append(m.Findings, airgap.Inspect(os.DirFS("/")).Findings(names, rehearsal)...)
	if m.Program, err = airgap.ProgramDigest(); err != nil {
		fault("PROGRAM-UNKNOWN", "The program's own digest is not known: "+err.Error()+".", "compare the file on its medium on another machine")
	}
	return m
}

// A keyboard gives a console what is typed.
type keyboard struct{ *desk }

// Line implements [conduct.Input].
func (k keyboard) Line() (string, error) { return k.line() }

// Secret implements [conduct.Input].
func (k keyboard) Secret() (string, error) { return k.secret() }
