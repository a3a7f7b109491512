package ceremony

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// A Check is one rule that a ceremony holds its plan to before anything is
// made. What the documents' formats refuse anyway is not repeated here; and the
// whole artefact is verified afterwards by the clients' own code (see [Build]).
type Check struct {
	ID   string // stable: records and runbooks name it
	Rule string // in words
	// Parameter gives the bound that the rule is applied with, or "".
	Parameter func(*Case) string
	// Judge returns nil, or what was found. It may assume that [Load] succeeded.
	Judge func(*Case) error
}

// A Finding is what a check said.
type Finding struct {
	ID        string `json:"id"`
	Parameter string `json:"parameter,omitempty"`
	OK        bool   `json:"ok"`
	Found     string `json:"found,omitempty"` // only where it is not
}

// Judge runs every check, in order, each whatever the others say.
func (c *Case) Judge() []Finding {
	var all []Finding
	for _, check := range Checks {
		f := Finding{ID: check.ID, OK: true}
		if check.Parameter != nil {
			f.Parameter = check.Parameter(c)
		}
		if err := check.Judge(c); err != nil {
			f.OK, f.Found = false, err.Error()
		}
		all = append(all, f)
	}
	return all
}

// A CheckError says which checks refuse a plan.
type CheckError struct{ Refused []Finding }

func (e *CheckError) Error() string {
	lines := make([]string, len(e.Refused))
	for i, f := range e.Refused {
		lines[i] = f.ID + ": " + f.Found
	}
	return strings.Join(lines, "\n")
}

// ExitCode is 3.
func (e *CheckError) ExitCode() int { return 3 }

// Hint says what to do next.
func (e *CheckError) Hint() string {
	return "correct the plan or what it names, and have it reviewed again; no card was touched and nothing was written"
}

// Refusal returns a [*CheckError] if any finding is not OK.
func Refusal(all []Finding) error {
	bad := slices.DeleteFunc(slices.Clone(all), func(f Finding) bool { return f.OK })
	if len(bad) == 0 {
		return nil
	}
	return &CheckError{bad}
}

