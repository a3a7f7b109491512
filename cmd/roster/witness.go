package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/ceremony/bundle"
	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

func (p program) witnessCommand() *cli.Command {
	return &cli.Command{
		Name: "witness", Usage: "say what a root roster changes, as the ceremony says it", ArgsUsage: "FILE",
		Description: "FILE is a root roster, published or drafted, or a bundle from a ceremony. Standard output has the sentences and the digest that " +
			"everyone in the ceremony reads, byte for byte; standard error says what was verified, and what could not be.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "previous", Usage: "the roster that FILE follows, another `FILE`"},
			&cli.StringFlag{Name: "repository", Usage: "a copy of the public repository, `DIR`, with the rosters so far; wants --pin"},
			&cli.StringFlag{Name: "pin", Usage: "the first roster's digest in `HEX`, from another source than the repository"},
		},
		Action: p.witness,
	}
}

// A witnessed is a roster with what is known about it. The code that finds out
// shares the ceremony's sentences (package change), and nothing else of it but
// the form of what crosses.
type witnessed struct {
	name       string // what errors call it
	draft      *roster.Draft
	signatures []byte // nil where none are there
	previous   *roster.Root
	anchor     *change.Anchor
	notices    []string         // of the plan
	chain      []*roster.Roster // verified from the pin; nil where there is none
	verified   []string
	not        []string // what could not be checked
}

func (w *witnessed) missed(format string, args ...any) {
	w.not = append(w.not, fmt.Sprintf(format, args...))
}

func (w *witnessed) well(format string, args ...any) {
	w.verified = append(w.verified, fmt.Sprintf(format, args...))
}

// refuse makes an error that says what does not fit, and what to do.
func (w *witnessed) refuse(do, format string, args ...any) error {
	return &roster.Error{Layer: roster.LayerRoster, Subject: w.name, Problem: fmt.Sprintf(format, args...), Do: do}
}

