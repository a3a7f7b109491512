package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/bundle"
	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/internal/durable"
)

func (t *tool) bundleCommand() *cli.Command {
	return &cli.Command{Name: "bundle", Usage: "packs what crosses the air gap into one file, and takes it out", Subcommands: []*cli.Command{
		{Name: "make", Usage: "packs a draft, the signatures over it, or what is published",
			Flags: []cli.Flag{recordFlag,
				&cli.StringFlag{Name: "kind", Usage: "draft, signatures or published, as `KIND`", Required: true},
				&cli.StringFlag{Name: "out", Usage: "a new `FILE`", Required: true},
			}, Action: t.bundleMake},
		{Name: "show", Usage: "says what a bundle holds", ArgsUsage: "FILE", Action: t.bundleShow},
		{Name: "open", Usage: "takes a bundle out into a new folder; a draft's begins a record there", ArgsUsage: "FILE",
			Flags: []cli.Flag{&cli.StringFlag{Name: "out", Usage: "a new folder, `DIR`", Required: true}}, Action: t.bundleOpen},
		{Name: "collect", Usage: "takes signatures that were made elsewhere into the record", ArgsUsage: "FILE",
			Flags: []cli.Flag{recordFlag}, Action: t.bundleCollect},
	}}
}

func (t *tool) bundleMake(c *cli.Context) error {
	kind := bundle.Kind(c.String("kind"))
	if !slices.Contains(bundle.Kinds(), kind) {
		return command.Usagef("flag --kind is %q, wanted one of %q", kind, bundle.Kinds())
	}
	out := c.String("out")
	if _, err := os.Lstat(out); err == nil {
		return &durable.ExistsError{Path: out}
	}
	at := t.Now()
	return t.session(c, at, func(s *ceremony.Session) error {
		b, err := s.Bundle(c.Context, kind)
		if err != nil {
			return err
		}
		raw, err := b.Bytes()
		if err != nil {
			return err
		}
		if !s.Sealed() {
			if err := s.NoteBundle(at, b); err != nil {
				return err
			}
		}
		if err := durable.WriteNew(out, raw, 0o644); err != nil {
			return err
		}
		t.bundleSays(b)
		return nil
	})
}

// bundleSays prints what a bundle is of, and its digest.
func (t *tool) bundleSays(b *bundle.Bundle) {
	m := b.Manifest()
	t.result("bundle of %s: ceremony %s, root roster %d of %s", m.Kind, m.Ceremony, m.Version, m.Repository)
	t.result("root roster:")
	t.results(change.Digest(m.Roster))
	t.result("bundle, %d files:", len(m.Files))
	t.results(change.Digest(b.Digest()))
}

func readBundle(c *cli.Context) (b *bundle.Bundle, err error) {
	f, err := os.Open(c.Args().First())
	if err != nil {
		return nil, command.Usagef("%w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return bundle.Open(bufio.NewReader(f))
}

func (t *tool) bundleShow(c *cli.Context) error {
	b, err := readBundle(c)
	if err != nil {
		return err
	}
	t.bundleSays(b)
	for _, f := range b.Manifest().Files {
		t.result("%s  %10d  %s", f.SHA256, f.Size, f.Path)
	}
	t.desk.Say("What is in it was not judged, but for its digests.")
	return nil
}

func (t *tool) bundleOpen(c *cli.Context) error {
	b, err := readBundle(c)
	if err != nil {
		return err
	}
	out := c.String("out")
	if b.Manifest().Kind != bundle.Draft {
		if err := b.Extract(out); err != nil {
			return err
		}
		t.bundleSays(b)
		return nil
	}
	if err := ceremony.Receive(c.Context, b, out, t.Now()); err != nil {
		return err
	}
	t.bundleSays(b)
	t.result("the record begins in %s", out)
	t.desk.Say("The plan's checks were not run again here. Compare the root roster's digest with the one that the ceremony tells you by another way, before you sign.")
	return nil
}

func (t *tool) bundleCollect(c *cli.Context) error {
	b, err := readBundle(c)
	if err != nil {
		return err
	}
	at := t.Now()
	return t.session(c, at, func(s *ceremony.Session) error {
		found, err := s.Collect(b, at)
		if err != nil {
			return err
		}
		t.result("new: %s", orNobody(found.New))
		t.result("here already: %s", orNobody(found.Already))
		t.result("signed: %s", fmt.Sprintf("%d of %d: %s", len(found.Signed), len(found.Signed)+len(found.Missing), orNobody(found.Signed)))
		t.result("not yet: %s", orNobody(found.Missing))
		if found.Short != nil {
			t.result("not enough yet: %v", found.Short)
		} else {
			t.result("clients would accept it as it is signed now")
		}
		t.result("transcript %s", s.Head())
		return nil
	})
}