// Checks are all the checks, in the order in which they are shown.
var Checks = []Check{
	{"INPUT-DIGEST", "every file has the digest that the plan gives it", nil, checkInputDigest},
	{"REHEARSAL-NAME", "attestation roots besides Yubico's are for repositories that begin with rehearsal.", nil, checkRehearsalName},
	{"REPOSITORY-MATCH", "every input is for the plan's repository", nil, checkRepositoryMatch},
	{"ACT-VERSION", "the version follows the previous roster's", nil, checkVersion},
	{"ACT-ANCHOR", "the anchor is the empty map at genesis and never after", nil, checkActAnchor},
	{"ACT-GENESIS", "the first roster has neither outgoing keyholders nor revoked keys", nil, checkGenesis},
	{"CLOCK-AFTER-PREVIOUS", "the clock is not before the previous roster, nor before the kept snapshot", nil, checkClock},
	{"ROOT-ISSUED", "the roster is issued about now", bound(func(p plan.Policy) any { return p.IssuedTolerance.D }), checkIssued},
	{"ROOT-ISSUED-AFTER", "the roster is issued after the previous one", nil, checkIssuedAfter},
	{"ROOT-VALIDITY-MIN", "the roster lives long enough", bound(func(p plan.Policy) any { return p.ValidityMin.D }), checkValidityMin},
	{"ROOT-VALIDITY-MAX", "the roster does not live too long", bound(func(p plan.Policy) any { return p.ValidityMax.D }), checkValidityMax},
	{"ROOT-THRESHOLD-MIN", "enough people must agree", bound(func(p plan.Policy) any { return p.ThresholdMin }), checkThresholdMin},
	{"ROOT-SPARE", "enough keyholders may be lost before the root is", bound(func(p plan.Policy) any { return *p.SpareMin }), checkSpare},
	{"SNAPSHOT-LIFETIME", "snapshots do not live too long", bound(func(p plan.Policy) any { return p.SnapshotLifetimeMax.D }), checkSnapshotLifetime},
	{"SNAPSHOT-FLOOR", "the snapshot floor does not go down", nil, checkFloor},
	{"KEYHOLDER-UNIQUE", "no two keyholders share a name or a key", nil, checkKeyholderUnique},
	{"KEYHOLDER-OUTGOING", "outgoing keyholders are of the previous roster and not of this one", nil, checkOutgoing},
	{"CARD-SERIAL-UNIQUE", "no two keyholders share a card", nil, checkSerialUnique},
	{"CARD-ENROLMENT", "each enrolment is of the keyholder and the card that the plan names", nil, checkEnrolment},
	{"CARD-ATTESTED", "each key's attestation leads to a trusted root and is of this key and this card", withoutAttestation, checkAttested},
	{"CARD-SLOT", "each key was generated in slot 9c", nil, attestedCheck(checkSlot)},
	{"CARD-PIN-ALWAYS", "each key wants the PIN for every signature", nil, attestedCheck(checkPIN)},
	{"CARD-TOUCH-ALWAYS", "each key wants a touch for every signature", nil, attestedCheck(checkTouch)},
	{"CARD-FIRMWARE", "each card's firmware is recent enough", func(c *Case) string { return c.Plan.MinimumFirmware.String() }, checkFirmware},
	{"CARD-ADVISORY", "no card is under a known advisory that the plan does not accept", func(c *Case) string { return strings.Join(c.Plan.AcceptedAdvisories, ", ") }, attestedCheck(checkAdvisory)},
	{"KEY-ALGORITHM", "keyholders' keys are of the plan's algorithms", func(c *Case) string { return fmt.Sprint(c.Plan.Algorithms) }, checkAlgorithm},
	{"ONLINE-KEYS-DISTINCT", "each online key stands once, and is no keyholder's", nil, checkOnlineDistinct},
	{"ONLINE-KEYS-WINDOW", "at any time of the roster's life, a key of each role counts", nil, checkOnlineWindow},
	{"REVOKE-TIME", "no key is revoked from a time after the roster is issued", nil, checkRevokeTime},
	{"REVOKE-UNIQUE", "each key is revoked once, and has no role", nil, checkRevokeUnique},
	{"REVOKE-OPENED", "each online key whose sealed revocation was published is revoked by the roster", nil, checkOpened},
	{"THEFT-FLOOR", "a roster that revokes an online key changes the snapshot floor", nil, checkTheftFloor},
	{"THEFT-KEYS", "a roster that revokes an online key replaces one of each role", nil, checkTheftKeys},
	{"ANCHOR-WAITING-MIN", "the waiting period is long enough", bound(func(p plan.Policy) any { return p.WaitingMin.D }), checkWaitingMin},
	{"ANCHOR-WAITING", "the map was public for the waiting period", waitingPeriod, checkWaiting},
	{"ANCHOR-OVERRIDES", "each package is overridden once or postponed, not both", nil, checkOverrides},
}

func bound(of func(plan.Policy) any) func(*Case) string {
	return func(c *Case) string { return fmt.Sprint(of(c.Plan.Policy)) }
}

func checkInputDigest(c *Case) error {
	for _, in := range c.Inputs {
		if !in.Want.IsZero() && in.Digest != in.Want {
			return fmt.Errorf("%s (%q) has digest %s, wanted %s", in.What, in.Path, in.Digest, in.Want)
		}
	}
	return nil
}

func checkRehearsalName(c *Case) error {
	if c.extraRoots > 0 && !isRehearsal(c.Plan.Repository) {
		return fmt.Errorf("repository is %q and the plan trusts %d attestation roots of its own, wanted none, or a name that begins with %q", c.Plan.Repository, c.extraRoots, roster.RehearsalPrefix)
	}
	return nil
}

func isRehearsal(repository string) bool {
	return strings.HasPrefix(repository, roster.RehearsalPrefix)
}

