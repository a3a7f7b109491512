package client

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/pypi"
	"github.com/rootward/rootward/roster"
)

// An Outcome is one word for what was found about a package or a file.
type Outcome string

// The standings of a package, one for each, and the attributes that may come
// beside them. A [Policy] says which of them are enough; what has a Never in
// its comment no policy accepts.
const (
	Established Outcome = "established" // its list is anchored by the root, or led to from the anchored one
	Remembered  Outcome = "remembered"  // its list is known to this client, or led to from one that is, but not anchored yet
	New         Outcome = "new"         // its list is neither: only the online signer says that it is the first
	Unsigned    Outcome = "unsigned"    // it has no list: only the online signer vouches for its files
	Unknown     Outcome = "unknown"     // proven absent from the index. Never
	Quarantined Outcome = "quarantined" // withheld by the index while somebody looks into it. Never
	Removed     Outcome = "removed"     // withdrawn by the index. Never
	Frozen      Outcome = "frozen"      // attribute: its list has no maintainers; it authorises only what it inherits
	Yanked      Outcome = "yanked"      // attribute: the release was withdrawn by its maintainers (PEP 592)
)

// Sentence says an outcome for people, with the package's or file's name.
func (o Outcome) Sentence(name string) string {
	switch o {
	case Established:
		return name + " is established: the root has anchored who may release it"
	case Remembered:
		return name + " is remembered: this client has seen its maintainer list before; the root has not anchored it yet"
	case New:
		return name + " is new: it has a maintainer list that neither the root nor this client has seen before, so only the index says whose it is"
	case Unsigned:
		return name + " is unsigned: no maintainer vouches for its files, only the index does"
	case Unknown:
		return name + " is unknown: the index proves that it has no package of this name"
	case Quarantined:
		return name + " is quarantined: the index withholds it while somebody looks into it"
	case Removed:
		return name + " is removed: the index has withdrawn it"
	case Frozen:
		return name + " is frozen: it has no maintainers any more and will get no new release"
	case Yanked:
		return name + " is yanked: its maintainers have withdrawn it, and only who asks for exactly this version should use it"
	}
	return fmt.Sprintf("%s: %q is not an outcome", name, string(o))
}

// A Policy is the set of outcomes that are enough for the user. The zero
// Policy accepts nothing.
type Policy struct{ accepted []Outcome }

// DefaultPolicy accepts what maintainers vouch for: established, remembered
// and new packages, frozen ones too; nothing unsigned and nothing yanked.
func DefaultPolicy() Policy { return Policy{[]Outcome{Established, Remembered, New, Frozen}} }

// choices are the outcomes that a policy may hold.
var choices = []Outcome{Established, Remembered, New, Unsigned, Frozen, Yanked}

// ParsePolicy reads a set of outcomes, separated by commas.
func ParsePolicy(s string) (Policy, error) {
	var p Policy
	for word := range strings.SplitSeq(s, ",") {
		o := Outcome(word)
		switch {
		case !slices.Contains(choices, o):
			return Policy{}, fmt.Errorf("policy has the word %q, wanted words of %q separated by commas", word, joined(choices))
		case slices.Contains(p.accepted, o):
			return Policy{}, fmt.Errorf("policy has the word %q twice", word)
		}
		p.accepted = append(p.accepted, o)
	}
	return p, nil
}

// Accepts reports whether an outcome is enough.
func (p Policy) Accepts(o Outcome) bool { return slices.Contains(p.accepted, o) }

func (p Policy) String() string { return joined(p.accepted) }

func joined(all []Outcome) string {
	words := make([]string, len(all))
	for i, o := range all {
		words[i] = string(o)
	}
	return strings.Join(words, ",")
}

// An OutcomeError is wrapped by the refusal of a package or a file for what it
// is. Everything about it verified; Outcome is the reason not to use it.
type OutcomeError struct {
	Name    string
	Outcome Outcome
}

func (e *OutcomeError) Error() string { return e.Outcome.Sentence(e.Name) }

// check refuses an outcome that the policy does not accept.
func (p Policy) check(name string, o Outcome) error {
	if p.Accepts(o) {
		return nil
	}
	e := &roster.Error{Layer: roster.LayerPolicy, Subject: name, Problem: "not accepted",
		Err: &OutcomeError{name, o}, Want: "one of " + p.String()}
	if slices.Contains(choices, o) {
		e.Do = fmt.Sprintf("if that is enough for you, accept it: --accept %s,%s", p, o)
	}
	return e
}

// never refuses an outcome that no policy accepts.
func never(l roster.Layer, name string, o Outcome, do string) error {
	return &roster.Error{Layer: l, Subject: name, Problem: "refused", Err: &OutcomeError{name, o}, Do: do}
}

// normalName returns the package's name in its normal form.
func normalName(name string) (string, error) {
	normal, err := pypi.NormalizeName(name)
	if err != nil {
		return "", &roster.Error{Layer: roster.LayerMap, Subject: fmt.Sprintf("%.60q", name), Problem: "no package can have this name", Err: err}
	}
	return normal, nil
}
