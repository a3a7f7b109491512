package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// Blank begins every value of a template that people must fill in. A plan that
// still holds one is refused as it is read, so an unedited plan fails closed.
const Blank = "FILL-IN"

// Known is what a template can take from the rosters so far. The zero value
// knows nothing, as before the first ceremony.
type Known struct {
	Directory string // of the chain of rosters
	Pin       digest.Digest
	Root      *roster.Root      // the newest; nil before genesis
	Cards     map[string]uint32 // serial numbers by keyholders' names, as their attestations say
}

// Template writes a commented plan for the acts. Everything that the rosters so
// far do not say is a blank.
//
// What is filled in is a proposal: the checks judge it when it is read as a plan.
func Template(acts []Act, known Known) ([]byte, error) {
	if err := CheckActs(acts); err != nil {
		return nil, err
	}
	t := &template{acts: acts, known: known}
	if t.does(Genesis) {
		t.known = Known{}
	}
	t.head()
	switch acts[0].Family() {
	case SealedFamily:
		t.previous()
		t.sealed()
	case DraftFamily:
		t.line("abandon:")
		t.line("  record: %s-record        # the folder of the ceremony whose draft it is", Blank)
		t.line("  draft: %s-draft         # the draft roster's digest, from ceremony show --record", Blank)
		t.line("  reason: %s-reason", Blank)
	default:
		t.roster()
		t.previous()
		t.keyholders()
		t.online()
		t.anchor()
		t.revoke()
	}
	t.tail()
	return []byte(t.String()), nil
}

type template struct {
	strings.Builder
	acts  []Act
	known Known
}

func (t *template) does(any ...Act) bool {
	return slices.ContainsFunc(any, func(a Act) bool { return slices.Contains(t.acts, a) })
}