func checkRepositoryMatch(c *Case) error {
	want := c.Plan.Repository
	wrong := func(what, found string) error {
		return fmt.Errorf("%s is for %q, wanted %q", what, found, want)
	}
	for _, h := range c.everybody() {
		if h.Enrolment.Repository != want {
			return wrong("enrolment of "+h.Name, h.Enrolment.Repository)
		}
	}
	for _, o := range c.Online {
		if o.repository != want {
			return wrong("online key "+o.Name, o.repository)
		}
	}
	if c.Kept != nil && c.Kept.Repository != want {
		return wrong("kept snapshot", c.Kept.Repository)
	}
	if c.Chain != nil && c.Chain.Last().Repository() != want {
		return wrong("previous roster", c.Chain.Last().Repository())
	}
	return nil
}

// everybody is who may sign: the new roster's keyholders and those who leave.
func (c *Case) everybody() []Holder { return slices.Concat(c.Keyholders, c.Outgoing) }

// previous is the roster that this one follows, or nil.
func (c *Case) previous() *roster.Root {
	if c.Chain == nil {
		return nil
	}
	r := c.Chain.Last().Root()
	return &r
}

func checkVersion(c *Case) error {
	want := uint64(1)
	if p := c.previous(); p != nil {
		want = p.Version + 1
	}
	if got := c.Plan.Roster.Version; got != want {
		return fmt.Errorf("version is %d, wanted %d", got, want)
	}
	return nil
}

func checkActAnchor(c *Case) error {
	genesis, empty := c.Plan.Act == plan.Genesis, c.Plan.Anchor.Fixed == plan.AnchorEmpty
	switch {
	case genesis && !empty:
		return fmt.Errorf("anchor is not %q, wanted that at genesis", plan.AnchorEmpty)
	case !genesis && empty:
		return fmt.Errorf("anchor is %q, wanted %q or a new map: no name of the former anchor may go", plan.AnchorEmpty, plan.AnchorKeep)
	}
	return nil
}

func checkGenesis(c *Case) error {
	if c.Plan.Act == plan.Genesis && len(c.Outgoing)+len(c.Revoke) > 0 {
		return fmt.Errorf("%d outgoing keyholders and %d revoked keys, wanted none: there is no previous roster", len(c.Outgoing), len(c.Revoke))
	}
	return nil
}

func checkClock(c *Case) error {
	if p := c.previous(); p != nil && c.At.Before(p.Issued.Time) {
		return fmt.Errorf("clock reads %s but the previous roster was issued %s", roster.At(c.At), p.Issued)
	}
	if c.Kept != nil && c.At.Before(c.Kept.KeptAt.Time) {
		return fmt.Errorf("clock reads %s but the snapshot was kept at %s", roster.At(c.At), c.Kept.KeptAt)
	}
	return nil
}

func checkIssued(c *Case) error {
	away := c.At.Sub(c.Plan.Roster.Issued.Time.Time).Abs()
	if limit := c.Plan.Policy.IssuedTolerance.D; away > limit {
		return fmt.Errorf("clock reads %s and the roster is issued %s, wanted no more than %s between them", roster.At(c.At), c.Plan.Roster.Issued.Time, limit)
	}
	return nil
}

func checkIssuedAfter(c *Case) error {
	if p := c.previous(); p != nil && !p.Issued.Before(c.Plan.Roster.Issued.Time.Time) {
		return fmt.Errorf("issued %s, wanted a time after %s, when the previous roster was", c.Plan.Roster.Issued.Time, p.Issued)
	}
	return nil
}

func validity(c *Case) time.Duration {
	return c.Plan.Roster.Expires.Sub(c.Plan.Roster.Issued.Time.Time)
}

func checkValidityMin(c *Case) error {
	if v, least := validity(c), c.Plan.Policy.ValidityMin.D; v < least {
		return fmt.Errorf("the roster lives %s, wanted at least %s", v, least)
	}
	return nil
}

func checkValidityMax(c *Case) error {
	if v, most := validity(c), c.Plan.Policy.ValidityMax.D; v > most {
		return fmt.Errorf("the roster lives %s, wanted at most %s", v, most)
	}
	return nil
}

