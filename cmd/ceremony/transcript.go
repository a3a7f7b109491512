package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/ceremony/report"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/internal/pgp"
)

func (t *tool) transcriptCommand() *cli.Command {
	witness := &cli.StringFlag{Name: "witness", Usage: "a witness of the plan, `NAME`", Required: true}
	output := &cli.StringFlag{Name: "out", Usage: "the ceremony's output, `DIR`, to check that too"}
	return &cli.Command{Name: "transcript", Usage: "seals, verifies and reports the record of a ceremony", Subcommands: []*cli.Command{
		{Name: "seal", Usage: "writes the last entry of the transcript, after which nothing can be added",
			Flags: []cli.Flag{recordFlag}, Action: t.transcriptSeal},
		{Name: "statement", Usage: "writes the text that a witness signs",
			Flags: []cli.Flag{recordFlag, witness,
				&cli.StringFlag{Name: "disagree", Usage: "that the witness disagrees, and why, in `TEXT`"},
				&cli.StringFlag{Name: "statement", Usage: "a new `FILE` for the text; without it, it is printed"}}, Action: t.transcriptStatement},
		{Name: "sign-off", Usage: "verifies what a witness signed, and puts it beside the transcript",
			Flags: []cli.Flag{recordFlag,
				&cli.StringFlag{Name: "statement", Usage: "the text that was signed, `FILE`", Required: true},
				&cli.StringFlag{Name: "signature", Usage: "the signature over it, `FILE`", Required: true},
				&cli.StringFlag{Name: "certificate", Usage: "the witness's OpenPGP certificate, `FILE`, where the plan names none"}}, Action: t.transcriptSignOff},
		{Name: "verify", Usage: "checks the whole record: chain, seal, files, signatures, statements",
			Flags: []cli.Flag{recordFlag, output,
				&cli.StringSliceFlag{Name: "with-disagreement", Usage: "the objection of the witness `NAME` was answered; may be repeated"},
				&cli.StringSliceFlag{Name: "without-statement", Usage: "the witness `NAME` will sign no statement; may be repeated"}}, Action: t.transcriptVerify},
		{Name: "report", Usage: "writes the record as one page for an auditor",
			Flags: []cli.Flag{recordFlag,
				&cli.StringFlag{Name: "out", Usage: "a new `FILE` of HTML", Required: true},
				&cli.StringFlag{Name: "output", Usage: "the ceremony's output, `DIR`, to check that too"}}, Action: t.transcriptReport},
	}}
}

