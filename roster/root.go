package roster

import (
	"fmt"
	"slices"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/threshold"
)

var rootForm = form{"root-roster/v1", MaxRoster, LayerRoster}

// Limits on a root roster.
const (
	MaxKeyholders = 32
	MaxOnlineKeys = 8
	MaxRevoked    = 1024
	// MaxSnapshotLifetime is the longest snapshot_lifetime, in seconds.
	MaxSnapshotLifetime = 30 * 24 * 60 * 60
)

// A Role is what an online key is for. A key has one.
type Role string

// The roles of online keys.
const (
	RoleCountersign Role = "countersign"
	RoleSnapshot    Role = "snapshot"
)

// Root is what a root roster says. [NewDraft] makes the document.
type Root struct {
	Type             string        `json:"type"`
	Repository       string        `json:"repository"`
	Version          uint64        `json:"version"`
	Issued           Time          `json:"issued"`
	Expires          Time          `json:"expires"`
	Previous         Ref           `json:"previous"`
	Threshold        int           `json:"threshold"`
	Keyholders       []Keyholder   `json:"keyholders"`
	OnlineKeys       []OnlineKey   `json:"online_keys"`
	SnapshotLifetime uint64        `json:"snapshot_lifetime"` // seconds
	SnapshotFloor    uint64        `json:"snapshot_floor"`
	Revoked          []RevokedKey  `json:"revoked"`
	Anchor           digest.Digest `json:"anchor"` // root of the anchored map
}

// A Keyholder is one of the people who are the root.
type Keyholder struct {
	Name        string `json:"name"`
	Key         Key    `json:"key"`
	Attestation string `json:"attestation"` // SHA-256 of the card's attestation, or "none"
}

// NoAttestation stands in place of an attestation's digest for a card that
// gives none.
const NoAttestation = "none"

// An OnlineKey is a key of the online signer. It counts from NotBefore, and
// until just before Expires.
type OnlineKey struct {
	Role      Role `json:"role"`
	Key       Key  `json:"key"`
	NotBefore Time `json:"not_before"`
	Expires   Time `json:"expires"`
}

// A RevokedKey is a key that no longer counts, in whatever packet.
type RevokedKey struct {
	Key    Key    `json:"key"`
	Reason string `json:"reason"`
	At     Time   `json:"at"`
}

// A Draft is a well-formed root roster that nobody has vouched for. It can be
// shown and signed; it cannot be passed where a [*Roster] is wanted.
type Draft struct {
	raw    []byte
	digest digest.Digest
	root   Root
	policy threshold.Policy
	keys   []*pgp.PublicKey // the keyholders', in order
}

// NewDraft prints r, with its type filled in, and parses the result.
func NewDraft(r Root) (*Draft, error) {
	r.Type = rootForm.kind
	raw, err := encode(&r)
	if err != nil {
		return nil, refuse(LayerRoster, "draft", "cannot be printed").because(err)
	}
	return ParseDraft(raw)
}

// ParseDraft reads a root roster and checks everything about it that needs no
// other document and no clock: that there is one such encoding, the limits,
// that keys and people are distinct, that the threshold can be met, that no
// revoked key has a role. It verifies no signature.
func ParseDraft(raw []byte) (*Draft, error) {
	d := &Draft{raw: slices.Clone(raw), digest: digest.Sum(raw)}
	if err := rootForm.parse("", raw, &d.root); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, refuse(LayerRoster, fmt.Sprintf("version %d", d.root.Version), "the document contradicts the format").because(err)
	}
	return d, nil
}

// Bytes returns the document.
func (d *Draft) Bytes() []byte { return slices.Clone(d.raw) }

// Digest is the SHA-256 of the document: what is pinned and read aloud.
func (d *Draft) Digest() digest.Digest { return d.digest }

// Root returns what the document says.
func (d *Draft) Root() Root {
	r := d.root
	r.Keyholders, r.OnlineKeys, r.Revoked = slices.Clone(r.Keyholders), slices.Clone(r.OnlineKeys), slices.Clone(r.Revoked)
	return r
}

// Version is the document's version.
func (d *Draft) Version() uint64 { return d.root.Version }

