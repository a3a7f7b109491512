package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/internal/pypi"
	"github.com/rootward/rootward/roster"
)

// A situation is what a new list is to follow.
type situation struct {
	repository string
	pkg        string
	view       *client.View     // nil if the list is made without a look at the index
	before     *roster.Standing // nil for a first list
	index      *roster.Index    // nil if the package has none, or none was looked at
	offers     []roster.Offer
}

// revoked is every key known revoked.
func (s situation) revoked() roster.Revoked {
	if s.view == nil {
		return nil
	}
	return s.view.Revoked()
}

func (p program) newList(c *cli.Context) error {
	content, err := listContent(c)
	if err != nil {
		return err
	}
	s, err := p.situate(c, content.Package)
	if err != nil {
		return err
	}
	at, err := p.now(c)
	if err != nil {
		return err
	}
	content.Repository, content.Issued, content.Version = s.repository, roster.At(at), 1
	if s.before != nil {
		content.Version, content.Previous = s.before.Version()+1, roster.Ref{Digest: s.before.Digest()}
	}
	if c.IsSet("version") {
		content.Version = c.Uint64("version")
	}
	if content.Inherits, err = s.inherit(c); err != nil {
		return err
	}
	list, err := roster.NewList(content)
	if err != nil {
		return err
	}
	if err := s.check(list); err != nil {
		return err
	}
	effects, err := s.effects(c.Context, list)
	if err != nil {
		return err
	}
	p.sayEffects(s, effects)
	if err := s.undisputed(effects); err != nil {
		return err
	}
	out := c.String("out")
	if err := durable.WriteNew(out, list.Bytes(), 0o644); err != nil {
		return err
	}
	p.print("%s is maintainer list version %d of %s, %s", out, list.Version(), list.Package(), list.Digest())
	p.sayListSigners(s, list)
	p.sayHowToSign(out, s.mustSign(list))
	return nil
}

// listContent reads what the command line says of the list.
func listContent(c *cli.Context) (roster.ListContent, error) {
	name, err := pypi.NormalizeName(c.String("package"))
	if err != nil {
		return roster.ListContent{}, command.Usagef("--package: %w", err)
	}
	content := roster.ListContent{Package: name, Threshold: c.Int("threshold"), ReleaseThreshold: c.Int("release-threshold")}
	content.Maintainers, err = maintainers(c.StringSlice("maintainer"))
	if err != nil {
		return content, err
	}
	switch none := len(content.Maintainers) == 0; {
	case c.Bool("freeze") && (!none || c.IsSet("threshold") || c.IsSet("release-threshold")):
		return content, command.Usagef("--freeze makes a list without maintainers, and takes no --maintainer and no threshold")
	case c.Bool("freeze"):
	case none:
		return content, command.Usagef("missing --maintainer Name=cert.asc (or --freeze, for a package that is to get no release any more)")
	case !c.IsSet("threshold") || !c.IsSet("release-threshold"):
		return content, command.Usagef("missing --threshold N or --release-threshold N; there is no default for how many people must sign")
	}
	return content, nil
}

