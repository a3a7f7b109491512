package plan

import (
	"fmt"
	"slices"
	"strings"
)

// An Act is one thing that a ceremony does. A plan lists all that it does; the
// check ACT-SCOPE refuses a change that no listed act covers, and an act whose
// change is absent.
type Act string

// The acts that make a roster. Genesis stands alone; the others go together as
// a plan lists them.
const (
	Genesis         Act = "genesis"          // the first roster: all its keyholders sign, the anchor is the empty map
	Renewal         Act = "renewal"          // dates: the roster's expiry, the windows of the online keys, a snapshot's longest life
	Keyholders      Act = "keyholders"       // people come, leave or take another's place; the threshold changes
	CardLost        Act = "card-lost"        // a keyholder's card is gone and cannot sign; nobody is thought to use it
	CardCompromised Act = "card-compromised" // a keyholder's card may be in the wrong hands: its key is revoked
	CardRetired     Act = "card-retired"     // a keyholder changes cards, and signs with the old one once more
	OnlineRotation  Act = "online-rotation"  // online keys are replaced as planned
	OnlineTheft     Act = "online-theft"     // an online key may be in the wrong hands: it is revoked, both roles are replaced, the floor moves
	Reanchor        Act = "anchor"           // a new anchor, with overrides
)

// The acts without a roster. Each stands alone.
const (
	OpenRevocations    Act = "open-revocations"    // sealed revocations are made ready to publish
	DestroyRevocations Act = "destroy-revocations" // sealed revocations that a newer roster supersedes are destroyed
	AbandonDraft       Act = "abandon"             // a draft and the signatures over it are destroyed
)

// Acts are all of them, in the order in which people read of them.
var Acts = []Act{Genesis, Renewal, Keyholders, CardLost, CardCompromised, CardRetired, OnlineRotation, OnlineTheft, Reanchor,
	OpenRevocations, DestroyRevocations, AbandonDraft}

// A Family is what a ceremony is about. The acts of one plan are of one family.
type Family string

// The families.
const (
	RosterFamily Family = "roster" // makes a root roster
	SealedFamily Family = "sealed" // opens or destroys revocations that were signed in advance
	DraftFamily  Family = "draft"  // destroys a draft
)

// Family is what the act is about.
func (a Act) Family() Family {
	switch a {
	case OpenRevocations, DestroyRevocations:
		return SealedFamily
	case AbandonDraft:
		return DraftFamily
	}
	return RosterFamily
}

// alone reports whether the act goes with no other.
func (a Act) alone() bool { return a == Genesis || a.Family() != RosterFamily }

// Does reports whether the plan lists the act.
func (p *Plan) Does(a Act) bool { return slices.Contains(p.Acts, a) }

// Family is what the plan's ceremony is about.
func (p *Plan) Family() Family { return p.Acts[0].Family() }

// ActNames are the acts as one line, such as "renewal, anchor".
func (p *Plan) ActNames() string {
	names := make([]string, len(p.Acts))
	for i, a := range p.Acts {
		names[i] = string(a)
	}
	return strings.Join(names, ", ")
}

// CheckActs reports whether acts can stand in one plan.
func CheckActs(acts []Act) error {
	if len(acts) == 0 {
		return fmt.Errorf("acts is missing, wanted some of %v", Acts)
	}
	for i, a := range acts {
		switch {
		case !slices.Contains(Acts, a):
			return fmt.Errorf("acts has %q, wanted some of %v", a, Acts)
		case slices.Contains(acts[:i], a):
			return fmt.Errorf("acts has %q twice", a)
		case a.alone() && len(acts) > 1:
			return fmt.Errorf("acts has %q with others, wanted it alone", a)
		}
	}
	return nil
}