// Repository is the index that the document speaks of.
func (d *Draft) Repository() string { return d.root.Repository }

func (d *Draft) check() error {
	r := &d.root
	if err := CheckRepository(r.Repository); err != nil {
		return err
	}
	switch {
	case r.Version < 1 || r.Version > MaxNumber:
		return fmt.Errorf("version is %d, wanted 1 to 2^53-1", r.Version)
	case (r.Version == 1) != r.Previous.IsZero():
		return fmt.Errorf("version is %d and previous is %q, wanted an empty previous in version 1 and only there", r.Version, r.Previous)
	case !r.Issued.Before(r.Expires.Time):
		return fmt.Errorf("issued %s is not before expires %s", r.Issued, r.Expires)
	case r.SnapshotLifetime < 1 || r.SnapshotLifetime > MaxSnapshotLifetime:
		return fmt.Errorf("snapshot_lifetime is %d seconds, wanted 1 to %d", r.SnapshotLifetime, MaxSnapshotLifetime)
	case r.SnapshotFloor > MaxNumber:
		return fmt.Errorf("snapshot_floor is %d, wanted at most 2^53-1", r.SnapshotFloor)
	}
	seen := make(keyring)
	if err := d.checkKeyholders(seen); err != nil {
		return err
	}
	if err := d.checkOnlineKeys(seen); err != nil {
		return err
	}
	return d.checkRevoked(seen)
}

func (d *Draft) checkKeyholders(seen keyring) error {
	if n := len(d.root.Keyholders); n > MaxKeyholders {
		return fmt.Errorf("%d keyholders, wanted at most %d", n, MaxKeyholders)
	}
	var people []threshold.Person
	for _, k := range d.root.Keyholders {
		if err := CheckName(k.Name); err != nil {
			return fmt.Errorf("keyholder: %w", err)
		}
		if err := checkRootKey(k.Key.PublicKey); err != nil {
			return fmt.Errorf("keyholder %q: %w", k.Name, err)
		}
		if err := seen.add(k.Key.PublicKey, fmt.Sprintf("keyholder %q", k.Name)); err != nil {
			return err
		}
		if d, err := digest.Parse(k.Attestation); k.Attestation != NoAttestation && (err != nil || d.IsZero()) {
			return fmt.Errorf("keyholder %q: attestation is %q, wanted a SHA-256 in hex or %q", k.Name, k.Attestation, NoAttestation)
		}
		people = append(people, threshold.Person{Name: k.Name, Keys: []threshold.Key{threshold.Key(k.Key.Material())}})
		d.keys = append(d.keys, k.Key.PublicKey)
	}
	var err error
	d.policy, err = threshold.New(d.root.Threshold, people)
	return err
}

func (d *Draft) checkOnlineKeys(seen keyring) error {
	if n := len(d.root.OnlineKeys); n > MaxOnlineKeys {
		return fmt.Errorf("%d online keys, wanted at most %d", n, MaxOnlineKeys)
	}
	roles := make(map[Role]int)
	for _, k := range d.root.OnlineKeys {
		if k.Role != RoleCountersign && k.Role != RoleSnapshot {
			return fmt.Errorf("online key has role %q, wanted %q or %q", k.Role, RoleCountersign, RoleSnapshot)
		}
		if err := checkRootKey(k.Key.PublicKey); err != nil {
			return fmt.Errorf("%s key: %w", k.Role, err)
		}
		if err := seen.add(k.Key.PublicKey, fmt.Sprintf("online %s key", k.Role)); err != nil {
			return err
		}
		if !k.NotBefore.Before(k.Expires.Time) {
			return fmt.Errorf("%s key: not_before %s is not before expires %s", k.Role, k.NotBefore, k.Expires)
		}
		roles[k.Role]++
	}
	for _, role := range []Role{RoleCountersign, RoleSnapshot} {
		if roles[role] == 0 {
			return fmt.Errorf("no online key has the role %q, wanted at least one", role)
		}
	}
	return nil
}

