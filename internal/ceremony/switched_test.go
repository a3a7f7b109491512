package ceremony

import (
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestSwitchedOff: a check that is switched off has its say all the same; the
// sentences, the overview and the record name it, with why and by whom.
func TestSwitchedOff(t *testing.T) {
	s := newStage(t, rehearsal)
	all := strings.Replace(s.plan("genesis", 1, first, "Alice", "Bob", "Carol"), "threshold: 2", "threshold: 3", 1) + "anchor: empty\n"
	_, err := Build(t.Context(), s.mustLoad(all, first), rand.Reader)
	refusedWith(t, err, "ROOT-SPARE")
	c := s.mustLoad(all+"switched_off: [{check: ROOT-SPARE, reason: three cards came, approved_by: Carol}]\n", first)
	d := s.begin("record", c)
	i := slices.IndexFunc(d.Findings, func(f Finding) bool { return f.ID == "ROOT-SPARE" })
	if f := d.Findings[i]; f.OK || f.Refuses() || f.SwitchedOff != "three cards came" || f.ApprovedBy != "Carol" || f.Found == "" || f.Parameter != "1" {
		t.Errorf("finding is %+v", f)
	}
	sentence := `CHECK ROOT-SPARE IS SWITCHED OFF, approved by "Carol": "three cards came".`
	overview := c.Overview(d.Findings)
	if !slices.Contains(d.Sentences(), sentence) || !slices.Contains(overview, sentence) ||
		!slices.ContainsFunc(overview, func(l string) bool { return strings.HasPrefix(l, "OFF (WOULD REFUSE) ROOT-SPARE: ") }) {
		t.Errorf("sentences:\n%s\noverview:\n%s", strings.Join(d.Sentences(), "\n"), strings.Join(overview, "\n"))
	}
	desk := &paper{}
	if err := s.trySign("record", first, "Alice", desk); err != nil || !desk.heard(sentence) {
		t.Errorf("Alice, who signs, did not hear of it: %v", err)
	}
	b, err := os.ReadFile(s.path("record", transcriptName))
	if err != nil || !strings.Contains(string(b), `"switched_off":"three cards came"`) {
		t.Errorf("the record does not tell: %v", err)
	}
}
