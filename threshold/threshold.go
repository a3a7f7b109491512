// Package threshold answers one question: who has signed, and is it enough?
//
// It counts people. A [Policy] is M of N people, each holding one or more
// keys; a person counts once, with however many keys and signatures. Keys are
// named by their material, so one key in two packets is one key. The package
// knows no signature format: callers verify signatures first and pass the
// keys that made good ones. Nothing here reads a clock or a file.
package threshold

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Key names key material: a SHA-256 over algorithm and public numbers, so
// that the same key in another packet has the same name.
type Key [32]byte

// A Person holds keys under a name that no other person of a policy has.
type Person struct {
	Name string
	Keys []Key
}

// A Policy says how many of which people must have signed. It is made by
// [New]; the zero Policy approves nothing.
type Policy struct {
	m      int
	people []Person
	owner  map[Key]int
}

// New returns the policy "m of people". It refuses m below 1 or above the
// number of people, a person without keys, two people of one name, and a key
// that stands twice, with one person or with two.
func New(m int, people []Person) (Policy, error) {
	if m < 1 || m > len(people) {
		return Policy{}, fmt.Errorf("threshold is %d, wanted 1 to %d, the number of people", m, len(people))
	}
	p := Policy{m: m, owner: make(map[Key]int)}
	names := make(map[string]bool)
	for i, person := range people {
		if names[person.Name] {
			return Policy{}, fmt.Errorf("two people are named %q, wanted one name a person", person.Name)
		}
		names[person.Name] = true
		if len(person.Keys) == 0 {
			return Policy{}, fmt.Errorf("%q has no key, wanted at least one", person.Name)
		}
		for _, k := range person.Keys {
			if j, ok := p.owner[k]; ok {
				return Policy{}, fmt.Errorf("one key stands twice, with %q and with %q, wanted each key once", people[j].Name, person.Name)
			}
			p.owner[k] = i
		}
		p.people = append(p.people, Person{person.Name, slices.Clone(person.Keys)})
	}
	return p, nil
}

// M is the number of people who must have signed.
func (p Policy) M() int { return p.m }

// N is the number of people who may.
func (p Policy) N() int { return len(p.people) }

// An Approval is evidence that a policy was met for one exact message. It is
// made only by [Policy.Approve].
type Approval struct {
	digest [32]byte
	by     []string
}

// For reports whether the approval is for the message with this SHA-256.
func (a Approval) For(digest [32]byte) bool { return a.by != nil && a.digest == digest }

// By names the people who were counted, in the policy's order.
func (a Approval) By() []string { return slices.Clone(a.by) }

// A ShortfallError says that too few people have signed. Missing names those
// of the policy who have not; Revoked names those whose only signatures are
// by revoked keys.
type ShortfallError struct {
	Got, Want int
	Missing   []string
	Revoked   []string
}

func (e *ShortfallError) Error() string {
	s := fmt.Sprintf("signed by %d of the %d people required", e.Got, e.Want)
	if len(e.Revoked) > 0 {
		s += fmt.Sprintf("; signatures by revoked keys do not count (%s)", quoted(e.Revoked))
	}
	if len(e.Missing) > 0 {
		s += fmt.Sprintf("; could still sign: %s", quoted(e.Missing))
	}
	return s
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(q, ", ")
}

// ErrNoPolicy is what the zero Policy answers.
var ErrNoPolicy = errors.New("no policy: nobody may approve anything")

// Approve counts the people of the policy who hold at least one key of
// signers that revoked does not report, and returns an approval of the
// message with the given SHA-256 if they are M or more. Keys of signers that
// no person holds are not counted. revoked may be nil.
//
// The error is a [*ShortfallError], or [ErrNoPolicy].
func (p Policy) Approve(digest [32]byte, signers []Key, revoked func(Key) bool) (Approval, error) {
	if p.m < 1 {
		return Approval{}, ErrNoPolicy
	}
	counted, dropped := make(map[int]bool), make(map[int]bool)
	for _, k := range signers {
		i, ok := p.owner[k]
		switch {
		case !ok:
		case revoked != nil && revoked(k):
			dropped[i] = true
		default:
			counted[i] = true
		}
	}
	maps.DeleteFunc(dropped, func(i int, _ bool) bool { return counted[i] })
	if len(counted) < p.m {
		return Approval{}, p.shortfall(counted, dropped)
	}
	a := Approval{digest: digest}
	for i, person := range p.people {
		if counted[i] {
			a.by = append(a.by, person.Name)
		}
	}
	return a, nil
}

func (p Policy) shortfall(counted, dropped map[int]bool) error {
	e := &ShortfallError{Got: len(counted), Want: p.m}
	for i, person := range p.people {
		switch {
		case dropped[i]:
			e.Revoked = append(e.Revoked, person.Name)
		case !counted[i]:
			e.Missing = append(e.Missing, person.Name)
		}
	}
	return e
}