func (p program) witness(c *cli.Context) error {
	pin, err := witnessPin(c)
	if err != nil {
		return err
	}
	w, err := p.readWitnessed(c, pin)
	if err != nil {
		return err
	}
	for _, check := range []func() error{
		func() error { return w.follow(c, pin) },
		func() error { return w.checkSignatures(pin) },
		w.checkAnchor,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	for _, s := range append(change.Of(w.previous, w.draft.Root(), w.anchor), w.notices...) {
		p.print("%s", s)
	}
	for _, s := range change.Digest(w.draft.Digest()) {
		p.print("%s", s)
	}
	for _, s := range w.verified {
		p.say("verified", "%s", s)
	}
	for _, s := range w.not {
		p.say("not checked", "%s", s)
	}
	return nil
}

func witnessPin(c *cli.Context) (pin digest.Digest, err error) {
	if !c.IsSet("pin") {
		if c.IsSet("repository") {
			return pin, command.Usagef("--repository wants --pin: a repository cannot vouch for itself")
		}
		return pin, nil
	}
	if pin, err = digest.Parse(c.String("pin")); err != nil {
		return pin, command.Usagef("--pin: %w", err)
	}
	return pin, nil
}

// readWitnessed reads a roster, or a bundle.
func (p program) readWitnessed(c *cli.Context, pin digest.Digest) (*witnessed, error) {
	file := c.Args().First()
	f, err := os.Open(file)
	if err != nil {
		return nil, command.Usagef("%w", err)
	}
	defer f.Close()
	if bundle.Looks(f) {
		b, err := bundle.Open(f)
		if err != nil {
			return nil, err
		}
		p.say("note", "bundle of %s, SHA-256 %s, of ceremony %s", b.Manifest().Kind, b.Digest(), b.Manifest().Ceremony)
		return openBundle(c.Context, file, b, pin)
	}
	raw, err := readFile(file, roster.MaxRoster)
	if err != nil {
		return nil, err
	}
	w := &witnessed{name: file}
	if w.draft, err = roster.ParseDraft(raw); err != nil {
		return nil, err
	}
	w.missed("whether the plan switches checks off: only the ceremony's record and its bundles say so")
	if _, err := os.Stat(roster.SignaturePath(file)); errors.Is(err, os.ErrNotExist) {
		return w, nil
	}
	w.signatures, err = readFile(roster.SignaturePath(file), roster.MaxSignatureFile)
	return w, err
}

// follow finds the previous roster.
func (w *witnessed) follow(c *cli.Context, pin digest.Digest) error {
	if w.draft.Version() == 1 && !pin.IsZero() && w.draft.Digest() != pin {
		return w.refuse("find out which of the two was read aloud", "the first roster has digest %s, wanted %s", w.draft.Digest(), pin)
	}
	if c.IsSet("repository") {
		folder, err := os.OpenRoot(c.String("repository"))
		if err != nil {
			return command.Usagef("--repository: %w", err)
		}
		defer folder.Close()
		if w.chain, err = walk(c.Context, fetchFrom(folder), pin); err != nil {
			return err
		}
		w.well("the rosters of the repository lead from the pin to roster %d", w.chain[len(w.chain)-1].Version())
	}
	for _, r := range w.chain {
		if r.Version() == w.draft.Version() && r.Digest() != w.draft.Digest() {
			return w.refuse("find out which of the two the keyholders signed; tell everyone before anything is trusted",
				"there is another roster %d: %s, and this one is %s", r.Version(), r.Digest(), w.draft.Digest())
		}
	}
	if before := w.before(); before != nil {
		root := before.Root()
		w.previous = &root
	}
	if err := w.followFile(c); err != nil {
		return err
	}
	if w.draft.Version() > 1 && w.previous == nil {
		w.missed("what changes: the previous roster is not at hand (--previous, or --repository and --pin)")
	}
	return nil
}

// followFile takes the previous roster from the file that the command line names.
func (w *witnessed) followFile(c *cli.Context) error {
	if !c.IsSet("previous") {
		return nil
	}
	raw, err := readFile(c.String("previous"), roster.MaxRoster)
	if err != nil {
		return err
	}
	d, err := roster.ParseDraft(raw)
	if err != nil {
		return err
	}
	if want := w.draft.Root().Previous; want.Digest != d.Digest() {
		return w.refuse("give the roster that this one names", "it follows the one with digest %s, and %s has digest %s", want, c.String("previous"), d.Digest())
	}
	if w.previous == nil {
		root := d.Root()
		w.previous = &root
		w.missed("who signed the previous roster: its digest is the one that this roster names; --repository and --pin show the rest")
	}
	return nil
}

// before is the verified roster that this one follows, or nil.
func (w *witnessed) before() *roster.Roster {
	for _, r := range w.chain {
		if r.Digest() == w.draft.Root().Previous.Digest {
			return r
		}
	}
	return nil
}

// checkSignatures verifies those that are there by the clients' code.
func (w *witnessed) checkSignatures(pin digest.Digest) error {
	if w.signatures == nil {
		w.missed("signatures: none are there. This is a draft, and nobody has to have agreed to it")
		return nil
	}
	signed := roster.Signed{Document: w.draft.Bytes(), Signatures: w.signatures}
	var r *roster.Roster
	var err error
	switch before := w.before(); {
	case w.draft.Version() == 1 && pin.IsZero():
		r, err = roster.Trust(signed, w.draft.Digest(), emptyMap())
		w.missed("whether this is the first roster that others trust: compare its digest with the one that was read aloud, or give --pin")
	case w.draft.Digest() == pin:
		r, err = roster.Trust(signed, pin, emptyMap())
	case before != nil:
		r, err = before.Succeed(signed)
	default:
		w.missed("signatures: some are there, and without the rosters so far (--repository and --pin) nobody can say whose they must be")
		return nil
	}
	if err != nil {
		return err
	}
	approvals := r.Approvals()
	w.well("signed, as clients want it, by %s", strings.Join(approvals[len(approvals)-1].By(), ", "))
	if len(approvals) > 1 {
		w.well("approved for the previous roster by %s", strings.Join(approvals[0].By(), ", "))
	}
	return nil
}

// checkAnchor says what the summary of the anchor's changes is worth here.
func (w *witnessed) checkAnchor() error {
	root := w.draft.Root()
	kept := w.previous != nil && w.previous.Anchor == root.Anchor
	switch {
	case w.anchor != nil && w.anchor.Map != root.Anchor:
		return w.refuse("have the bundle made again; nothing that the summary says is about this roster",
			"the summary of the anchor beside it is of the map %s, and the roster anchors %s", w.anchor.Map, root.Anchor)
	case w.anchor != nil:
		w.missed("what changed in the anchor: its numbers are those of the ceremony's machine, and were not recomputed here")
	case root.Version > 1 && !kept:
		w.missed("what changed in the anchor: only its map's root stands in the roster; the bundle has the rest")
	}
	return nil
}

// walk reads rosters and verifies them: from the one with the pinned digest, each
// by the one before, to the last there is. Expiry is not judged.
func walk(ctx context.Context, fetch roster.Fetch, pin digest.Digest) ([]*roster.Roster, error) {
	var chain []*roster.Roster
	for version := uint64(1); ; version++ {
		s, err := roster.FetchSigned(ctx, roster.RosterPath(version), roster.MaxRoster, fetch)
		if errors.Is(err, roster.ErrAbsent) {
			break
		}
		if err != nil {
			return nil, err
		}
		var r *roster.Roster
		switch {
		case len(chain) > 0:
			r, err = chain[len(chain)-1].Succeed(s)
		case digest.Sum(s.Document) != pin:
			continue // before the pinned one
		default:
			r, err = roster.Trust(s, pin, emptyMap())
		}
		if err != nil {
			return nil, err
		}
		chain = append(chain, r)
	}
	if len(chain) == 0 {
		return nil, &roster.Error{Layer: roster.LayerRoster, Subject: "pin", Problem: "no roster there has the pinned digest", Want: pin.String(),
			Do: "compare the pin with the words that were read aloud at the first ceremony"}
	}
	return chain, nil
}

// fetchFrom reads documents from a folder that cannot be left.
func fetchFrom(folder *os.Root) roster.Fetch {
	return func(_ context.Context, path string, limit int64) ([]byte, error) {
		f, err := folder.Open(filepath.FromSlash(path))
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s in %s: %w", path, folder.Name(), roster.ErrAbsent)
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return limited(f, path, limit)
	}
}
