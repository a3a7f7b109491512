package change

import (
	"fmt"
	"strings"
)

// A Class says what a sentence does to those who trust the root. It stands in the
// record beside the sentence; people know it by the words in capitals.
type Class string

// The classes, the gravest first. Of two that apply, a sentence has the graver
// one.
const (
	Overrides  Class = "OVERRIDES"       // the root itself puts maintainers in the place of others
	Lowers     Class = "LOWERS SECURITY" // fewer people, or less, than before stand between a thief and the index
	CheckOff   Class = "SWITCHED OFF"    // a check of the ceremony has no say
	Unattested Class = "NO ATTESTATION"  // nothing but people's word says that the key is in a card
	Removes    Class = "REMOVES"         // takes trust from a key
	Revokes    Class = "REVOKES"         // takes trust from a key, for ever
	Replaces   Class = "REPLACES"        // somebody's key by another
	Adds       Class = "ADDS"            // trusts a key that was not trusted
	Expires    Class = "EXPIRES"         // something ends sooner than people knew, or has ended
	Changes    Class = "CHANGES"         // anything else that stays but for its meaning
	Withholds  Class = "WITHHOLDS"       // a name keeps its former state in the anchor
	Destroys   Class = "DESTROYS"        // what cannot be had back
	Begins     Class = "BEGINS"          // the first roster: nothing vouches for it but people
	Routine    Class = "ROUTINE"         // as before, or as people expect
)

// classes are those that deserve a second look, the gravest first.
var classes = []Class{Overrides, Lowers, CheckOff, Unattested, Revokes, Removes, Replaces, Adds, Expires, Changes, Withholds, Destroys, Begins}

// A Sentence is one line, and what it does.
type Sentence struct {
	Class Class
	Text  string
}

// Risky reports whether the sentence deserves a second look.
func (s Sentence) Risky() bool { return s.Class != Routine }

// Texts gives the lines.
func Texts(all []Sentence) []string {
	texts := make([]string, len(all))
	for i, s := range all {
		texts[i] = s.Text
	}
	return texts
}

// Risks says, for the record, which sentences deserve a second look: their
// numbers, counted from 1, by class. All others are routine.
func Risks(all []Sentence) map[Class][]int {
	risks := make(map[Class][]int)
	for i, s := range all {
		if s.Risky() {
			risks[s.Class] = append(risks[s.Class], i+1)
		}
	}
	return risks
}

// Summary says, before the sentences are read, how many of them deserve a second
// look, and which: a line for each class that there is, the gravest first.
// Sentences are counted from 1.
func Summary(all []Sentence) []string {
	var lines []string
	risks, n := Risks(all), 0
	for _, c := range classes {
		at := risks[c]
		if len(at) == 0 {
			continue
		}
		n += len(at)
		word := "line"
		if len(at) > 1 {
			word = "lines"
		}
		lines = append(lines, fmt.Sprintf("%s: %d, %s %s.", c, len(at), word, strings.Join(strings.Fields(strings.Trim(fmt.Sprint(at), "[]")), ", ")))
	}
	if n == 0 {
		return []string{fmt.Sprintf("%d sentences. All are routine.", len(all))}
	}
	return append([]string{fmt.Sprintf("%d sentences. To be looked at twice: %d.", len(all), n)}, lines...)
}

type sentences []Sentence

func (s *sentences) say(c Class, format string, args ...any) {
	*s = append(*s, Sentence{c, fmt.Sprintf(format, args...)})
}
