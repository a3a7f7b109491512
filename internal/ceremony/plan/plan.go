// Package plan reads the one file from which a ceremony is made: a strict YAML
// plan that says who, with which cards, does which act, under which rules. It
// is the only input that changes what is signed; what was reviewed before the
// day is what runs on the day.
//
// Strict means: an unknown key, a key given twice, an alias or a second
// document is an error that names its line, and so is a value of another kind
// than wanted. Whether the plan is a good one is not judged here: see the
// checks of package ceremony.
//
// Paths in a plan are relative to the directory in which the plan stands.
package plan

import (
	"time"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// MaxPlan is the longest plan, in bytes.
const MaxPlan = 1 << 20

// A Plan is what the file says. The zero value of an optional field means that
// it was left out, and [Parse] has then put the default in its place.
//
// Which fields a plan may have depends on its family: one that makes a roster
// has all but Sealed and Abandon; the others have only those that say so.
type Plan struct {
	Ceremony   string   `yaml:"ceremony"` // the ceremony's name, such as 2026-11-first; any family
	Acts       []Act    `yaml:"acts"`     // at least one; any family
	Repository string   `yaml:"repository"`
	Program    Digest   `yaml:"program"` // SHA-256 of the ceremony program; any family
	Roles      Roles    `yaml:"roles"`   // any family
	Outputs    Outputs  `yaml:"outputs"` // any family
	Roster     Roster   `yaml:"roster"`
	Previous   Previous `yaml:"previous"` // not at genesis; sealed family too

	Keyholders []Keyholder `yaml:"keyholders"`
	// Outgoing are keyholders of the previous roster whose keys leave, and who
	// yet sign with them, because its threshold wants them.
	Outgoing []Keyholder `yaml:"outgoing"`

	OnlineKeys  OnlineKeys  `yaml:"online_keys"`
	StandbyKeys *OnlineKeys `yaml:"standby_keys"` // a second pair, kept elsewhere

	Anchor           Anchor   `yaml:"anchor"`
	Revoke           []Revoke `yaml:"revoke"`
	RevocationReason string   `yaml:"revocation_reason"` // in the revocations signed in advance

	AttestationRoots        []string        `yaml:"attestation_roots"` // PEM files, besides Yubico's
	MinimumFirmware         Firmware        `yaml:"minimum_firmware"`
	CardsWithoutAttestation []string        `yaml:"cards_without_attestation"` // keyholders' names
	AcceptedAdvisories      []string        `yaml:"accepted_advisories"`       // such as YSA-2024-03
	Algorithms              []hsm.Algorithm `yaml:"algorithms"`
	Policy                  Policy          `yaml:"policy"`
	SwitchedOff             []SwitchedOff   `yaml:"switched_off"` // any family

	Sealed  *Sealed     `yaml:"sealed"`  // sealed family only
	Abandon *Abandoning `yaml:"abandon"` // draft family only
}

// Roles are who is in the room besides the keyholders.
type Roles struct {
	Administrator string    `yaml:"administrator"`
	Witnesses     []Witness `yaml:"witnesses"`
}

// A Witness watches, and signs the record with an OpenPGP key of their own.
type Witness struct {
	Name        string `yaml:"name"`
	Certificate string `yaml:"certificate"` // a file with the witness's OpenPGP certificate
	SHA256      Digest `yaml:"sha256"`      // of it; may be left out
}

// Outputs are folders that the ceremony makes.
type Outputs struct {
	Record    string `yaml:"record"`    // the ceremony's own folder
	Published string `yaml:"published"` // what goes out
}

// A SwitchedOff is a check that has no say in this ceremony. It is run and
// shown all the same.
type SwitchedOff struct {
	Check      string `yaml:"check"`
	Reason     string `yaml:"reason"`
	ApprovedBy string `yaml:"approved_by"` // somebody whom the plan names
}

// Sealed says which revocations, signed in advance, are opened or destroyed.
type Sealed struct {
	Directory string `yaml:"directory"` // what was in the envelope
	// Open are the ids of the online keys whose revocations are to be
	// published; for open-revocations only.
	Open   []Digest `yaml:"open"`
	Reason string   `yaml:"reason"`
}

// Abandoning says which draft is to be destroyed.
type Abandoning struct {
	Record string `yaml:"record"` // the folder of the ceremony that has the draft
	Draft  Digest `yaml:"draft"`  // the roster's digest
	Reason string `yaml:"reason"`
}

// Roster is what the new roster says of itself.
type Roster struct {
	Version          uint64   `yaml:"version"`
	Issued           Time     `yaml:"issued"`
	Expires          Time     `yaml:"expires"`
	Threshold        int      `yaml:"threshold"`
	SnapshotLifetime Duration `yaml:"snapshot_lifetime"`
	SnapshotFloor    uint64   `yaml:"snapshot_floor"`
}

// Previous says where the chain of rosters up to the previous one is, and the
// digest of the first, which must come from elsewhere: a chain cannot vouch
// for itself.
type Previous struct {
	Directory string `yaml:"directory"` // with root/1.json, root/1.json.asc and so on
	Pin       Digest `yaml:"pin"`
}

// A Keyholder is a person and their card.
type Keyholder struct {
	Name      string `yaml:"name"`
	Card      uint32 `yaml:"card"` // serial number
	Enrolment string `yaml:"enrolment"`
	SHA256    Digest `yaml:"sha256"` // of the enrolment; may be left out
}

// OnlineKeys names the file that the online signer handed over, and when its
// keys count.
type OnlineKeys struct {
	File   string `yaml:"file"`
	SHA256 Digest `yaml:"sha256"` // may be left out
	// Keep are ids of online keys of the previous roster, in place of a file.
	Keep      []Digest `yaml:"keep"`
	NotBefore Time     `yaml:"not_before"`
	Expires   Time     `yaml:"expires"`
}

// The anchors that need no map.
const (
	AnchorEmpty = "empty" // the empty map, for genesis
	AnchorKeep  = "keep"  // the previous roster's, for a roster made in haste
)

// An Anchor says which map the roster pins: the word empty or keep, or a new
// one. Fixed is "" where New is set.
type Anchor struct {
	Fixed string
	New   *NewAnchor
}

// A NewAnchor says from what the anchor is recomputed.
type NewAnchor struct {
	KeptSnapshot string `yaml:"kept_snapshot"` // handover file
	SHA256       Digest `yaml:"sha256"`        // of it; may be left out
	// Repository is an untrusted copy of what is public, in its layout.
	Repository    string     `yaml:"repository"`
	WaitingPeriod Duration   `yaml:"waiting_period"`
	Overrides     []Override `yaml:"overrides"`
	Postpone      []string   `yaml:"postpone"` // new names left for next time
}

// An Override is a list that the root itself puts in another's place.
type Override struct {
	Package string `yaml:"package"`
	List    Digest `yaml:"list"`
}

// A Revoke is a key that the roster revokes, beyond those that the previous
// one did.
type Revoke struct {
	// Key is the id of a key in one of the rosters so far, in hex, or a file
	// with an OpenPGP certificate of one key.
	Key    string `yaml:"key"`
	Reason string `yaml:"reason"`
	At     Time   `yaml:"at"`
}

// A Policy has the bounds that the checks hold the plan to. Each has a default,
// and a plan that sets another says so in the record.
type Policy struct {
	ValidityMin         Duration `yaml:"validity_min"`
	ValidityMax         Duration `yaml:"validity_max"`
	IssuedTolerance     Duration `yaml:"issued_tolerance"` // between the clock and roster.issued
	ThresholdMin        int      `yaml:"threshold_min"`
	SpareMin            *int     `yaml:"spare_min"` // keyholders beyond the threshold
	SnapshotLifetimeMax Duration `yaml:"snapshot_lifetime_max"`
	WaitingMin          Duration `yaml:"waiting_min"`
	OverlapMin          Duration `yaml:"overlap_min"`   // from this roster's issue to the previous one's expiry
	WitnessesMin        *int     `yaml:"witnesses_min"` // but in rehearsals
	// ClockTolerance is between the machine's clock and each that is read to it.
	ClockTolerance Duration `yaml:"clock_tolerance"`
}

// DefaultPolicy gives the bounds for a plan that sets none.
func DefaultPolicy() Policy {
	day, spare, witnesses := 24*time.Hour, 1, 2
	return Policy{
		ValidityMin:         Duration{Set: true, D: 30 * day},
		ValidityMax:         Duration{Set: true, D: 800 * day},
		IssuedTolerance:     Duration{Set: true, D: 7 * day},
		ThresholdMin:        2,
		SpareMin:            &spare,
		SnapshotLifetimeMax: Duration{Set: true, D: 7 * day},
		WaitingMin:          Duration{Set: true, D: 7 * day},
		OverlapMin:          Duration{Set: true, D: 7 * day},
		WitnessesMin:        &witnesses,
		ClockTolerance:      Duration{Set: true, D: roster.MaxSkew},
	}
}

// Defaults of optional fields.
const (
	DefaultRevocationReason = "signed in advance for an emergency"
	// DefaultFirmware is the first whose ECDSA is free of YSA-2024-03.
	DefaultFirmware = "5.7.0"
)

// fill puts the defaults in place of what was left out.
func (p *Plan) fill() {
	if p.RevocationReason == "" {
		p.RevocationReason = DefaultRevocationReason
	}
	if !p.MinimumFirmware.Set {
		p.MinimumFirmware = Firmware{Set: true, Firmware: hsm.Firmware{Major: 5, Minor: 7}}
	}
	if len(p.Algorithms) == 0 {
		p.Algorithms = []hsm.Algorithm{hsm.P384}
	}
	p.Policy.fill()
}

func (p *Policy) fill() {
	d := DefaultPolicy()
	for _, f := range []struct{ set, by *Duration }{
		{&p.ValidityMin, &d.ValidityMin}, {&p.ValidityMax, &d.ValidityMax},
		{&p.IssuedTolerance, &d.IssuedTolerance},
		{&p.SnapshotLifetimeMax, &d.SnapshotLifetimeMax}, {&p.WaitingMin, &d.WaitingMin},
		{&p.OverlapMin, &d.OverlapMin}, {&p.ClockTolerance, &d.ClockTolerance},
	} {
		if !f.set.Set {
			*f.set = *f.by
		}
	}
	if p.ThresholdMin == 0 {
		p.ThresholdMin = d.ThresholdMin
	}
	if p.SpareMin == nil {
		p.SpareMin = d.SpareMin
	}
	if p.WitnessesMin == nil {
		p.WitnessesMin = d.WitnessesMin
	}
}

// Departures lists the bounds that are not the default ones, in words.
func (p Policy) Departures() []string {
	d := DefaultPolicy()
	var all []string
	add := func(name string, is, usual any) {
		if is != usual {
			all = append(all, sprint("%s is %v, by default %v", name, is, usual))
		}
	}
	add("validity_min", p.ValidityMin.D, d.ValidityMin.D)
	add("validity_max", p.ValidityMax.D, d.ValidityMax.D)
	add("issued_tolerance", p.IssuedTolerance.D, d.IssuedTolerance.D)
	add("threshold_min", p.ThresholdMin, d.ThresholdMin)
	add("spare_min", *p.SpareMin, *d.SpareMin)
	add("snapshot_lifetime_max", p.SnapshotLifetimeMax.D, d.SnapshotLifetimeMax.D)
	add("waiting_min", p.WaitingMin.D, d.WaitingMin.D)
	add("overlap_min", p.OverlapMin.D, d.OverlapMin.D)
	add("witnesses_min", *p.WitnessesMin, *d.WitnessesMin)
	add("clock_tolerance", p.ClockTolerance.D, d.ClockTolerance.D)
	return all
}

// A Time is a moment in a plan, as documents write it: UTC RFC 3339, to the
// second, with a Z.
type Time struct{ roster.Time }

// A Digest is a SHA-256 in hex; zero where it was left out.
type Digest struct{ digest.Digest }

// A Duration is a length of time as Go writes it, such as 168h or 30m.
type Duration struct {
	Set bool
	D   time.Duration
}

// Firmware is a version such as 5.7.0.
type Firmware struct {
	Set bool
	hsm.Firmware
}
