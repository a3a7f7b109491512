package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/internal/words"
	"github.com/rootward/rootward/roster"
)

func (p program) clientCommands() []*cli.Command {
	return []*cli.Command{
		{
			Name: "init", Usage: "make a state directory that trusts a root roster", ArgsUsage: "ROSTER",
			Description: "ROSTER is the roster's file; its signatures are beside it in ROSTER.asc. No request is made.",
			Flags:       []cli.Flag{&cli.StringFlag{Name: "digest", Usage: "refuse a roster without this SHA-256 (64 `HEX` digits)"}},
			Action:      p.init,
		},
		{
			Name: "refresh", Usage: "verify and remember the newest rosters, revocations and snapshot",
			Action: p.refreshCommand,
		},
		{
			Name: "get", Usage: "verify a file from the root down and download it",
			Description: "Several files, each with its --package, --file and --out, are got in order; the first that is refused ends the command.",
			Flags: []cli.Flag{
				&cli.StringSliceFlag{Name: "package", Usage: "the `NAME` of the package", Required: true},
				&cli.StringSliceFlag{Name: "file", Usage: "the `NAME` of its file", Required: true},
				&cli.StringSliceFlag{Name: "out", Usage: "where to write it; what is at `PATH` already is not replaced", Required: true},
			},
			Action: p.get,
		},
		{
			Name: "verify", Usage: "show each step from the pinned root roster down to a file", ArgsUsage: "[LOCAL]",
			Description: "LOCAL is a copy of the file on this machine; without it, the published file is read and not kept.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "package", Usage: "the `NAME` of the package", Required: true},
				&cli.StringFlag{Name: "file", Usage: "the `NAME` of its file", Required: true},
			},
			Action: p.verify,
		},
		{
			Name: "status", Usage: "show what the state directory remembers of the root; makes no request",
			Action: p.status,
		},
		{
			Name: "keep", Usage: "keep the newest snapshot's digest, to begin a ceremony's waiting period",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "out", Usage: "the `FILE` to write, for the ceremony", Required: true},
			},
			Action: p.keep,
		},
	}
}

// verify prints the walk as it goes, so that a refusal stands where it
// happened.
func (p program) verify(c *cli.Context) error {
	n := 0
	v, err := p.refresh(c, func(s client.Step) {
		if s.Warning {
			p.warn(s)
			return
		}
		n++
		p.print("%2d. %s: %s", n, s.Layer, s.Subject)
		if !s.Digest.IsZero() {
			p.print("    %s", s.Digest)
		}
		p.print("    %s", s.Why)
	})
	if err != nil {
		return err
	}
	a, err := v.Authorise(c.Context, c.String("package"), c.String("file"))
	if err != nil {
		return err
	}
	what := "the published file"
	if local := c.Args().First(); local != "" {
		what = fmt.Sprintf("%q", local)
		if err = readable(local); err == nil {
			err = a.CheckFile(local)
		}
	} else {
		err = v.CheckPublished(c.Context, a)
	}
	if err != nil {
		return err
	}
	p.print("%s has exactly these bytes.", what)
	p.print("%s.", a.Sentence())
	return nil
}

func (p program) status(c *cli.Context) error {
	state, err := stateOf(c)
	if err != nil {
		return err
	}
	at, err := p.now(c)
	if err != nil {
		return err
	}
	cl, err := client.Open(client.Config{State: state})
	if err != nil {
		return uninitialised(err)
	}
	r, snapshot, err := cl.Known(c.Context)
	if err != nil {
		return err
	}
	p.print("repository: %s", r.Repository())
	p.print("root roster: version %d, expires %s", r.Version(), r.Root().Expires)
	p.print("digest: %s", r.Digest())
	d := r.Digest()
	fmt.Fprintln(p.Stdout, words.Format(d[:]))
	if snapshot > 0 {
		p.print("snapshot: version %d", snapshot)
	} else {
		p.print("snapshot: none remembered")
	}
	if r.Current(at) != nil {
		p.say("warning", "root roster %d has expired; refresh, to find a newer one", r.Version())
	}
	return nil
}

func (p program) keep(c *cli.Context) error {
	v, err := p.refresh(c, nil)
	if err != nil {
		return err
	}
	s := v.Snapshot()
	b, err := handover.KeptSnapshot{
		Repository: v.Roster().Repository(), Version: s.Version(), Snapshot: s.Digest(), Map: s.Map(), KeptAt: roster.At(v.At()),
	}.Format()
	if err != nil {
		return err
	}
	if err := durable.WriteNew(c.String("out"), b, 0o644); err != nil {
		return err
	}
	p.print("%s keeps snapshot %d, %s", c.String("out"), s.Version(), s.Digest())
	return nil
}
