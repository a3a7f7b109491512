package plan

import (
	"strings"
	"testing"
)

const opens = `ceremony: emergency
acts: [open-revocations]
repository: packages.example
program: eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee
roles:
  administrator: Grace
  witnesses:
    - {name: Heidi, certificate: heidi.asc, sha256: ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff}
    - {name: Ivan}
outputs: {record: record, published: opened}
previous:
  directory: public
  pin: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
sealed:
  directory: envelope
  reason: stolen
  open:
    - bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
switched_off:
  - {check: SEALED-BOTH-ROLES, reason: the other is safe, approved_by: Heidi}
`

const abandons = `ceremony: never
acts: [abandon]
repository: packages.example
abandon:
  record: record
  draft: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
  reason: a wrong date
`

func TestFamilies(t *testing.T) {
	for text, want := range map[string]Family{good: RosterFamily, opens: SealedFamily, abandons: DraftFamily} {
		p, err := Parse([]byte(text))
		if err != nil || p.Family() != want {
			t.Errorf("%v, want family %s", err, want)
		}
	}
	p, err := Parse([]byte(opens))
	if err != nil {
		t.Fatal(err)
	}
	if p.Roles.Administrator != "Grace" || p.Roles.Witnesses[0].Certificate != "heidi.asc" || p.Outputs.Published != "opened" ||
		p.Program.String() != strings.Repeat("e", 64) || len(p.Sealed.Open) != 1 || p.SwitchedOff[0].ApprovedBy != "Heidi" {
		t.Errorf("plan is %+v", p)
	}
}

// TestFamiliesAreStrict: a plan has only the keys that its acts give a meaning.
func TestFamiliesAreStrict(t *testing.T) {
	for _, c := range []struct{ base, old, new, want string }{
		{opens, "switched_off:", "anchor: keep\nswitched_off:", `line 19: key "anchor" has no place in a plan of act open-revocations`},
		{opens, "switched_off:", "roster: {version: 1}\nswitched_off:", `key "roster" has no place`},
		{opens, "  open:\n    - bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n", "", "sealed.open has 0 keys"},
		{opens, "[open-revocations]", "[destroy-revocations]", "published to open revocations alone"},
		{opens, "outputs: {record: record, published: opened}\n", "", "outputs wants record"},
		{opens, "  reason: stolen\n", "", "sealed wants directory and reason"},
		{opens, "  pin: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", "", "previous wants directory and pin"},
		{opens, "name: Ivan", "certificate: ivan.asc", "roles.witnesses 2 wants name"},
		{opens, "certificate: heidi.asc, ", "", "roles.witnesses 1 has sha256 without certificate"},
		{opens, ", approved_by: Heidi", "", "switched_off 1 wants check, reason and approved_by"},
		{opens, "approved_by: Heidi", "by: Heidi", `unknown key "by"`},
		{opens, "name: Ivan", "name: FILL-IN-witness-2", "1 values are to be filled in:\n  line 9: FILL-IN-witness-2"},
		{abandons, "  reason: a wrong date\n", "", "abandon wants record, draft and reason"},
		{abandons, "abandon:\n", "keyholders: []\nabandon:\n", `key "keyholders" has no place in a plan of act abandon`},
		{good, "anchor:\n", "abandon: {record: r}\nanchor:\n", `key "abandon" has no place in a plan that makes a roster`},
		{good, "file: online-keys.json", "keep: [cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc]\n  file: online-keys.json", "want file or keep"},
		{good, "file: online-keys.json", "keep: [cccc]", "digest has 4 characters"},
		{good, "acts: [renewal, anchor]", "acts: renewal", "line 2: wanted a list"},
	} {
		b := strings.Replace(c.base, c.old, c.new, 1)
		if b == c.base {
			t.Fatalf("%q is not in the plan", c.old)
		}
		if _, err := Parse([]byte(b)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q in place of %q gives %v, want %q", c.new, c.old, err, c.want)
		}
	}
}
