package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/bundle"
	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/ceremony/plan"
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

// A witnessed is a roster with what is known about it.
type witnessed struct {
	draft      *roster.Draft
	signatures []byte // nil where none are there
	previous   *roster.Root
	anchor     *change.Anchor
	notices    []string // of the plan
	chain      *ceremony.Chain
	verified   []string
	not        []string // what could not be checked
}

func (w *witnessed) missed(format string, args ...any) {
	w.not = append(w.not, fmt.Sprintf(format, args...))
}

func (w *witnessed) well(format string, args ...any) {
	w.verified = append(w.verified, fmt.Sprintf(format, args...))
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
	if err := w.follow(c, pin); err != nil {
		return err
	}
	if err := w.checkSignatures(pin); err != nil {
		return err
	}
	if err := w.checkAnchor(); err != nil {
		return err
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
	head := make([]byte, len("bundle.json\x00"))
	if n, _ := f.ReadAt(head, 0); n == len(head) && string(head) == "bundle.json\x00" {
		b, err := bundle.Open(f)
		if err != nil {
			return nil, err
		}
		return p.ofBundle(c.Context, b, pin)
	}
	raw, err := readFile(file, roster.MaxRoster)
	if err != nil {
		return nil, err
	}
	w := &witnessed{}
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

func (p program) ofBundle(ctx context.Context, b *bundle.Bundle, pin digest.Digest) (*witnessed, error) {
	m := b.Manifest()
	p.say("note", "bundle of %s, %s, of ceremony %s", m.Kind, b.Digest(), m.Ceremony)
	switch m.Kind {
	case bundle.Draft:
		return p.ofDraft(ctx, b, pin)
	case bundle.Published:
		return ofPublished(b)
	}
	return nil, &ceremony.RefusedError{Problem: fmt.Sprintf("a bundle of %s holds no roster", m.Kind), Do: "give the bundle of the draft, or that of what is published"}
}

// ofDraft takes a draft's bundle out to a place that is thrown away, and opens it
// there as every step of the ceremony does.
func (p program) ofDraft(ctx context.Context, b *bundle.Bundle, pin digest.Digest) (w *witnessed, err error) {
	tmp, err := os.MkdirTemp("", "roster-witness-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	dir := filepath.Join(tmp, "record")
	if err := ceremony.Receive(ctx, b, dir, p.Now()); err != nil {
		return nil, err
	}
	r, err := ceremony.ReadRecord(dir)
	if err != nil {
		return nil, err
	}
	s, err := r.Session(ctx)
	if err != nil {
		return nil, err
	}
	w = &witnessed{draft: s.Draft.Roster, previous: s.Draft.Previous, anchor: s.Draft.Anchor, notices: s.Draft.Notices, chain: s.Chain}
	w.well("every file is as the ceremony's transcript, which is in the bundle, names it")
	if s.Chain == nil {
		return w, nil
	}
	planned := s.Plan.Previous.Pin.Digest
	switch {
	case pin.IsZero():
		w.missed("the pin of the plan, %s: compare it with the one that you know", planned)
	case pin != planned:
		return nil, &ceremony.RefusedError{Problem: fmt.Sprintf("the plan pins the roster %s, wanted %s", planned, pin), Do: "find out which of the two was read aloud at the first ceremony"}
	}
	w.well("the rosters so far lead from the plan's pin to roster %d", s.Chain.Last().Version())
	return w, nil
}

// ofPublished reads what stands in a bundle for the public repository.
func ofPublished(b *bundle.Bundle) (*witnessed, error) {
	m := b.Manifest()
	path := ceremony.PublishName + "/" + roster.RosterPath(m.Version)
	raw, ok := b.File(path)
	if !ok || digest.Sum(raw) != m.Roster {
		return nil, &ceremony.RefusedError{Problem: fmt.Sprintf("the bundle does not hold the roster that its manifest names, %s", m.Roster)}
	}
	w := &witnessed{}
	var err error
	if w.draft, err = roster.ParseDraft(raw); err != nil {
		return nil, err
	}
	w.signatures, _ = b.File(roster.SignaturePath(path))
	if raw, ok := b.File(ceremony.AnchorName); ok {
		w.anchor = new(change.Anchor)
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(w.anchor); err != nil {
			return nil, &ceremony.RefusedError{Problem: ceremony.AnchorName + " in the bundle", Err: err}
		}
	}
	raw, ok = b.File(ceremony.PlanName)
	if !ok {
		w.missed("whether the plan switches checks off: it is not in the bundle")
		return w, nil
	}
	planned, err := plan.Parse(raw)
	if err != nil {
		return nil, err
	}
	w.notices = ceremony.OffSentences(planned)
	w.missed("that the plan in the bundle, %s, is the one that was reviewed: compare its digest with the record's", digest.Sum(raw))
	return w, nil
}

// follow finds the previous roster.
func (w *witnessed) follow(c *cli.Context, pin digest.Digest) error {
	version := w.draft.Version()
	if version == 1 && !pin.IsZero() && w.draft.Digest() != pin {
		return &ceremony.RefusedError{Problem: fmt.Sprintf("the first roster has digest %s, wanted %s", w.draft.Digest(), pin), Do: "find out which of the two was read aloud"}
	}
	if c.IsSet("repository") {
		folder, err := ceremony.OpenFolder(c.String("repository"))
		if err != nil {
			return command.Usagef("--repository: %w", err)
		}
		defer folder.Close()
		if w.chain, err = ceremony.Walk(c.Context, folder.Fetch, pin); err != nil {
			return err
		}
		w.well("the rosters of the repository lead from the pin to roster %d", w.chain.Last().Version())
	}
	if w.chain != nil {
		if err := w.inChain(); err != nil {
			return err
		}
	}
	if c.IsSet("previous") {
		d, err := ceremony.ReadDraft(c.String("previous"))
		if err != nil {
			return err
		}
		if w.draft.Root().Previous.Digest != d.Digest() {
			return &ceremony.RefusedError{Problem: fmt.Sprintf("the roster follows the one with digest %s, and %s has digest %s", w.draft.Root().Previous, c.String("previous"), d.Digest())}
		}
		if w.previous == nil {
			root := d.Root()
			w.previous = &root
			w.missed("who signed the previous roster: its digest is the one that this roster names; --repository and --pin show the rest")
		}
	}
	if version > 1 && w.previous == nil {
		w.missed("what changes: the previous roster is not at hand (--previous, or --repository and --pin)")
	}
	return nil
}

// inChain finds the roster's place among those that were verified.
func (w *witnessed) inChain() error {
	for _, r := range w.chain.Rosters {
		switch {
		case r.Version() == w.draft.Version() && r.Digest() != w.draft.Digest():
			return &ceremony.RefusedError{Problem: fmt.Sprintf("the repository has another roster %d: %s, and this one is %s", r.Version(), r.Digest(), w.draft.Digest()),
				Do: "find out which of the two the keyholders signed; tell everyone before anything is trusted"}
		case r.Digest() == w.draft.Root().Previous.Digest:
			root := r.Root()
			w.previous = &root
		}
	}
	return nil
}

// before is the verified roster that this one follows, or nil.
func (w *witnessed) before() *roster.Roster {
	if w.chain == nil {
		return nil
	}
	for _, r := range w.chain.Rosters {
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
		r, err = roster.Trust(signed, w.draft.Digest(), ceremony.EmptyMap())
		w.missed("whether this is the first roster that others trust: compare its digest with the one that was read aloud, or give --pin")
	case w.draft.Digest() == pin || w.draft.Version() == 1:
		r, err = roster.Trust(signed, pin, ceremony.EmptyMap())
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
		return &ceremony.RefusedError{Problem: fmt.Sprintf("the summary of the anchor beside the roster is of the map %s, and the roster anchors %s", w.anchor.Map, root.Anchor),
			Do: "have the bundle made again; nothing that the summary says is about this roster"}
	case w.anchor != nil:
		w.missed("what changed in the anchor: its numbers are those of the ceremony's machine, and were not recomputed here")
	case root.Version > 1 && !kept:
		w.missed("what changed in the anchor: only its map's root stands in the roster; the bundle has the rest")
	}
	return nil
}
