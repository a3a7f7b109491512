package ceremony

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/ceremony/plan"
)

// A Check is one rule that a ceremony holds its plan to before anything is
// made. What the documents' formats refuse anyway is not repeated here; and the
// whole artefact is verified afterwards by the clients' own code (see [Build]).
type Check struct {
	ID   string // stable: records and runbooks name it
	Rule string // in words
	// Like names the checks of ICANN's KSK ceremony tools and of Let's Encrypt's
	// Boulder that do the same for their artefacts, or is "".
	Like string
	// Firm is set where no plan may switch the check off.
	Firm bool
	// Family is whose plans the check is for; "" for every family.
	Family plan.Family
	// Parameter gives the bound that the rule is applied with, or "".
	Parameter func(*Case) string
	// Judge returns nil, or what was found. It may assume that [Load] succeeded.
	Judge func(*Case) error
}

// A Finding is what a check said.
type Finding struct {
	ID        string `json:"id"`
	Rule      string `json:"rule"`
	Parameter string `json:"parameter,omitempty"`
	OK        bool   `json:"ok"`
	Found     string `json:"found,omitempty"` // only where it is not OK
	// SwitchedOff is the plan's reason why the check has no say, and ApprovedBy
	// who answers for that; both empty where it has.
	SwitchedOff string `json:"switched_off,omitempty"`
	ApprovedBy  string `json:"approved_by,omitempty"`
}

// Refuses reports whether the finding stands in the way of the ceremony.
func (f Finding) Refuses() bool { return !f.OK && f.SwitchedOff == "" }

// Word is ok, REFUSED, or what else people read in front of the finding.
func (f Finding) Word() string {
	switch {
	case f.SwitchedOff != "" && f.OK:
		return "OFF (would pass)"
	case f.SwitchedOff != "":
		return "OFF (WOULD REFUSE)"
	case f.OK:
		return "ok"
	}
	return "REFUSED"
}

// Judge runs every check that is for the plan's family, in order, each whatever
// the others say, and those that are switched off too.
func (c *Case) Judge() []Finding {
	var all []Finding
	for _, check := range Checks {
		if check.Family != "" && check.Family != c.Plan.Family() {
			continue
		}
		f := Finding{ID: check.ID, Rule: check.Rule, OK: true}
		if check.Parameter != nil {
			f.Parameter = check.Parameter(c)
		}
		if err := check.Judge(c); err != nil {
			f.OK, f.Found = false, err.Error()
		}
		if off := c.switchedOff(check.ID); off != nil && !check.Firm {
			f.SwitchedOff, f.ApprovedBy = off.Reason, off.ApprovedBy
		}
		all = append(all, f)
	}
	return all
}

func (c *Case) switchedOff(id string) *plan.SwitchedOff {
	i := slices.IndexFunc(c.Plan.SwitchedOff, func(s plan.SwitchedOff) bool { return s.Check == id })
	if i < 0 {
		return nil
	}
	return &c.Plan.SwitchedOff[i]
}

