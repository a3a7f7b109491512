package conformance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rootward/rootward/roster/digest"
)

// A leafLine is a line of the map, without its end, and the name by which it
// is placed and sorted.
type leafLine struct{ name, text string }

// A mapMaker builds maps from lines that it does not judge, by the text of the
// specification, section 4.8, and not by package tree.
type mapMaker struct {
	depth int                              // down to which it splits in any case
	edit  func(prefix, text string) string // of each file before it is hashed; nil for none
	put   func(d digest.Digest, text string)
}

// subtree makes the files of the lines whose positions begin with the prefix.
func (m mapMaker) subtree(lines []leafLine, prefix string) digest.Digest {
	shown := prefix
	if prefix == "" {
		shown = "-"
	}
	var b strings.Builder
	if len(lines) <= 64 && len(prefix) >= m.depth {
		lines = slices.Clone(lines)
		slices.SortFunc(lines, func(a, b leafLine) int { return cmp.Compare(a.name, b.name) })
		fmt.Fprintf(&b, "map-bucket/v1 %s\n", shown)
		for _, l := range lines {
			b.WriteString(l.text + "\n")
		}
		return m.file(prefix, b.String())
	}
	fmt.Fprintf(&b, "map-node/v1 %s\n", shown)
	for _, digit := range "0123456789abcdef" {
		next := prefix + string(digit)
		var below []leafLine
		for _, l := range lines {
			if strings.HasPrefix(digest.Sum([]byte(l.name)).String(), next) {
				below = append(below, l)
			}
		}
		fmt.Fprintln(&b, m.subtree(below, next))
	}
	return m.file(prefix, b.String())
}

func (m mapMaker) file(prefix, text string) digest.Digest {
	if m.edit != nil {
		text = m.edit(prefix, text)
	}
	d := digest.Sum([]byte(text))
	m.put(d, text)
	return d
}
