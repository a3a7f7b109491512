package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/roster/digest"
)

const good = `ceremony: 2026-11-second
acts: [renewal, anchor]
repository: packages.example
roster:
  version: 2
  issued: 2026-11-23T12:00:00Z
  expires: 2027-11-23T12:00:00Z
  threshold: 2
  snapshot_lifetime: 24h
  snapshot_floor: 5
previous:
  directory: public
  pin: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
keyholders:
  - {name: Alice, card: 11223344, enrolment: enrolments/11223344.json}
  - name: Bob
    card: 11223345
    enrolment: enrolments/11223345.json
    sha256: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
online_keys:
  file: online-keys.json
  not_before: 2026-11-23T12:00:00Z
  expires: 2028-11-23T12:00:00Z
anchor:
  kept_snapshot: kept.json
  repository: public
  waiting_period: 168h
  overrides:
    - {package: demo, list: cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc}
  postpone: [later]
revoke:
  - {key: dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd, reason: lost, at: 2026-11-01T00:00:00Z}
`

func TestParse(t *testing.T) {
	p, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	n := p.Anchor.New
	if p.Keyholders[1].Card != 11223345 || p.Keyholders[1].SHA256.String() != strings.Repeat("b", 64) || n == nil ||
		n.WaitingPeriod.D != 168*time.Hour || n.Overrides[0].Package != "demo" || p.Revoke[0].Reason != "lost" ||
		p.Roster.Issued.String() != "2026-11-23T12:00:00Z" || p.Previous.Pin.Digest == (digest.Digest{}) {
		t.Errorf("plan is %+v", p)
	}
	if _, err := Parse([]byte(good + "# " + strings.Repeat("x", MaxPlan-len(good)-3) + "\n")); err != nil {
		t.Errorf("a plan of %d bytes: %v", MaxPlan, err)
	}
	for _, fixed := range []string{AnchorEmpty, AnchorKeep} {
		begin, end := strings.Index(good, "anchor:"), strings.Index(good, "revoke:")
		p, err := Parse([]byte(good[:begin] + "anchor: " + fixed + "\n" + good[end:]))
		if err != nil || p.Anchor.Fixed != fixed || p.Anchor.New != nil {
			t.Errorf("anchor: %s gives %+v, %v", fixed, p.Anchor, err)
		}
	}
}