func (t *tool) transcriptSeal(c *cli.Context) (err error) {
	at := t.Now()
	r, err := ceremony.OpenRecord(c.Context, c.String("record"), at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if r.HasDraft() && !r.Combined() {
		return &ceremony.RefusedError{Problem: "the draft was neither combined nor abandoned: the ceremony has not ended",
			Do: "combine it, or destroy it: ceremony abandon --record " + c.String("record")}
	}
	answer, err := t.desk.Ask("Type seal to write the last entry: nothing can be added after it")
	if err != nil {
		return err
	}
	if strings.TrimSpace(answer) != "seal" {
		return &ceremony.RefusedError{Problem: "what was typed is not seal; nothing was written"}
	}
	if err := r.Seal(at, "transcript", nil); err != nil {
		return err
	}
	t.result("the transcript is sealed")
	t.results(change.Digest(r.Head()))
	return nil
}

func (t *tool) transcriptStatement(c *cli.Context) error {
	r, err := ceremony.ReadRecord(c.String("record"))
	if err != nil {
		return err
	}
	if c.IsSet("disagree") && strings.TrimSpace(c.String("disagree")) == "" {
		return command.Usagef("flag --disagree wants the reason")
	}
	s, err := r.Statement(c.String("witness"), strings.TrimSpace(c.String("disagree")))
	if err != nil {
		return err
	}
	text, err := s.Format()
	if err != nil {
		return &ceremony.RefusedError{Err: err}
	}
	if file := c.String("statement"); file != "" {
		if err := durable.WriteNew(file, text, 0o644); err != nil {
			return err
		}
		t.result("%s: %s", file, s.Verdict())
		t.desk.Say("To be signed with: gpg --armor --detach-sign " + file)
		return nil
	}
	_, err = t.Stdout.Write(text)
	return err
}

// readInput reads a file that the command line names.
func readInput(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, command.Usagef("%w", err)
	}
	if info.Size() > limit {
		return nil, command.Usagef("file %q has %d bytes, wanted at most %d", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}

func (t *tool) transcriptSignOff(c *cli.Context) (err error) {
	text, err := readInput(c.String("statement"), transcript.MaxStatement)
	if err != nil {
		return err
	}
	asc, err := readInput(c.String("signature"), pgp.MaxSignatureFile)
	if err != nil {
		return err
	}
	var cert []byte
	if c.IsSet("certificate") {
		if cert, err = readInput(c.String("certificate"), pgp.MaxCertificate); err != nil {
			return err
		}
	}
	r, err := ceremony.OpenRecord(c.Context, c.String("record"), t.Now())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	said, err := r.SignOff(text, asc, cert)
	if err != nil {
		return err
	}
	t.result("%s: %s", said.Witness, said.Verdict())
	t.result("signed with key %s", said.Key)
	if !said.Pinned {
		t.desk.Say("The plan names no certificate of this witness: every report says that the one that was brought counted.")
	}
	return nil
}

func (t *tool) transcriptVerify(c *cli.Context) error {
	a, err := ceremony.Examine(c.Context, c.String("record"), c.String("out"))
	if err != nil {
		return err
	}
	for _, w := range a.Witnesses {
		t.witnessSays(w)
	}
	for _, p := range a.Problems {
		t.result("PROBLEM: %s", p)
	}
	if a.Plan != nil {
		t.result("ceremony %s of %s, acts %v", a.Plan.Ceremony, a.Plan.Repository, a.Plan.Acts)
	}
	if a.Draft != nil {
		state := ""
		if a.Abandoned {
			state = ", ABANDONED"
		}
		t.result("root roster %v%s: %v", a.Draft.Facts["version"], state, a.Draft.Facts["digest"])
	}
	t.result("%d files are as the transcript names them", count(a.Files))
	if n := len(a.Entries); n > 0 {
		t.result("transcript of %d entries, %s to %s, sealed: %v", n, a.Entries[0].At, a.Entries[n-1].At, a.Sealed)
	}
	t.results(change.Digest(a.Head))
	return a.Refusal(ceremony.Accepted{Disagreement: c.StringSlice("with-disagreement"), Silence: c.StringSlice("without-statement")})
}

func count(files []ceremony.AuditedFile) (n int) {
	for _, f := range files {
		if f.State == ceremony.AsNamed {
			n++
		}
	}
	return n
}

func (t *tool) witnessSays(w ceremony.WitnessSaid) {
	for _, why := range w.Spoken {
		t.result("witness %s: I DISAGREE, in the room: %q", w.Name, why)
	}
	for _, s := range w.Statements {
		pinned := "of the plan"
		if !s.Pinned {
			pinned = "NOT IN THE PLAN"
		}
		t.result("witness %s: %s (key %s, certificate %s)", w.Name, s.Verdict(), s.Key, pinned)
	}
	if len(w.Statements) == 0 {
		t.result("witness %s: NO SIGNED STATEMENT", w.Name)
	}
}

func (t *tool) transcriptReport(c *cli.Context) error {
	out := c.String("out")
	if _, err := os.Lstat(out); err == nil {
		return &durable.ExistsError{Path: out}
	}
	a, err := ceremony.Examine(c.Context, c.String("record"), c.String("output"))
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := report.Write(&page, a); err != nil {
		return err
	}
	if err := durable.WriteNew(out, page.Bytes(), 0o644); err != nil {
		return err
	}
	t.result("%s", out)
	for _, w := range a.Witnesses {
		if w.Disagrees() {
			t.desk.Say(fmt.Sprintf("Witness %s DISAGREES: the report begins with it.", w.Name))
		}
	}
	if n := len(a.Problems); n > 0 {
		t.desk.Say(fmt.Sprintf("The record has %d problems: the report begins with them.", n))
	}
	return nil
}
