// Package script makes the list of steps of a ceremony from its plan. The guided
// run (package conduct) follows it step by step; whatever else shows a ceremony
// to people, on paper or as a rehearsal, shows the same list.
//
// The list follows from the plan alone. What is known only on the day, such as
// the digest of the draft, the guided run adds when the step is held.
package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/ceremony/plan"
)

// A Class says what happens to a step that was interrupted.
type Class string

// The classes.
const (
	Pure       Class = "pure"       // changes nothing: it is held again from its beginning
	Repeatable Class = "repeatable" // what was done stays and is not done twice
	OnceOnly   Class = "once-only"  // done whole or not at all; once it is done, never again
)

// A Step is one numbered action of a ceremony.
type Step struct {
	ID      string // such as CLOCK or SIGN-1001; stable, for records and runbooks
	Title   string
	Who     string   // who acts: a name with the role, or a role
	Say     []string // what is said aloud
	Compare []string // what people compare, each with a paper or a clock of their own
	Class   Class
	// Recovery says what is done after an interruption, or when it goes wrong.
	Recovery string
	// Again is set for steps that are held again each time the program is
	// started again: the machine may be another one since.
	Again  bool
	Holder string // of a keyholder's step
	Card   uint32 // of a keyholder's step
}

// The steps' ids. A keyholder's is that of [SignID].
const (
	Open     = "OPEN"
	RollCall = "ROLL-CALL"
	Clock    = "CLOCK"
	Machine  = "MACHINE"
	Checks   = "CHECKS"
	Draft    = "DRAFT"
	Review   = "REVIEW"
	Combine  = "COMBINE"
	Export   = "EXPORT"
	Close    = "CLOSE"
	Unseal   = "UNSEAL"  // of a ceremony that opens sealed revocations
	Destroy  = "DESTROY" // of one that destroys them
	Abandon  = "ABANDON" // of one that destroys a draft
)

// SignID is the id of the step in which a card signs.
func SignID(card uint32) string { return fmt.Sprintf("SIGN-%d", card) }

// A Person is somebody who is in the room.
type Person struct{ Name, Role string }

func (p Person) String() string { return p.Name + " (" + p.Role + ")" }

// The roles.
const (
	Administrator = "ceremony administrator"
	Witness       = "witness"
	Keyholder     = "keyholder"
	Outgoing      = "outgoing keyholder"
)

// People are all whom the plan names, in the order of the roll call. Somebody
// who keeps a key and gives up another is named once.
func People(p *plan.Plan) []Person {
	var all []Person
	if p.Roles.Administrator != "" {
		all = append(all, Person{p.Roles.Administrator, Administrator})
	}
	for _, k := range p.Keyholders {
		all = append(all, Person{k.Name, Keyholder})
	}
	for _, k := range p.Outgoing {
		if !slices.ContainsFunc(all, func(o Person) bool { return o.Name == k.Name }) {
			all = append(all, Person{k.Name, Outgoing})
		}
	}
	for _, w := range p.Roles.Witnesses {
		all = append(all, Person{w.Name, Witness})
	}
	return all
}

// Witnesses are those who are asked at the end whether they agree.
func Witnesses(p *plan.Plan) []Person {
	return slices.DeleteFunc(People(p), func(o Person) bool { return o.Role != Witness })
}

// Of gives the steps of a ceremony. Where nothing is signed, neither clock nor
// machine is looked at: revocations are opened in a hurry, and what is published
// then was signed at the ceremony before.
func Of(p *plan.Plan) []Step {
	s := scripting{p, leader(p)}
	if p.Family() == plan.RosterFamily {
		return slices.Concat(s.opening(), s.looking(), s.drafting(), s.signing(), s.closing())
	}
	steps := slices.Concat(s.opening(), s.acting())
	if p.Does(plan.OpenRevocations) {
		steps = append(steps, s.export())
	}
	return append(steps, s.close())
}

// title says what the ceremony is for.
func (s scripting) title() string {
	what := s.plan.Repository
	if s.plan.Family() == plan.RosterFamily {
		what = fmt.Sprintf("root roster %d of %s", s.plan.Roster.Version, what)
	}
	return fmt.Sprintf("This is ceremony %s: %s (%s). Anybody may say stop.", s.plan.Ceremony, what, s.plan.ActNames())
}

type scripting struct {
	plan   *plan.Plan
	leader string
}

// leader is who reads and types where no other is named.
func leader(p *plan.Plan) string {
	if p.Roles.Administrator == "" {
		return Administrator
	}
	return Person{p.Roles.Administrator, Administrator}.String()
}

func (s scripting) opening() []Step {
	return []Step{
		{ID: Open, Title: "Open the ceremony", Who: s.leader, Class: OnceOnly,
			Say: []string{
				s.title(),
				"I read the plan's digest aloud, row by row.",
			},
			Compare:  []string{"Each person: with the digest of the plan that you reviewed before."},
			Recovery: "Start the program again with the same plan. If the digest differs, this is not the plan that was reviewed: stop."},
		{ID: RollCall, Title: "Roll call", Who: s.leader, Class: Repeatable,
			Say:      []string{"I call each name. Whoever is called says it, and what they are here for."},
			Recovery: "Somebody who is missing is recorded as absent. A missing keyholder can sign elsewhere, later."},
	}
}

