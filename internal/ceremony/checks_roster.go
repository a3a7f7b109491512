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

// The checks about the roster as a whole, its online keys and its anchor.

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
	if c.Doomed != nil && !c.Doomed.Digest.IsZero() && c.Doomed.Repository != want {
		return wrong("the draft to be abandoned", c.Doomed.Repository)
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
	genesis, empty := c.Plan.Does(plan.Genesis), c.Plan.Anchor.Fixed == plan.AnchorEmpty
	switch {
	case genesis && !empty:
		return fmt.Errorf("anchor is not %q, wanted that at genesis", plan.AnchorEmpty)
	case !genesis && empty:
		return fmt.Errorf("anchor is %q, wanted %q or a new map: no name of the former anchor may go", plan.AnchorEmpty, plan.AnchorKeep)
	}
	return nil
}

func checkGenesis(c *Case) error {
	if c.Plan.Does(plan.Genesis) && len(c.Outgoing)+len(c.Revoke) > 0 {
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

func checkClockTolerance(c *Case) error {
	switch is := c.Plan.Policy.ClockTolerance.D; {
	case is < time.Minute:
		return fmt.Errorf("clock_tolerance is %s, wanted at least %s", is, time.Minute)
	case is > roster.MaxSkew:
		return fmt.Errorf("clock_tolerance is %s, wanted at most %s, by which clients forgive a time to come", is, roster.MaxSkew)
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
