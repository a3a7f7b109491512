package peers

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/rootward/rootward/internal/pgp/corpus"
)

const head = `# Hostile OpenPGP signature files: what verifiers do with them

This page is made by ` + "`go run ./tools/pgpcorpus table`" + `; do not edit it. The cases come from the package
internal/pgp/corpus and stand as files in internal/pgp/corpus/testdata. What Rootward must do with each is fixed there,
and tested; this page shows where other verifiers, given the same document, file and certificates, decide otherwise.

Verifiers: %s (judging at 2026-01-01), %s, go-crypto %s's openpgp/v2.VerifyArmoredDetachedSignature ("v2") and
openpgp.CheckArmoredDetachedSignature ("v1"), both judging at 2026-01-01. gpg and sqv accept where they exit with 0, as a
script would ask them; the number is that of good signatures reported. v2 and v1 stop at the first good one. Each was asked
about everything; "no answer" is a program that was stopped after %.0f seconds of processor time.

A difference is no bug of theirs by itself: they serve other aims. A stock tool has a keyring and cannot be told which
keys a document asks for; it reads certificates, which Rootward does not; and it must read what the world has written
since 1991. The table says what Rootward would have let in had it asked one of them.
`

// Table returns docs/openpgp-corpus.md: Rootward's column is judged anew, those
// of the others come from r.
func Table(r *Record) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, head, r.GPG, r.Sqv, r.GoCrypto, Patience.Seconds())
	summary(&out, r)
	families(&out, r)
	differences(&out, r)
	return out.Bytes()
}

func accepts(short string) bool { return strings.HasPrefix(short, string(corpus.Accept)) }

// differs says whether another's outcome is not ours in effect: it accepts what
// we do not, or the reverse, or counts more than we do.
func differs(ours Outcome, theirs string) bool {
	if accepts(theirs) != (ours.Verdict == corpus.Accept) {
		return true
	}
	var count int
	if n, _ := fmt.Sscanf(theirs, "accept %d", &count); n == 1 {
		return count > ours.Count
	}
	return false
}

// summary has one line a class.
func summary(out *bytes.Buffer, r *Record) {
	type line struct{ cases, accepted, ignored, refused, more, less [4]int }
	var classes []string
	lines := map[string]*line{}
	total := &line{}
	for _, c := range corpus.All() {
		if lines[c.Class] == nil {
			classes, lines[c.Class] = append(classes, c.Class), &line{}
		}
		ours := Rootward(c)
		for _, l := range []*line{lines[c.Class], total} {
			l.cases[0]++
			switch ours.Verdict {
			case corpus.Accept:
				l.accepted[0]++
			case corpus.Ignore:
				l.ignored[0]++
			default:
				l.refused[0]++
			}
			for i, theirs := range r.Cases[c.Name] {
				switch {
				case !differs(ours, theirs):
				case accepts(theirs):
					l.more[i]++
				default:
					l.less[i]++
				}
			}
		}
	}
	fmt.Fprintf(out, "\n## By class\n\nOf each other verifier: how many it accepts (or counts more than once) that Rootward does not, and how many it\nrefuses that Rootward accepts. Blank where it does as Rootward does in every case.\n\n")
	fmt.Fprintf(out, "| class | cases | accept | ignore | refuse | gpg | sqv | v2 | v1 |\n|---|---|---|---|---|---|---|---|---|\n")
	lines["**all**"] = total
	for _, name := range append(classes, "**all**") {
		l := lines[name]
		fmt.Fprintf(out, "| %s | %d | %d | %d | %d |", name, l.cases[0], l.accepted[0], l.ignored[0], l.refused[0])
		for i := range Names {
			switch {
			case l.more[i]+l.less[i] == 0:
				fmt.Fprint(out, " |")
			case l.less[i] == 0:
				fmt.Fprintf(out, " +%d |", l.more[i])
			default:
				fmt.Fprintf(out, " +%d −%d |", l.more[i], l.less[i])
			}
		}
		fmt.Fprintln(out)
	}
}

// families has one line a family.
func families(out *bytes.Buffer, r *Record) {
	fmt.Fprintf(out, "\n## One good signature, changed at each place\n\nHow many of the variants each verifier accepts.\n\n")
	fmt.Fprintf(out, "| what is changed | variants | Rootward | gpg | sqv | v2 | v1 |\n|---|---|---|---|---|---|---|\n")
	for _, f := range corpus.Families() {
		ours := 0
		for _, c := range f.Variants {
			if Rootward(c).Verdict == corpus.Accept {
				ours++
			}
		}
		fmt.Fprintf(out, "| %s | %d | %d |", f.Name, len(f.Variants), ours)
		for _, letters := range r.Families[f.Name] {
			fmt.Fprintf(out, " %d |", strings.Count(letters, "a"))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "\nThe bits that may flip, of one signature over one document:\n\n")
	for i, letters := range r.Families["bit-flipped"] {
		fmt.Fprintf(out, "- %s: %s\n", Names[i], cmp.Or(freeBits(letters), "none"))
	}
	fmt.Fprint(out, "\nFiles that are accepted though they were cut were cut in the base64's padding or behind it: nobody misses a checksum or\nan end line. A byte of the armour may change there, at the end of the first line, or where it holds bits as above.\nRootward accepts one cut file: only the last line feed is gone.\n")
}

// bitFields are the octets of the packet that the family "bit-flipped" changes,
// as far as some verifier does not mind.
var bitFields = map[int]string{
	0: "the packet's tag", 1: "the packet's length", 10: "the version beside the fingerprint", 39: "the hash tag", 40: "the hash tag",
	41: "a number's bit count", 42: "a number's bit count", 75: "a number's bit count", 76: "a number's bit count",
}

// freeBits says in which fields a verifier lets bits change.
func freeBits(letters string) string {
	var names []string
	count := map[string]int{}
	for bit, l := range letters {
		if l != 'a' {
			continue
		}
		name := cmp.Or(bitFields[bit/8], "other octets")
		if count[name] == 0 {
			names = append(names, name)
		}
		count[name]++
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%d in %s", count[name], name)
	}
	return strings.Join(names, ", ")
}

// differences has one line a case on which anybody differs.
func differences(out *bytes.Buffer, r *Record) {
	fmt.Fprintf(out, "\n## Case by case\n\nOnly cases on which somebody differs; their differing verdicts are in bold.\n\n")
	fmt.Fprintf(out, "| case | Rootward | gpg | sqv | v2 | v1 | why Rootward does so |\n|---|---|---|---|---|---|---|\n")
	for _, c := range corpus.All() {
		ours, row := Rootward(c), r.Cases[c.Name]
		any := false
		for i, theirs := range row {
			if differs(ours, theirs) {
				any, row[i] = true, "**"+theirs+"**"
			}
		}
		if any {
			fmt.Fprintf(out, "| %s | %s | %s | %s (%s) |\n", c.Name, ours.Short(), strings.Join(row[:], " | "), c.Why, c.Source)
		}
	}
}