func (s scripting) looking() []Step {
	return []Step{
		{ID: Clock, Title: "Compare the clocks", Who: s.leader, Class: Pure, Again: true,
			Say:      []string{"Two people read me their clocks, in UTC. They were set from different sources today."},
			Compare:  []string{"Two people: your own clock with this machine's, to the minute."},
			Recovery: "A clock that is wrong is set, and the step repeated. Nothing is signed by a wrong clock."},
		{ID: Machine, Title: "Look at the machine", Who: s.leader, Class: Pure, Again: true,
			Say:      []string{"I read what the program found out about this machine, and its own digest."},
			Compare:  []string{"A witness: the program's digest with the one from the two builds."},
			Recovery: "Switch off or take out what the program names, and repeat the step; or use the other machine."},
	}
}

func (s scripting) drafting() []Step {
	review := []string{"I read the sentences one by one. Say stop if one surprises you."}
	if len(s.plan.SwitchedOff) > 0 {
		review = append(review, fmt.Sprintf("Checks that this plan switches off: %d. The screen names them.", len(s.plan.SwitchedOff)))
	}
	return []Step{
		s.checks(),
		{ID: Draft, Title: "Make the draft", Who: s.leader, Class: OnceOnly,
			Say:      []string{"The program makes the draft, and verifies the whole with throw-away keys by the clients' own code."},
			Recovery: "Start the program again: a draft that is not whole is made anew, and one that is whole stays."},
		{ID: Review, Title: "Review the change", Who: s.leader, Class: Pure,
			Say:      review,
			Compare:  []string{"Each person: every word of the digest, which you write on your own page."},
			Recovery: "If a sentence or a word is wrong, nobody signs: stop, and destroy the draft with ceremony abandon."},
	}
}

func (s scripting) checks() Step {
	return Step{ID: Checks, Title: "Check the plan", Who: s.leader, Class: Pure,
		Say:      []string{"The program checks the plan and all that it names, before anything is done."},
		Recovery: "A plan that is refused is corrected and reviewed again. Nothing was done."}
}

// acting are the steps of a ceremony that makes no roster.
func (s scripting) acting() []Step {
	review := Step{ID: Review, Title: "Review what will be done", Who: s.leader, Class: Pure,
		Say:      []string{"I read the sentences one by one. Say stop if one surprises you."},
		Recovery: "If a sentence is wrong, stop: nothing was done yet."}
	act := Step{Who: s.leader, Class: Repeatable}
	switch {
	case s.plan.Does(plan.OpenRevocations):
		act.ID, act.Title = Unseal, "Make the revocations ready to publish"
		act.Say = []string{"From here on it is only to be published: clients that see it refuse the keys for good."}
		act.Recovery = "Start the program again: an output that is not whole was never there. What was in the envelope is not changed."
	case s.plan.Does(plan.DestroyRevocations):
		act.ID, act.Title = Destroy, "Destroy the superseded revocations"
		act.Say = []string{"The program destroys this folder. We destroy every other copy, and the media, by hand."}
		act.Recovery = "Start the program again: it finishes what was begun."
	default:
		act.ID, act.Title = Abandon, "Destroy the draft"
		act.Say = []string{"The program destroys the draft and every signature over it. We destroy every copy elsewhere by hand."}
		act.Recovery = "Start the program again: it finishes what was begun."
	}
	return []Step{s.checks(), review, act}
}

func (s scripting) signing() []Step {
	var all []Step
	add := func(k plan.Keyholder, role string) {
		all = append(all, Step{ID: SignID(k.Card), Title: fmt.Sprintf("%s signs with card %d", k.Name, k.Card), Who: Person{k.Name, role}.String(),
			Class: Repeatable, Holder: k.Name, Card: k.Card,
			Say:      []string{fmt.Sprintf("I am %s, and I put card %d into the reader, alone.", k.Name, k.Card)},
			Compare:  []string{k.Name + ": the digest with the one on your own page, word by word."},
			Recovery: "What is signed stays signed. Another card may go first; signatures may be made elsewhere and brought later."})
	}
	for _, k := range s.plan.Keyholders {
		add(k, Keyholder)
	}
	for _, k := range s.plan.Outgoing {
		add(k, Outgoing)
	}
	return all
}

func (s scripting) closing() []Step {
	return []Step{
		{ID: Combine, Title: "Put the signatures together", Who: s.leader, Class: OnceOnly,
			Say:      []string{"The program puts the signatures together, and verifies the result as every client will."},
			Recovery: "Start the program again: an output that is not whole was never there, and one that is whole stays."},
		s.export(),
		s.close(),
	}
}

func (s scripting) export() Step {
	what := "what is to be published, and what is to be sealed, each"
	if s.plan.Family() != plan.RosterFamily {
		what = "what is to be published"
	}
	return Step{ID: Export, Title: "Carry it out", Who: s.leader, Class: Pure,
		Say:      []string{"I copy " + what + " to two media."},
		Compare:  []string{"A witness: the digests on the screen with those that another machine finds on each medium."},
		Recovery: "A medium that does not compare is destroyed, and another one written."}
}

func (s scripting) close() Step {
	return Step{ID: Close, Title: "Close the ceremony", Who: s.closers(), Class: OnceOnly,
		Say:      []string{"I ask each witness by name: do you agree that this ceremony went as its plan and this script say?"},
		Compare:  []string{"Each person: the digest of the transcript, which you write on your own page."},
		Recovery: "Who disagrees says so, with the reason; it stands in the record for good. The seal is the last entry."}
}

func (s scripting) closers() string {
	var names []string
	for _, w := range Witnesses(s.plan) {
		names = append(names, w.Name)
	}
	if len(names) == 0 {
		return s.leader
	}
	return s.leader + ", then " + strings.Join(names, ", ")
}