// situate finds out what the list is to follow: by the client's own view of
// the index, or, without --url, nothing.
func (p program) situate(c *cli.Context, pkg string) (situation, error) {
	s := situation{repository: c.String("repository"), pkg: pkg}
	if len(c.StringSlice("url")) == 0 {
		if s.repository == "" {
			return s, command.Usagef("missing --state and --url, to look at the index; or --repository NAME, to claim a name without a look")
		}
		p.say("note", "made without a look at the index: if it has %s already, this list will be refused", pkg)
		return s, nil
	}
	v, err := p.refresh(c, nil)
	if err != nil {
		return s, err
	}
	if found := v.Roster().Repository(); s.repository != "" && s.repository != found {
		return s, command.Usagef("--repository is %q, but the state directory is of %q", s.repository, found)
	}
	s.view, s.repository = v, v.Roster().Repository()
	leaf, x, err := v.Index(c.Context, pkg)
	if unknown := (*client.OutcomeError)(nil); errors.As(err, &unknown) && unknown.Outcome == client.Unknown {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if leaf.HasList() {
		found, err := v.Package(c.Context, pkg)
		if err != nil {
			return s, err
		}
		if s.before = found.Standing; s.before.Frozen() {
			return s, &roster.Error{Layer: roster.LayerList, Subject: pkg, Problem: client.Frozen.Sentence(pkg), Want: "an override by the root",
				Do: "ask those who run the index"}
		}
	}
	s.index = x
	s.offers, err = offers(c.Context, v, pkg, x)
	return s, err
}

// inherit decides which lines of the index the list vouches for, whoever
// signed them: those that the list before authorised, and those that the
// command line names.
func (s situation) inherit(c *cli.Context) (roster.Inheritance, error) {
	choice := c.String("inherit")
	chosen, err := s.chosen(choice)
	if err != nil {
		return roster.Inheritance{}, err
	}
	if s.before == nil && len(s.offers) > 0 && choice == "" {
		return roster.Inheritance{}, command.Usagef("the index of %s names files already; say which of them the list vouches for: --inherit all, none, or numbers of lines (%s)", s.pkg, s.list())
	}
	var except []uint64
	taken := false
	for _, o := range s.offers {
		if s.takes(o, choice, chosen) {
			taken = true
		} else {
			except = append(except, o.Number)
		}
	}
	if !taken {
		return roster.Inheritance{}, nil
	}
	return s.index.Inheritance(except...), nil
}

func (s situation) takes(o roster.Offer, choice string, chosen []uint64) bool {
	switch {
	case choice == "all":
		return true
	case choice == "none":
		return false
	case slices.Contains(chosen, o.Number):
		return true
	}
	return s.before != nil && o.AuthorisedBy(s.before.List, s.revoked())
}

// chosen reads the numbers of --inherit 1,3.
func (s situation) chosen(choice string) ([]uint64, error) {
	if choice == "" || choice == "all" || choice == "none" {
		return nil, nil
	}
	var all []uint64
	for word := range strings.SplitSeq(choice, ",") {
		n, err := strconv.ParseUint(word, 10, 53)
		if err != nil {
			return nil, command.Usagef("--inherit is %q; want all, none, or numbers of lines such as 1,3", choice)
		}
		if !slices.ContainsFunc(s.offers, func(o roster.Offer) bool { return o.Number == n }) {
			return nil, command.Usagef("--inherit names line %d; the index of %s has no file on it (%s)", n, s.pkg, s.list())
		}
		all = append(all, n)
	}
	return all, nil
}

// list shows the lines to choose from.
func (s situation) list() string {
	if len(s.offers) == 0 {
		return "it names no file"
	}
	var all []string
	for i, o := range s.offers {
		if i == 20 {
			all = append(all, fmt.Sprintf("and %d more", len(s.offers)-i))
			break
		}
		all = append(all, fmt.Sprintf("%d: %s", o.Number, what(o)))
	}
	return strings.Join(all, "; ")
}

// check refuses what the signer would refuse: a key of the roster's, and a
// revoked key that is newly named.
func (s situation) check(l *roster.List) error {
	if s.view == nil {
		return nil
	}
	for _, k := range l.Keys() {
		if role := s.view.Roster().Lists(k.Material()); role != "" {
			return &roster.Error{Layer: roster.LayerList, Subject: s.pkg, Problem: fmt.Sprintf("it names key %s, which the root roster lists as %s", k, role), Want: "one role a key",
				Do: "make another key for this package"}
		}
		if s.revoked().Has(k.Material()) && (s.before == nil || !s.before.Names(k)) {
			return &roster.Error{Layer: roster.LayerList, Subject: s.pkg, Problem: fmt.Sprintf("it newly names key %s, which is revoked (%s)", k, s.revoked()[k.Material()]),
				Do: "use another key of that maintainer"}
		}
	}
	return nil
}

// undisputed refuses what the signer would refuse too: that two lines count
// which give one file different bytes.
func (s situation) undisputed(e roster.Effects) error {
	if len(e.Disputed) == 0 {
		return nil
	}
	return &roster.Error{Layer: roster.LayerList, Subject: s.pkg, Problem: fmt.Sprintf("under it two lines of the index would count that give file %q different bytes", e.Disputed[0]),
		Do: "leave one of the lines out with --inherit; or name another key of the maintainer who signed it, or revoke the key"}
}
