package script

import (
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/ceremony/plan"
)

func sample(acts ...plan.Act) *plan.Plan {
	return &plan.Plan{Ceremony: "2026-11-test", Acts: acts, Repository: "rehearsal.packages.example", Roster: plan.Roster{Version: 4},
		Roles:      plan.Roles{Administrator: "Dora", Witnesses: []plan.Witness{{Name: "Walter"}, {Name: "Wanda"}}},
		Keyholders: []plan.Keyholder{{Name: "Alice", Card: 1001}, {Name: "Bob", Card: 1012}},
		Outgoing:   []plan.Keyholder{{Name: "Bob", Card: 1002}, {Name: "Carol", Card: 1003}}}
}

// TestOf: the steps of each family, in order; every step says who acts, what is
// said, and what is done after an interruption, and no id stands twice.
func TestOf(t *testing.T) {
	for _, c := range []struct{ act, want string }{
		{"renewal", "OPEN ROLL-CALL CLOCK MACHINE CHECKS DRAFT REVIEW SIGN-1001 SIGN-1012 SIGN-1002 SIGN-1003 COMBINE EXPORT CLOSE"},
		{"open-revocations", "OPEN ROLL-CALL CHECKS REVIEW UNSEAL EXPORT CLOSE"},
		{"destroy-revocations", "OPEN ROLL-CALL CHECKS REVIEW DESTROY CLOSE"},
		{"abandon", "OPEN ROLL-CALL CHECKS REVIEW ABANDON CLOSE"},
	} {
		var ids []string
		seen := make(map[string]bool)
		for _, s := range Of(sample(plan.Act(c.act))) {
			ids = append(ids, s.ID)
			if s.Title == "" || s.Who == "" || len(s.Say) == 0 || s.Recovery == "" || seen[s.ID] {
				t.Errorf("%s: step %s lacks something, or stands twice: %+v", c.act, s.ID, s)
			}
			if s.Class != Pure && s.Class != Repeatable && s.Class != OnceOnly {
				t.Errorf("%s: step %s has class %q", c.act, s.ID, s.Class)
			}
			if s.Again && s.Class != Pure {
				t.Errorf("%s: step %s is held again each time and is %s", c.act, s.ID, s.Class)
			}
			seen[s.ID] = true
		}
		if got := strings.Join(ids, " "); got != c.want {
			t.Errorf("%s: steps are %s, want %s", c.act, got, c.want)
		}
	}
}

// TestPeople: everybody once, in the order of the roll call.
func TestPeople(t *testing.T) {
	var names []string
	for _, p := range People(sample(plan.Renewal)) {
		names = append(names, p.String())
	}
	want := "Dora (ceremony administrator), Alice (keyholder), Bob (keyholder), Carol (outgoing keyholder), Walter (witness), Wanda (witness)"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("people are %s, want %s", got, want)
	}
	none := sample(plan.Renewal)
	none.Roles = plan.Roles{}
	if first := Of(none)[0]; first.Who != Administrator || len(Witnesses(none)) != 0 {
		t.Errorf("without names, %q acts first", first.Who)
	}
}
