package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// A program is what its commands share.
type program struct{ command.Env }

func app(env command.Env) *cli.App {
	p := program{env}
	return &cli.App{
		Name:    "roster",
		Usage:   "verify packages from the root roster down; make the documents that maintainers sign",
		Version: "0.1.0",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "state", Usage: "the client's state `DIRECTORY`"},
			&cli.StringSliceFlag{Name: "url", Usage: "the `URL` of the repository, or of a mirror; of several, the next is asked where one is of no help"},
			&cli.StringFlag{Name: "now", Usage: "judge as of this `TIME` (RFC 3339) instead of the clock's, to test or to look back"},
			&cli.StringFlag{Name: "accept", Value: client.DefaultPolicy().String(), Usage: "the `OUTCOMES` that are enough, separated by commas: established, remembered, new, unsigned, frozen, yanked"},
		},
		Commands: append(append(p.clientCommands(), p.maintainerCommands()...), p.witnessCommand()),
	}
}

// now is the time by which the command judges.
func (p program) now(c *cli.Context) (time.Time, error) {
	if !c.IsSet("now") {
		return p.Now().UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, c.String("now"))
	if err != nil {
		return time.Time{}, command.Usagef("--now is %q; want a time such as 2026-01-31T12:00:00Z", c.String("now"))
	}
	return t.UTC(), nil
}

// say prints a message for people.
func (p program) say(level, format string, args ...any) {
	command.Say(p.Stderr, "roster", level, fmt.Sprintf(format, args...))
}

// print prints a line of results.
func (p program) print(format string, args ...any) {
	fmt.Fprintln(p.Stdout, command.Printable(fmt.Sprintf(format, args...)))
}

func stateOf(c *cli.Context) (string, error) {
	if c.String("state") == "" {
		return "", command.Usagef("missing --state DIRECTORY")
	}
	return c.String("state"), nil
}

// open returns the client that the flags describe.
func (p program) open(c *cli.Context, trace func(client.Step)) (*client.Client, error) {
	state, err := stateOf(c)
	if err != nil {
		return nil, err
	}
	if len(c.StringSlice("url")) == 0 {
		return nil, command.Usagef("missing --url URL")
	}
	var sources []client.Source
	for _, u := range c.StringSlice("url") {
		source, err := client.NewHTTPSource(u)
		if err != nil {
			return nil, command.Usagef("--url: %w", err)
		}
		sources = append(sources, source)
	}
	policy, err := client.ParsePolicy(c.String("accept"))
	if err != nil {
		return nil, command.Usagef("--accept: %w", err)
	}
	if trace == nil {
		trace = p.warn
	}
	cl, err := client.Open(client.Config{State: state, Source: sources[0], Mirrors: sources[1:], Accept: policy, Trace: trace})
	return cl, uninitialised(err)
}

func uninitialised(err error) error {
	if errors.Is(err, client.ErrNoState) {
		return command.Usagef("%w", err)
	}
	return err
}

// warn shows of the steps only the warnings.
func (p program) warn(s client.Step) {
	if s.Warning {
		p.say("warning", "%s %s: %s", s.Layer, s.Subject, s.Why)
	}
}

// refresh opens the client and refreshes it.
func (p program) refresh(c *cli.Context, trace func(client.Step)) (*client.View, error) {
	at, err := p.now(c)
	if err != nil {
		return nil, err
	}
	cl, err := p.open(c, trace)
	if err != nil {
		return nil, err
	}
	return cl.Refresh(c.Context, at)
}

// readFile reads an input that the command line names. That it cannot be read
// is a mistake in the command line.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, command.Usagef("%w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", path, err)
	}
	if int64(len(b)) > limit {
		return nil, command.Usagef("file %q is longer than %d bytes", path, limit)
	}
	return b, nil
}

// readable opens and closes a file that the command line names.
func readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return command.Usagef("%w", err)
	}
	return f.Close()
}

// readSigned reads a document and the signatures beside it.
func readSigned(path string, limit int64) (roster.Signed, error) {
	doc, err := readFile(path, limit)
	if err != nil {
		return roster.Signed{}, err
	}
	asc, err := readFile(roster.SignaturePath(path), roster.MaxSignatureFile)
	return roster.Signed{Document: doc, Signatures: asc}, err
}

func (p program) init(c *cli.Context) error {
	state, err := stateOf(c)
	if err != nil {
		return err
	}
	var want digest.Digest
	if c.IsSet("digest") {
		if want, err = digest.Parse(c.String("digest")); err != nil {
			return command.Usagef("--digest: %w", err)
		}
	}
	s, err := readSigned(c.Args().First(), roster.MaxRoster)
	if err != nil {
		return err
	}
	r, err := client.Init(context.WithoutCancel(c.Context), state, s, want)
	if err != nil {
		return err
	}
	p.print("%s starts at root roster %d, %s", r.Repository(), r.Version(), r.Digest())
	if want.IsZero() {
		p.say("note", "the roster was trusted as it is; compare its digest with the one that was read aloud at the ceremony")
	}
	return nil
}

func (p program) refreshCommand(c *cli.Context) error {
	v, err := p.refresh(c, nil)
	if err != nil {
		return err
	}
	p.print("root roster %d, snapshot %d of %s", v.Roster().Version(), v.Snapshot().Version(), roster.At(v.Snapshot().Issued()))
	return nil
}

// get verifies and downloads files, in order, and stops at the first that is
// refused.
func (p program) get(c *cli.Context) error {
	packages, files, outs := c.StringSlice("package"), c.StringSlice("file"), c.StringSlice("out")
	if len(packages) != len(files) || len(files) != len(outs) {
		return command.Usagef("found %d --package, %d --file and %d --out; want one --file and one --out for each --package", len(packages), len(files), len(outs))
	}
	v, err := p.refresh(c, nil)
	if err != nil {
		return err
	}
	if len(packages) > 1 {
		wanted := make([]client.Wanted, len(packages))
		for i := range packages {
			wanted[i] = client.Wanted{Package: packages[i], File: files[i]}
		}
		if err := v.Prefetch(c.Context, wanted...); err != nil {
			return err
		}
	}
	for i := range packages {
		a, err := v.Authorise(c.Context, packages[i], files[i])
		if err != nil {
			return err
		}
		already, err := v.Download(c.Context, a, outs[i])
		if err != nil {
			return err
		}
		if already {
			p.say("note", "%q is there already, with the authorised bytes", outs[i])
		}
		if a.Release.Yanked() {
			p.say("warning", "%s", client.Yanked.Sentence(files[i]))
		}
		p.print("%s: %s", outs[i], a.Sentence())
	}
	return nil
}