// TestDefaults says what stands in place of what was left out, and that a
// policy of the plan's own is told.
func TestDefaults(t *testing.T) {
	p, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if p.MinimumFirmware.String() != DefaultFirmware || p.RevocationReason != DefaultRevocationReason || !slices.Equal(p.Algorithms, []hsm.Algorithm{hsm.P384}) {
		t.Errorf("defaults are %v, %q, %v", p.MinimumFirmware, p.RevocationReason, p.Algorithms)
	}
	if d := p.Policy.Departures(); len(d) != 0 || p.Policy.ThresholdMin != 2 || *p.Policy.SpareMin != 1 {
		t.Errorf("policy %+v departs by %v", p.Policy, d)
	}
	p, err = Parse([]byte(good + "policy: {waiting_min: 0s, spare_min: 0, clock_tolerance: 2m}\nminimum_firmware: 5.4.3\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"spare_min is 0, by default 1", "waiting_min is 0s, by default 168h0m0s", "clock_tolerance is 2m0s, by default 5m0s"}
	if got := p.Policy.Departures(); !slices.Equal(got, want) || p.MinimumFirmware.Firmware != (hsm.Firmware{Major: 5, Minor: 4, Patch: 3}) {
		t.Errorf("departures are %q, want %q; firmware %v", got, want, p.MinimumFirmware)
	}
}

// TestParseRefuses: each line is one change to the good plan, and the words
// that the refusal must have.
func TestParseRefuses(t *testing.T) {
	after := strings.Count(good, "\n") + 1
	for _, c := range []struct{ old, new, want string }{
		{"threshold: 2", "treshold: 2", `line 8: unknown key "treshold", wanted one of: version, issued, expires, threshold`},
		{"reason: lost", "because: lost", `line 32: unknown key "because"`},
		{"  postpone: [later]", "  postpone: [later]\n  postpone: [other]", `line 31: key "postpone" stands in line 30 already`},
		{"card: 11223345", "card: 11223345\n    card: 1", `line 18: key "card" stands in line 17 already`},
		{"waiting_period", "waiting", `line 27: unknown key "waiting"`},
		{"{package: demo,", "{package: demo, by: root,", `line 29: unknown key "by"`},
		{"name: Bob", "name: &bob Bob", "line 16: anchors and aliases are not read here"},
		{"name: Bob", "name: [Bob]", "line 16: wanted one value"},
		{"name: Bob", "name: ", "line 16: wanted one value"},
		{"threshold: 2", "threshold: two", "line 8: cannot unmarshal"},
		{"threshold: 2", "threshold: -2", "roster.threshold is missing"},
		{"card: 11223345", "card: -5", "line 17: cannot unmarshal"},
		{"card: 11223345", "card: 0", "keyholder 2 wants name, card and enrolment"},
		{"[later]", "later", "line 30: wanted a list"},
		{"previous:\n  directory: public\n", "previous:\n", "previous wants directory and pin"},
		{"  waiting_period: 168h\n", "", "anchor wants kept_snapshot, repository and waiting_period"},
		{"waiting_period: 168h", "waiting_period: -168h", `line 27: duration is "-168h"`},
		{"waiting_period: 168h", "waiting_period: 7d", `line 27: duration is "7d"`},
		{"snapshot_lifetime: 24h", "snapshot_lifetime: 1500ms", `line 9: duration is "1500ms", wanted whole seconds`},
		{"issued: 2026-11-23T12:00:00Z", "issued: 2026-11-23", `line 6: time "2026-11-23"`},
		{"issued: 2026-11-23T12:00:00Z", "issued: 2026-11-23T12:00:00+01:00", `line 6: time`},
		{"pin: aaaa", "pin: aaa", "line 13: digest has 63 characters"},
		{"acts: [renewal, anchor]", "acts: [renewals]", `acts has "renewals", wanted some of`},
		{"acts: [renewal, anchor]", "acts: [renewal, renewal]", `acts has "renewal" twice`},
		{"acts: [renewal, anchor]", "acts: [renewal, genesis]", `acts has "genesis" with others, wanted it alone`},
		{"acts: [renewal, anchor]", "acts: [abandon, renewal]", `acts has "abandon" with others`},
		{"acts: [renewal, anchor]", "act: renewal", `unknown key "act"`},
		{"acts: [renewal, anchor]\n", "", "acts is missing"},
		{"repository: packages.example", "repository: Packages", "repository is"},
		{"ceremony: 2026-11-second", "ceremony: ../x", `ceremony is "../x"`},
		{"  expires: 2027-11-23T12:00:00Z\n", "", "roster.expires is missing"},
		{"  file: online-keys.json\n", "", "online_keys and standby_keys want file or keep"},
		{"reason: lost, ", "", "revoke 1 wants key, reason and at"},
		{good, "", "the file is empty"},
		{good, good + "---\nacts: [genesis]\n", "a second document"},
		{good, good + "minimum_firmware: 5.7\n", fmt.Sprintf(`line %d: firmware is "5.7"`, after)},
		{good, good + "algorithms: [Ed25519]\n", `algorithms has "Ed25519"`},
		{good, good + "policy: none\n", fmt.Sprintf("line %d: wanted keys and values", after)},
		{"  file: online-keys.json\n", "  keep: [" + strings.Repeat("d", 64) + "]\n  sha256: " + strings.Repeat("b", 64) + "\n", "take sha256 with file only"},
		{good[strings.Index(good, "anchor:"):strings.Index(good, "revoke:")], "anchor: none\n", `anchor is "none", wanted "empty", "keep" or kept_snapshot`},
		{good, good + "# " + strings.Repeat("x", MaxPlan-len(good)-2) + "\n", fmt.Sprintf("%d bytes, wanted at most", MaxPlan+1)},
		{good, good + "standby_keys: {file: standby.json}\n", "online_keys and standby_keys want file or keep"},
		{"anchor:\n  kept", "anchor: none\nx:\n  kept", `unknown key "x"`},
	} {
		b := strings.Replace(good, c.old, c.new, 1)
		if b == good {
			t.Fatalf("%q is not in the plan", c.old)
		}
		p, err := Parse([]byte(b))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "plan: ") {
			t.Errorf("%q in place of %q gives %v, want %q", c.new, c.old, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "yaml") || strings.Contains(err.Error(), "unmarshal errors")) {
			t.Errorf("%q: %v speaks of the library", c.new, err)
		}
		if p != nil {
			t.Errorf("%q: a refused plan was returned", c.new)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("anchor: [empty]\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if (p == nil) == (err == nil) {
			t.Errorf("plan %v and error %v", p, err)
		}
	})
}