func checkThresholdMin(c *Case) error {
	if m, least := c.Plan.Roster.Threshold, c.Plan.Policy.ThresholdMin; m < least {
		return fmt.Errorf("threshold is %d, wanted at least %d", m, least)
	}
	return nil
}

func checkSpare(c *Case) error {
	n, m := len(c.Keyholders), c.Plan.Roster.Threshold
	if spare, least := n-m, *c.Plan.Policy.SpareMin; spare < least {
		return fmt.Errorf("%d keyholders and threshold %d leave %d to spare, wanted at least %d", n, m, spare, least)
	}
	return nil
}

func checkSnapshotLifetime(c *Case) error {
	if is, most := c.Plan.Roster.SnapshotLifetime.D, c.Plan.Policy.SnapshotLifetimeMax.D; is > most {
		return fmt.Errorf("snapshot_lifetime is %s, wanted at most %s", is, most)
	}
	return nil
}

func checkFloor(c *Case) error {
	if p := c.previous(); p != nil && c.Plan.Roster.SnapshotFloor < p.SnapshotFloor {
		return fmt.Errorf("snapshot_floor is %d, wanted at least the previous roster's %d", c.Plan.Roster.SnapshotFloor, p.SnapshotFloor)
	}
	return nil
}

func checkOnlineDistinct(c *Case) error {
	seen := make(map[pgp.Material]string)
	for _, h := range c.Keyholders {
		seen[h.Enrolment.Key.Material()] = fmt.Sprintf("the key of keyholder %q", h.Name)
	}
	for _, o := range c.Online {
		what := fmt.Sprintf("online %s key %q", o.Role, o.Name)
		if other, ok := seen[o.Key.Material()]; ok {
			return fmt.Errorf("%s is also %s", what, other)
		}
		seen[o.Key.Material()] = what
	}
	return nil
}

// checkOnlineWindow follows the time from issue to expiry, from the end of one
// key's window to that of the next that has begun by then.
func checkOnlineWindow(c *Case) error {
	for _, role := range []roster.Role{roster.RoleCountersign, roster.RoleSnapshot} {
		covered := c.Plan.Roster.Issued.Time.Time
		for moved := true; moved; {
			moved = false
			for _, o := range c.Online {
				if o.Role == role && !o.NotBefore.After(covered) && o.Expires.After(covered) {
					covered, moved = o.Expires.Time, true
				}
			}
		}
		if covered.Before(c.Plan.Roster.Expires.Time.Time) {
			return fmt.Errorf("no %s key counts at %s, wanted one from %s to %s", role, roster.At(covered), c.Plan.Roster.Issued.Time, c.Plan.Roster.Expires.Time)
		}
	}
	return nil
}

func checkWaitingMin(c *Case) error {
	n := c.Plan.Anchor.New
	if n == nil {
		return nil
	}
	if is, least := n.WaitingPeriod.D, c.Plan.Policy.WaitingMin.D; is < least {
		return fmt.Errorf("waiting_period is %s, wanted at least %s", is, least)
	}
	return nil
}

func waitingPeriod(c *Case) string {
	if n := c.Plan.Anchor.New; n != nil {
		return n.WaitingPeriod.D.String()
	}
	return ""
}

func checkWaiting(c *Case) error {
	if c.Kept == nil || c.At.Before(c.Kept.KeptAt.Time) { // then CLOCK-AFTER-PREVIOUS refuses
		return nil
	}
	return c.Kept.Waited(c.Plan.Anchor.New.WaitingPeriod.D, c.At)
}

func checkOverrides(c *Case) error {
	n := c.Plan.Anchor.New
	if n == nil {
		return nil
	}
	seen := make(map[string]digest.Digest)
	for _, o := range n.Overrides {
		switch _, twice := seen[o.Package]; {
		case o.Package == "" || o.List.IsZero():
			return errors.New("an override lacks package or list")
		case twice:
			return fmt.Errorf("package %q is overridden twice", o.Package)
		case slices.Contains(n.Postpone, o.Package):
			return fmt.Errorf("package %q is overridden and postponed", o.Package)
		}
		seen[o.Package] = o.List.Digest
	}
	return nil
}