func (t *template) line(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

// or gives what is known, or a blank of this name.
func or(known bool, v any, blank string) string {
	if !known {
		return Blank + "-" + blank
	}
	return fmt.Sprint(v)
}

func (t *template) head() {
	names := make([]string, len(t.acts))
	for i, a := range t.acts {
		names[i] = string(a)
	}
	t.line("# A ceremony's plan: the only input that changes what is signed. Fill in every")
	t.line("# value that begins with %s; times are UTC, such as 2026-12-01T10:00:00Z.", Blank)
	t.line("# Have it reviewed, then run: ceremony plan check --plan FILE")
	t.line("ceremony: %s-name             # a name of its own, such as 2026-12-renewal", Blank)
	t.line("acts: [%s]", strings.Join(names, ", "))
	t.line("repository: %s", or(t.known.Root != nil, t.repository(), "repository"))
	t.line("program: %s-program          # sha256sum of the ceremony program, as two builds gave it; a rehearsal may leave the line out", Blank)
	t.line("roles:                            # nobody has two roles; keyholders have theirs below")
	t.line("  administrator: %s-administrator", Blank)
	t.line("  witnesses:                      # each with the OpenPGP certificate that they will sign the record with")
	for i := 1; i <= *DefaultPolicy().WitnessesMin; i++ {
		t.line("    - {name: %[1]s-witness-%[2]d, certificate: %[1]s-certificate-%[2]d}", Blank, i)
	}
	if t.acts[0].Family() != DraftFamily {
		t.line("outputs:                          # new folders")
		t.line("  record: record")
		if !t.does(DestroyRevocations) {
			t.line("  published: published")
		}
	}
	t.line("")
}

func (t *template) repository() string {
	if t.known.Root == nil {
		return ""
	}
	return t.known.Root.Repository
}

// old is the newest roster, or one that says nothing.
func (t *template) old() roster.Root {
	if t.known.Root == nil {
		return roster.Root{Threshold: 2, SnapshotLifetime: 24 * 60 * 60}
	}
	return *t.known.Root
}

func (t *template) roster() {
	old, known := t.old(), t.known.Root != nil
	t.line("roster:")
	t.line("  version: %s", or(known || t.does(Genesis), old.Version+1, "version"))
	t.line("  issued: %s-issued           # the day of the ceremony", Blank)
	switch {
	case t.does(Genesis, Renewal) || !known:
		t.line("  expires: %s-expires          # a year later, say", Blank)
	default:
		t.line("  expires: %s  # as before; another date needs the act renewal", old.Expires)
	}
	note := ""
	if known && !t.does(Keyholders) {
		note = "  # as before; another needs the act keyholders"
	}
	t.line("  threshold: %s%s", or(known || t.does(Genesis), old.Threshold, "threshold"), note)
	t.line("  snapshot_lifetime: %ds", old.SnapshotLifetime)
	switch {
	case t.does(OnlineTheft):
		t.line("  snapshot_floor: %s-floor     # above %d and above every snapshot that anybody saw, the thief's too", Blank, old.SnapshotFloor)
	default:
		t.line("  snapshot_floor: %d", old.SnapshotFloor)
	}
	t.line("")
}

func (t *template) previous() {
	if t.does(Genesis) {
		return
	}
	t.line("previous:")
	t.line("  directory: %s    # a copy of the public repository", or(t.known.Directory != "", quote(t.known.Directory), "directory"))
	t.line("  pin: %s  # the first roster's digest, from your own paper, not from that copy", or(!t.known.Pin.IsZero(), t.known.Pin, "pin"))
	t.line("")
}

// quote writes text from outside so that YAML reads it back as it was.
func quote(s string) string { return fmt.Sprintf("%q", s) }

func (t *template) keyholders() {
	t.line("keyholders:                       # all of the new roster's")
	if t.known.Root == nil {
		for i := 1; i <= 3; i++ {
			t.holder("keyholder-" + fmt.Sprint(i))
		}
		t.line("")
		return
	}
	for _, k := range t.known.Root.Keyholders {
		serial, ok := t.known.Cards[k.Name]
		card := or(ok, serial, "card-of-"+blankable(k.Name))
		t.line("  - {name: %s, card: %s, enrolment: enrolments/%s.json}  # key %s", quote(k.Name), card, card, k.Key)
	}
	if t.does(Keyholders) {
		t.line("  # Who comes has a line; who leaves has none here, and one under outgoing if their signature is wanted.")
		t.holder("keyholder-new")
	}
	if t.does(CardLost, CardCompromised, CardRetired) {
		t.line("  # In place of the line of the person whose card is replaced:")
		t.holder("replaced")
	}
	if t.does(CardRetired) {
		t.line("outgoing:                         # the retired card signs once more")
		t.holder("outgoing")
	} else {
		t.line("# outgoing: []                    # cards of the roster before that leave and yet sign, like keyholders")
	}
	t.none()
	t.line("")
}

// none keeps cards excused that the roster before lists without attestation.
func (t *template) none() {
	var excused []string
	for _, k := range t.known.Root.Keyholders {
		if k.Attestation == roster.NoAttestation {
			excused = append(excused, quote(k.Name))
		}
	}
	if len(excused) > 0 {
		t.line("cards_without_attestation: [%s]  # as before: think again about each", strings.Join(excused, ", "))
	}
}

func (t *template) holder(name string) {
	t.line("  - {name: %[1]s-%[2]s, card: %[1]s-%[2]s-card, enrolment: enrolments/%[1]s-%[2]s-card.json}", Blank, name)
}

// blankable turns a name into what can stand in a blank.
func blankable(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
}

func (t *template) online() {
	if t.known.Root == nil || t.does(OnlineRotation, OnlineTheft) {
		for _, k := range t.old().OnlineKeys {
			t.line("# Before: %s key %s (id %s), from %s until %s.", k.Role, k.Key, k.Key.ID(), k.NotBefore, k.Expires)
		}
		if t.does(OnlineTheft) {
			t.line("# The standby pair, if there is one, is named by keep: [ids] in place of file.")
		}
		t.line("online_keys:")
		t.line("  file: %s-online-file       # what the online signer handed over; or keep: [ids] of keys of the roster before", Blank)
		t.line("  not_before: %s-online-from", Blank)
		t.line("  expires: %s-online-until     # not before the roster", Blank)
		t.line("# standby_keys: {file: standby-keys.json, not_before: ..., expires: ...}  # a second pair, kept elsewhere")
		t.line("")
		return
	}
	for i, w := range t.windows() {
		t.line("%s:", []string{"online_keys", "standby_keys"}[min(i, 1)])
		t.line("  keep:                           # keys of the roster before")
		for _, k := range w {
			t.line("    - %s  # %s key %s", k.Key.ID(), k.Role, k.Key)
		}
		t.line("  not_before: %s", w[0].NotBefore)
		if t.does(Renewal) {
			t.line("  expires: %s-%s  # before until %s; not before the roster", Blank, []string{"online-until", "standby-until"}[min(i, 1)], w[0].Expires)
		} else {
			t.line("  expires: %s", w[0].Expires)
		}
	}
	t.line("")
}

// windows sorts the online keys of the roster before by their times: a plan has
// room for two windows, and what has a third joins the second.
func (t *template) windows() [][]roster.OnlineKey {
	var all [][]roster.OnlineKey
	for _, k := range t.known.Root.OnlineKeys {
		i := slices.IndexFunc(all, func(w []roster.OnlineKey) bool {
			return w[0].NotBefore.Equal(k.NotBefore.Time) && w[0].Expires.Equal(k.Expires.Time)
		})
		switch {
		case i >= 0:
			all[i] = append(all[i], k)
		case len(all) == 2:
			all[1] = append(all[1], k)
		default:
			all = append(all, []roster.OnlineKey{k})
		}
	}
	return all
}

func (t *template) anchor() {
	switch {
	case t.does(Genesis):
		t.line("anchor: empty")
	case !t.does(Reanchor):
		t.line("anchor: keep                      # another needs the act anchor")
	default:
		t.line("anchor:")
		t.line("  kept_snapshot: %s-kept-snapshot  # from a keyholder's own client: roster keep", Blank)
		t.line("  repository: %s-public-copy     # a copy of the public repository, trusted for nothing", Blank)
		t.line("  waiting_period: %s", DefaultPolicy().WaitingMin.D)
		t.line("  overrides: []                   # {package: NAME, list: DIGEST}, each approved by name")
		t.line("  postpone: []                    # new names left for next time")
	}
	t.line("")
}

func (t *template) revoke() {
	if !t.does(CardCompromised, OnlineTheft) {
		return
	}
	t.line("revoke:                           # for good")
	if t.does(CardCompromised) {
		for _, k := range t.old().Keyholders {
			t.line("  # %s holds %s", quote(k.Name), k.Key.ID())
		}
		t.line("  - {key: %[1]s-compromised-key, reason: %[1]s-compromised-reason, at: %[1]s-compromised-at}", Blank)
	}
	if t.does(OnlineTheft) {
		t.line("  # Strike out the keys that nobody can have, such as a standby pair that was not opened.")
		for i, k := range t.old().OnlineKeys {
			t.line("  - {key: %[2]s, reason: %[1]s-theft-reason, at: %[1]s-theft-at}  # %[3]d: %[4]s key %[5]s", Blank, k.Key.ID(), i+1, k.Role, k.Key)
		}
		if len(t.old().OnlineKeys) == 0 {
			t.line("  - {key: %[1]s-stolen-key, reason: %[1]s-theft-reason, at: %[1]s-theft-at}", Blank)
		}
	}
	t.line("")
}

func (t *template) sealed() {
	t.line("sealed:")
	t.line("  directory: %s-envelope        # the folder that was sealed, with its label", Blank)
	t.line("  reason: %s-reason", Blank)
	if t.does(OpenRevocations) {
		t.line("  open:                           # strike out the keys that go on counting")
		for _, k := range t.old().OnlineKeys {
			t.line("    - %s  # %s key %s, from %s until %s", k.Key.ID(), k.Role, k.Key, k.NotBefore, k.Expires)
		}
		if len(t.old().OnlineKeys) == 0 {
			t.line("    - %s-key-to-open", Blank)
		}
	}
	t.line("")
}

func (t *template) tail() {
	t.line("# A check that cannot be met may be switched off, if it is one that may be, and")
	t.line("# says so aloud: {check: ID, reason: WHY, approved_by: one whom this plan names}")
	t.line("switched_off: []")
	if t.acts[0].Family() == RosterFamily {
		t.line("# attestation_roots: [root.pem]   # in rehearsals only")
		t.line("# policy: {validity_max: 9600h, clock_tolerance: 2m}  # other bounds than the usual; the record says so")
	}
}