func (d *Draft) checkRevoked(seen keyring) error {
	if n := len(d.root.Revoked); n > MaxRevoked {
		return fmt.Errorf("%d revoked keys, wanted at most %d", n, MaxRevoked)
	}
	for _, k := range d.root.Revoked {
		if err := seen.add(k.Key.PublicKey, "revoked key"); err != nil {
			return err
		}
		if err := CheckName(k.Reason); err != nil {
			return fmt.Errorf("reason of a revocation: %w", err)
		}
	}
	return nil
}

// checkRootKey says whether a key may stand in a roster: P-256, P-384, or RSA
// of 3072 bits or more. Ed25519 cannot sign through an external signer.
func checkRootKey(k *pgp.PublicKey) error {
	switch {
	case k.Algorithm() == pgp.P256 || k.Algorithm() == pgp.P384:
		return nil
	case k.Algorithm() == pgp.RSA && k.Bits() >= 3072:
		return nil
	}
	return fmt.Errorf("key %s is %s of %d bits, wanted P-256, P-384, or RSA of at least 3072 bits", k, k.Algorithm(), k.Bits())
}

// A keyring notices that a key stands twice in one document, in one packet or
// in two, and that two keys share a fingerprint.
type keyring map[any]string

func (r keyring) add(k *pgp.PublicKey, what string) error {
	for _, id := range []any{k.Material(), k.Fingerprint()} {
		if other, ok := r[id]; ok {
			return fmt.Errorf("key %s stands as %s and as %s, wanted each key once", k, other, what)
		}
	}
	r[k.Material()], r[k.Fingerprint()] = what, what
	return nil
}

// A Roster is a root roster vouched for: pinned by its digest, or approved by
// its predecessor and by itself. Only [Trust] and [Roster.Succeed] make one.
// That it is unexpired is a question of time: see [Roster.Current].
type Roster struct {
	*Draft
	revoked   Revoked
	listed    map[pgp.Material]string
	approvals []threshold.Approval
}

// Trust opens the roster from which a client starts: the one with the pinned
// digest, for the pinned repository, signed by its own threshold; and, if it
// is the first, by all its keyholders, with the empty map as its anchor.
func Trust(s Signed, pin digest.Digest, emptyMap digest.Digest) (*Roster, error) {
	if got := digest.Sum(s.Document); got != pin {
		return nil, refuse(LayerRoster, "pinned", "the digest is not the pinned one").found("%s", got).want("%s", pin).
			do("compare the digest with the one published by the people who held the ceremony")
	}
	d, err := ParseDraft(s.Document)
	if err != nil {
		return nil, err
	}
	r := newRoster(d)
	must := []*pgp.PublicKey(nil)
	if d.root.Version == 1 {
		must = d.keys
		if d.root.Anchor != emptyMap {
			return nil, refuse(LayerRoster, "version 1", "the first roster must anchor the empty map").found("%s", d.root.Anchor).want("%s", emptyMap)
		}
		if len(d.root.Revoked) > 0 {
			return nil, refuse(LayerRoster, "version 1", "the first roster revokes keys").found("%d", len(d.root.Revoked)).want("none")
		}
	}
	if err := r.approve(s.Signatures, []*Draft{d}, must); err != nil {
		return nil, err
	}
	return r, nil
}

// Succeed checks that s is the immediate successor of r and returns it: its
// version is one above, it names r's digest, M of r's keyholders signed it
// and M of its own (each by its own M; one signature may count for both), so
// did every key that r did not list, it repeats r's revoked keys, and it is
// for the same repository. A key that the successor revokes counts for
// neither quorum. Expiry is not judged: only the last roster of a walk must
// be current. Compare TUF 1.0, section 5.3.
func (r *Roster) Succeed(s Signed) (*Roster, error) {
	d, err := ParseDraft(s.Document)
	if err != nil {
		return nil, err
	}
	subject := RosterPath(r.Version() + 1)
	switch {
	case d.root.Repository != r.root.Repository:
		return nil, refuse(LayerRoster, subject, "it is for another repository").found("%q", d.root.Repository).want("%q", r.root.Repository)
	case d.root.Version != r.root.Version+1:
		return nil, refuse(LayerRoster, subject, "version %d does not follow version %d", d.root.Version, r.root.Version)
	case d.root.Previous.Digest != r.digest:
		return nil, refuse(LayerRoster, subject, "it does not follow the roster at hand: previous is another").found("%s", d.root.Previous).want("%s", r.digest)
	}
	if err := repeats(r.root.Revoked, d.root.Revoked); err != nil {
		return nil, refuse(LayerRoster, subject, "revoked keys must be repeated").because(err)
	}
	var added []*pgp.PublicKey
	for _, k := range d.keys {
		if !slices.ContainsFunc(r.keys, func(old *pgp.PublicKey) bool { return old.ID() == k.ID() }) {
			added = append(added, k)
		}
	}
	next := newRoster(d)
	if err := next.approve(s.Signatures, []*Draft{r.Draft, d}, added); err != nil {
		return nil, err
	}
	return next, nil
}

