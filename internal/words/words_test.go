package words

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// The fingerprint that the published descriptions of the list spell out.
const (
	fingerprint = "e58294f2e9a227486e8b061b31cc528fd7fa3f19"
	spoken      = "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator\n" +
		"goldfish Medusa afflict bravado chatter revolver Dupont midsummer\n" +
		"stopwatch whimsical cowbell bottomless"
)

// The digest is of all 512 words as other programs have them, too, with a line
// feed between words.
func TestList(t *testing.T) {
	all := append(append([]string{}, twoSyllables...), threeSyllables...)
	if len(twoSyllables) != 256 || len(threeSyllables) != 256 {
		t.Fatalf("%d and %d words, want 256 and 256", len(twoSyllables), len(threeSyllables))
	}
	sum := sha256.Sum256([]byte(strings.Join(all, "\n")))
	if got := hex.EncodeToString(sum[:]); got != "e9b7b0052233a74aa56724ed3f79c272036aed68d8f4c0856e833c8043b9ac62" {
		t.Errorf("the list has the digest %s", got)
	}
	seen := map[string]bool{}
	for _, w := range all {
		l := strings.ToLower(w)
		if seen[l] {
			t.Errorf("%q stands twice", w)
		}
		seen[l] = true
		if strings.Trim(l, "abcdefghijklmnopqrstuvwxyz") != "" {
			t.Errorf("%q has more than ASCII letters", w)
		}
	}
}

func TestFormat(t *testing.T) {
	b, err := hex.DecodeString(fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	if got := Format(b); got != spoken {
		t.Errorf("Format =\n%s\nwant\n%s", got, spoken)
	}
	if got := strings.Join(Words(b), " "); got != strings.ReplaceAll(spoken, "\n", " ") {
		t.Errorf("Words = %s", got)
	}
	for n, lines := range map[int]int{1: 1, 8: 1, 9: 2, 16: 2, 32: 4} {
		f := Format(make([]byte, n))
		if got := strings.Split(f, "\n"); len(got) != lines || strings.HasSuffix(f, " ") {
			t.Errorf("%d bytes make %d lines, want %d: %q", n, len(got), lines, f)
		}
	}
	if Format(nil) != "" {
		t.Errorf("no bytes make %q", Format(nil))
	}
}

func TestParse(t *testing.T) {
	for _, s := range []string{spoken, strings.ToUpper(spoken), "  " + strings.ReplaceAll(strings.ToLower(spoken), " ", "\t\r\n") + "\n"} {
		if b, err := Parse(s); err != nil || hex.EncodeToString(b) != fingerprint {
			t.Errorf("Parse(%q) = %x, %v", s, b, err)
		}
	}
	if b, err := Parse(" \n"); err != nil || len(b) != 0 {
		t.Errorf("Parse of nothing = %x, %v", b, err)
	}
}

func TestParseRoundTrip(t *testing.T) {
	for c := range 256 {
		want := []byte{byte(c), byte(c)} // once in each list
		if b, err := Parse(Format(want)); err != nil || !bytes.Equal(b, want) {
			t.Errorf("Parse(%q) = %x, %v", Format(want), b, err)
		}
	}
}

func TestParseHearsMistakes(t *testing.T) {
	for what, c := range map[string]struct{ in, want string }{
		"first word missing": {"Istanbul Pluto vagabond", `word 1 is "Istanbul", from the list for the next place`},
		"a word missing":     {"topmost Istanbul vagabond treadmill", `word 3 is "vagabond"`},
		"a word doubled":     {"topmost topmost Istanbul", `word 2 is "topmost"`},
		"two words swapped":  {"topmost Istanbul vagabond Pluto", `word 3 is "vagabond"`},
		"an unknown word":    {"topmost Constantinople", `word 2 is "Constantinople", which is not`},
		"half a word":        {"top most", `word 1 is "top", which is not`},
		"punctuation":        {"topmost, Istanbul", `word 1 is "topmost,", which is not`},
		"Kelvin sign":        {"\u212aiwi", `which is not`},
	} {
		b, err := Parse(c.in)
		if err == nil || b != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Parse(%q) = %x, %v; want %q", what, c.in, b, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(spoken)
	f.Fuzz(func(t *testing.T, s string) {
		b, err := Parse(s)
		if err != nil {
			return
		}
		if !strings.EqualFold(strings.Join(strings.Fields(s), " "), strings.Join(Words(b), " ")) {
			t.Errorf("Parse(%q) = %x, which is spelt %q", s, b, Words(b))
		}
	})
}