// OffSentences say which checks a plan switches off, and who answers for that.
func OffSentences(p *plan.Plan) []string {
	var all []string
	for _, s := range p.SwitchedOff {
		all = append(all, change.SwitchedOff(s.Check, s.ApprovedBy, s.Reason))
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

// Refusal returns a [*CheckError] if any finding refuses.
func Refusal(all []Finding) error {
	bad := slices.DeleteFunc(slices.Clone(all), func(f Finding) bool { return !f.Refuses() })
	if len(bad) == 0 {
		return nil
	}
	return &CheckError{bad}
}

// Checks are all the checks, in the order in which they are shown.
var Checks = slices.Concat(
	family("", commonChecks),
	family(plan.RosterFamily, rosterChecks, keyholderChecks, onlineChecks, anchorChecks),
	family(plan.SealedFamily, sealedChecks),
	family(plan.DraftFamily, draftChecks),
)

func family(f plan.Family, tables ...[]Check) []Check {
	all := slices.Concat(tables...)
	for i := range all {
		all[i].Family = f
	}
	return all
}

const (
	firm = true  // never switched off
	soft = false // a plan may switch it off, and says why and by whom
)

// commonChecks are for plans of every family.
var commonChecks = []Check{
	{"SWITCHED-OFF", "only checks that may be are switched off, each once, by somebody whom the plan names", "KSKM: a check that is off is a warning, never silent", firm, "", nil, checkSwitchedOff},
	{"INPUT-DIGEST", "every file has the digest that the plan gives it", "KSKM: SHA-256 and words of every file that is loaded", firm, "", nil, checkInputDigest},
	{"PROGRAM-DIGEST", "the program that runs is the one that the plan names, and only a rehearsal's plan names none", "", firm, "", programWanted, checkProgram},
	{"REPOSITORY-MATCH", "every input is for the plan's repository", "KSR-DOMAIN", firm, "", nil, checkRepositoryMatch},
	{"CLOCK-AFTER-PREVIOUS", "the clock is not before the previous roster, nor before the kept snapshot", "KSR-POLICY-SIG-HORIZON, its lower side", firm, "", nil, checkClock},
	{"OUTPUT-FREE", "what the ceremony is to make does not exist, and stands apart from what it reads", "Boulder: no output path may exist", firm, "", nil, checkOutputFree},
	{"ROLES-PRESENT", "the plan names an administrator and enough witnesses, unless it is a rehearsal's", "", soft, "", bound(func(p plan.Policy) any { return *p.WitnessesMin }), checkRolesPresent},
	{"ROLES-DISTINCT", "nobody has two roles", "", soft, "", nil, checkRolesDistinct},
	{"ROLES-CERTIFICATE", "each witness has an OpenPGP certificate to sign the record with, unless it is a rehearsal", "", soft, "", nil, checkWitnessCertificates},
}

// rosterChecks are about the roster as a whole.
var rosterChecks = []Check{
	{"REHEARSAL-NAME", "attestation roots besides Yubico's are for repositories that begin with rehearsal.", "", firm, "", nil, checkRehearsalName},
	{"ACT-SCOPE", "every change is one that a listed act covers, and every listed act has its change", "", firm, "", (*Case).actNames, checkScope},
	{"ACT-VERSION", "the version follows the previous roster's", "KSR-ID; KSR-POLICY-BUNDLE-INTERVALS", firm, "", nil, checkVersion},
	{"ACT-ANCHOR", "the anchor is the empty map at genesis and never after", "", firm, "", nil, checkActAnchor},
	{"ACT-GENESIS", "the first roster has neither outgoing keyholders nor revoked keys", "", firm, "", nil, checkGenesis},
	{"CLOCK-TOLERANCE", "clocks may differ from the machine's by a minute, which is how people read them, or more, but by no more than clients forgive", "ICANN: the time that is read aloud", firm, "", bound(func(p plan.Policy) any { return p.ClockTolerance.D }), checkClockTolerance},
	{"ROOT-ISSUED", "the roster is issued about now", "KSR-POLICY-SIG-HORIZON; Boulder: dates of the profile", firm, "", bound(func(p plan.Policy) any { return p.IssuedTolerance.D }), checkIssued},
	{"ROOT-ISSUED-AFTER", "the roster is issued after the previous one", "KSR-CHAIN-OVERLAP; Boulder: notBefore of a cross-sign", firm, "", nil, checkIssuedAfter},
	{"ROOT-OVERLAP", "the roster is issued while the previous one still counts, with time to spare", "KSR-POLICY-SIG-OVERLAP; KSR-CHAIN-OVERLAP", soft, "", bound(func(p plan.Policy) any { return p.OverlapMin.D }), checkOverlap},
	{"ROOT-VALIDITY-MIN", "the roster lives long enough", "KSR-POLICY-SIG-VALIDITY, minimum", soft, "", bound(func(p plan.Policy) any { return p.ValidityMin.D }), checkValidityMin},
	{"ROOT-VALIDITY-MAX", "the roster does not live too long", "KSR-POLICY-SIG-VALIDITY, maximum; Boulder: root_validity", soft, "", bound(func(p plan.Policy) any { return p.ValidityMax.D }), checkValidityMax},
	{"ROOT-THRESHOLD-MIN", "enough people must agree", "KSR-POLICY-KEYS", soft, "", bound(func(p plan.Policy) any { return p.ThresholdMin }), checkThresholdMin},
	{"ROOT-SPARE", "enough keyholders may be lost before the root is", "KSR-POLICY-KEYS", soft, "", bound(func(p plan.Policy) any { return *p.SpareMin }), checkSpare},
	{"ROOT-QUORUM", "enough keyholders of the previous roster take part with keys that count", "KSR-CHAIN (keys in HSM)", firm, "", quorumWanted, checkQuorum},
	{"SNAPSHOT-LIFETIME", "snapshots do not live too long", "Boulder: CRL shorter than 12 months", soft, "", bound(func(p plan.Policy) any { return p.SnapshotLifetimeMax.D }), checkSnapshotLifetime},
	{"SNAPSHOT-FLOOR", "the snapshot floor does not go down", "", firm, "", nil, checkFloor},
}

// keyholderChecks are about people, their cards and their keys.
var keyholderChecks = []Check{
	{"KEYHOLDER-UNIQUE", "no two keyholders share a name or a key", "KSR-BUNDLE-UNIQUE", firm, "", nil, checkKeyholderUnique},
	{"KEYHOLDER-OUTGOING", "outgoing keys are of the previous roster, not of this one, and not revoked", "KSR-CHAIN-KEYS", firm, "", nil, checkOutgoing},
	{"CARD-SERIAL-UNIQUE", "no two keyholders share a card", "KSR-BUNDLE-UNIQUE", firm, "", nil, checkSerialUnique},
	{"CARD-ENROLMENT", "each enrolment is of the keyholder and the card that the plan names", "KSKM: key in the HSM equals the configured one; Boulder: lookup by label and public key", firm, "", nil, checkEnrolment},
	{"CARD-ATTESTED", "each key's attestation leads to a trusted root and is of this key and this card", "", firm, "", withoutAttestation, checkAttested},
	{"CARD-SLOT", "each key was generated in slot 9c", "", firm, "", nil, attestedCheck(checkSlot)},
	{"CARD-PIN-ALWAYS", "each key wants the PIN for every signature", "", firm, "", nil, attestedCheck(checkPIN)},
	{"CARD-TOUCH-ALWAYS", "each key wants a touch for every signature", "", firm, "", nil, attestedCheck(checkTouch)},
	{"CARD-FIRMWARE", "each card's firmware is recent enough", "", soft, "", func(c *Case) string { return c.Plan.MinimumFirmware.String() }, checkFirmware},
	{"CARD-ADVISORY", "no card is under a known advisory that the plan does not accept", "Boulder: ROCA", firm, "", func(c *Case) string { return strings.Join(c.Plan.AcceptedAdvisories, ", ") }, attestedCheck(checkAdvisory)},
	{"KEY-ALGORITHM", "keyholders' keys are of the plan's algorithms", "KSR-POLICY-ALG; Boulder: goodkey type, size and curve", soft, "", func(c *Case) string { return fmt.Sprint(c.Plan.Algorithms) }, checkAlgorithm},
	{"KEY-RETURNS", "no key that an earlier roster listed and a later one dropped comes back", "KSKM: a new key's tag, and its revoked one, are unused", soft, "", nil, checkKeyReturns},
	{"KEY-ROLE-FIXED", "no key takes a role other than the one that it had in a roster before", "KSR-BUNDLE-KEYS (flags); KSKM audit (h): clash across roles", firm, "", nil, checkKeyRoleFixed},
	{"KEY-ROLE-UNIQUE", "no key of the roster stands in a maintainer list of the map, nor is a witness's", "KSKM audit (h): clash across roles", firm, "", (*Case).listsRead, checkKeyRoleUnique},
}

// onlineChecks are about the online signer's keys, and keys that are revoked.
var onlineChecks = []Check{
	{"ONLINE-KEYS-DISTINCT", "each online key stands once, and is no keyholder's", "KSR-BUNDLE-UNIQUE", firm, "", nil, checkOnlineDistinct},
	{"ONLINE-KEYS-WINDOW", "at any time of the roster's life, a key of each role counts", "KSKM KeyUsagePolicy; KSR-POLICY-SIG-OVERLAP (no gap)", soft, "", nil, checkOnlineWindow},
	{"REVOKE-TIME", "no key is revoked from a time after the roster is issued", "Boulder: dates of a CRL's entries", firm, "", nil, checkRevokeTime},
	{"REVOKE-UNIQUE", "each key is revoked once, and has no role", "KSKM: a key was used twice on revoke", firm, "", nil, checkRevokeUnique},
	{"REVOKE-OPENED", "each online key whose sealed revocation was published is revoked by the roster", "", firm, "", nil, checkOpened},
	{"THEFT-FLOOR", "a roster that revokes an online key changes the snapshot floor", "", firm, "", nil, checkTheftFloor},
	{"THEFT-KEYS", "a roster that revokes an online key replaces one of each role", "", soft, "", nil, checkTheftKeys},
}

// anchorChecks are about the map that the roster pins.
var anchorChecks = []Check{
	{"ANCHOR-WAITING-MIN", "the waiting period is long enough", "KSR-POLICY-SAFETY publish", soft, "", bound(func(p plan.Policy) any { return p.WaitingMin.D }), checkWaitingMin},
	{"ANCHOR-WAITING", "the map was public for the waiting period", "KSR-POLICY-SAFETY publish", firm, "", waitingPeriod, checkWaiting},
	{"ANCHOR-OVERRIDES", "each package is overridden once or postponed, not both", "KSR-BUNDLE-UNIQUE", firm, "", nil, checkOverrides},
}

func bound(of func(plan.Policy) any) func(*Case) string {
	return func(c *Case) string { return fmt.Sprint(of(c.Plan.Policy)) }
}