func repeats(old, now []RevokedKey) error {
	for i, k := range old {
		if i >= len(now) || now[i].Key.ID() != k.Key.ID() || now[i].Reason != k.Reason || now[i].At != k.At {
			return fmt.Errorf("entry %d is not the former roster's (key %s)", i+1, k.Key)
		}
	}
	return nil
}

func newRoster(d *Draft) *Roster {
	r := &Roster{Draft: d, revoked: make(Revoked), listed: make(map[pgp.Material]string)}
	for _, k := range d.root.Revoked {
		r.revoked.Add(k.Key.PublicKey, k.Reason)
	}
	for _, k := range d.root.Keyholders {
		r.listed[k.Key.Material()] = fmt.Sprintf("keyholder %q", k.Name)
	}
	for _, k := range d.root.OnlineKeys {
		r.listed[k.Key.Material()] = fmt.Sprintf("online %s key", k.Role)
	}
	return r
}

// approve checks the signatures over r against each quorum, and that every
// key of must signed.
func (r *Roster) approve(asc []byte, quorums []*Draft, must []*pgp.PublicKey) error {
	subject := RosterPath(r.Version())
	var keys []*pgp.PublicKey
	for _, q := range quorums {
		keys = union(keys, q.keys)
	}
	signed, err := verify(LayerRoster, subject, Signed{r.raw, asc}, keys)
	if err != nil {
		return err
	}
	for _, q := range quorums {
		a, err := q.policy.Approve(r.digest, signed.materials(), r.revoked.hasKey)
		if err != nil {
			return refuse(LayerRoster, subject, "quorum of roster version %d not met", q.Version()).because(err).
				do("bring the missing keyholders' signatures; do not trust this roster without them")
		}
		r.approvals = append(r.approvals, a)
	}
	for _, k := range must {
		if !signed.has(k) {
			return refuse(LayerRoster, subject, "a newly listed keyholder has not signed").found("no signature by %s", k).want("the consent of each new key")
		}
	}
	return nil
}

// Approvals are the evidence that the quorums were met: the roster's own, and
// before it that of its predecessor.
func (r *Roster) Approvals() []threshold.Approval { return slices.Clone(r.approvals) }

// Revoked returns the keys that this roster revokes.
func (r *Roster) Revoked() Revoked { return r.revoked.clone() }

// Lists says as what a roster lists the key material, or "".
func (r *Roster) Lists(m pgp.Material) string { return r.listed[m] }

// Current says whether the roster has not expired at the given time: it
// counts until just before expires. The error is stale.
func (r *Roster) Current(at time.Time) error {
	if at.Before(r.root.Expires.Time) {
		return nil
	}
	return refuse(LayerRoster, RosterPath(r.Version()), "expired").found("%s", At(at)).want("a time before %s", r.root.Expires).stale().
		do("a newer roster may be withheld from you: try another mirror or network, and check this machine's clock")
}

// OnlineKey returns the online keys with a role that count at a time and are
// not in revoked.
func (r *Roster) OnlineKey(role Role, at time.Time, revoked Revoked) []*pgp.PublicKey {
	var keys []*pgp.PublicKey
	for _, k := range r.root.OnlineKeys {
		in := !at.Before(k.NotBefore.Time) && at.Before(k.Expires.Time)
		if k.Role == role && in && !revoked.Has(k.Key.Material()) && !r.revoked.Has(k.Key.Material()) {
			keys = append(keys, k.Key.PublicKey)
		}
	}
	return keys
}
