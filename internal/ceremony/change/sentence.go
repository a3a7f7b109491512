package change

import (
	"fmt"
	"strings"
)

// A Class says what a sentence does to those who trust the root. It stands in the
// record beside the sentence; people know it by the words in capitals.
type Class string

// The classes, the gravest first.
const (
	Overrides  Class = "OVERRIDES"       // the root itself puts maintainers in the place of others
	Lowers     Class = "LOWERS SECURITY" // fewer people, or less, than before stand between a thief and the index
	CheckOff   Class = "SWITCHED OFF"    // a check of the ceremony has no say
	Unattested Class = "NO ATTESTATION"  // nothing but people's word says that the key is in a card
	Revokes    Class = "REVOKES"         // takes trust from a key, for ever
	Removes    Class = "REMOVES"         // takes trust from a key
	Replaces   Class = "REPLACES"        // somebody's key by another
	Adds       Class = "ADDS"            // trusts a key that was not trusted
	Expires    Class = "EXPIRES"         // something ends sooner than people knew, or has ended
	Changes    Class = "CHANGES"         // anything else that stays but for its meaning
	Withholds  Class = "WITHHOLDS"       // a name keeps its former state in the anchor
	Destroys   Class = "DESTROYS"        // what cannot be had back
	Begins     Class = "BEGINS"          // the first roster: nothing vouches for it but people
)

// classes are those that deserve a second look, the gravest first.
var classes = []Class{Overrides, Lowers, CheckOff, Unattested, Revokes, Removes, Replaces, Adds, Expires, Changes, Withholds, Destroys, Begins}

// A Sentence is one line, and what it does: nothing but what people expect, if it
// has no class.
type Sentence struct {
	Text    string
	Classes []Class
}

// Risky reports whether the sentence deserves a second look.
func (s Sentence) Risky() bool { return len(s.Classes) > 0 }

// Texts gives the lines.
func Texts(all []Sentence) []string {
	texts := make([]string, len(all))
	for i, s := range all {
		texts[i] = s.Text
	}
	return texts
}

// Risks says, for the record, which sentences deserve a second look: their
// numbers, counted from 1, by class.
func Risks(all []Sentence) map[Class][]int {
	risks := make(map[Class][]int)
	for i, s := range all {
		for _, c := range s.Classes {
			risks[c] = append(risks[c], i+1)
		}
	}
	return risks
}

// Summary says, before the sentences are read, how many of them deserve a second
// look, and which: a line for each class that there is, the gravest first.
// Sentences are counted from 1.
func Summary(all []Sentence) []string {
	n := 0
	for _, s := range all {
		if s.Risky() {
			n++
		}
	}
	if n == 0 {
		return []string{fmt.Sprintf("%d sentences. All are routine.", len(all))}
	}
	lines, risks := []string{fmt.Sprintf("%d sentences. To be looked at twice: %d.", len(all), n)}, Risks(all)
	for _, c := range classes {
		at := risks[c]
		if len(at) == 0 {
			continue
		}
		word := "line"
		if len(at) > 1 {
			word = "lines"
		}
		lines = append(lines, fmt.Sprintf("%s: %d, %s %s.", c, len(at), word, strings.Join(strings.Fields(strings.Trim(fmt.Sprint(at), "[]")), ", ")))
	}
	return lines
}

type sentences []Sentence

// say adds a sentence that deserves no second look.
func (s *sentences) say(format string, args ...any) {
	*s = append(*s, Sentence{Text: fmt.Sprintf(format, args...)})
}

// warn adds one that does.
func (s *sentences) warn(c Class, format string, args ...any) {
	*s = append(*s, Sentence{Text: fmt.Sprintf(format, args...), Classes: []Class{c}})
}

// also gives the last sentence one more class, if it is so.
func (s *sentences) also(c Class, is bool) {
	if last := &(*s)[len(*s)-1]; is {
		last.Classes = append(last.Classes, c)
	}
}
