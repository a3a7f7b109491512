// Package words writes bytes as words that people read aloud and compare: the
// PGP word list of Philip Zimmermann and Patrick Juola (1995).
//
// Each byte is one word. Bytes at even places, counted from 0, take theirs
// from 256 words of two syllables, the others from 256 of three. So a listener
// hears when one word is left out or said twice, or two neighbours change
// places. All words are ASCII.
//
// Words are another spelling and no check of what they spell: whoever compares
// them must hear all of them.
package words

import (
	"fmt"
	"strings"
)

// PerLine is the number of words in a line of [Format].
const PerLine = 8

// Words returns the word for each byte of b.
func Words(b []byte) []string {
	list := make([]string, len(b))
	for i, c := range b {
		list[i] = at(i)[c]
	}
	return list
}

// Format returns the words of b in lines of PerLine words, with one space
// between words and a line feed between lines, none at the end. A SHA-256
// digest gives four lines.
func Format(b []byte) string {
	var s strings.Builder
	for i, w := range Words(b) {
		switch {
		case i > 0 && i%PerLine == 0:
			s.WriteByte('\n')
		case i > 0:
			s.WriteByte(' ')
		}
		s.WriteString(w)
	}
	return s.String()
}

// Parse returns the bytes that words spell. White space of any kind separates
// them, and case does not matter. The error names the first word that is in
// neither list, or whose list is the other one; then a word before it is
// missing or doubled, or two have changed places.
//
// Words that are missing in pairs, or at the end, Parse cannot notice: compare
// the length with what is expected.
func Parse(words string) ([]byte, error) {
	var b []byte
	for i, w := range strings.Fields(words) {
		c, ok := find(at(i), w)
		if !ok {
			if _, other := find(at(i+1), w); other {
				return nil, fmt.Errorf("word %d is %q, from the list for the next place; a word before it is missing or doubled, or two are swapped", i+1, w)
			}
			return nil, fmt.Errorf("word %d is %.40q, which is not in the PGP word list", i+1, w)
		}
		b = append(b, c)
	}
	return b, nil
}

// at returns the list for the byte at place i.
func at(i int) []string {
	if i%2 == 0 {
		return twoSyllables
	}
	return threeSyllables
}

func find(list []string, word string) (byte, bool) {
	for i, w := range list {
		// The lists are ASCII; EqualFold alone would take a Kelvin sign for a k.
		if len(w) == len(word) && strings.EqualFold(w, word) {
			return byte(i), true
		}
	}
	return 0, false
}
