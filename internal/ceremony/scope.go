package ceremony

import (
	"fmt"
	"slices"

	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
)

// A delta is one thing that differs between the previous roster and the next,
// and the acts that speak for it.
type delta struct {
	what string
	by   []plan.Act // any of them covers it
	// shows are the acts that it proves to be more than words; those of by
	// where it is nil.
	shows []plan.Act
}

func (c *Case) actNames() string { return c.Plan.ActNames() }

// checkScope compares the plan's acts with what the plan changes. At genesis
// all is new.
func checkScope(c *Case) error {
	if c.Chain == nil {
		return nil
	}
	deltas := c.deltas()
	for _, d := range deltas {
		if !slices.ContainsFunc(d.by, c.Plan.Does) {
			return fmt.Errorf("%s, which no act of the plan (%s) covers, wanted one of %v, or no such change", d.what, c.Plan.ActNames(), d.by)
		}
	}
	for _, act := range c.Plan.Acts {
		shown := slices.ContainsFunc(deltas, func(d delta) bool {
			if d.shows == nil {
				return slices.Contains(d.by, act)
			}
			return slices.Contains(d.shows, act)
		})
		if !shown {
			return fmt.Errorf("the plan lists the act %s, and nothing of the kind changes", act)
		}
	}
	return nil
}

// deltas are all differences between the previous roster and the one that the
// plan describes, but for those that every roster has: version, issued, previous.
func (c *Case) deltas() []delta {
	old := c.previous()
	return slices.Concat(c.rootDeltas(old), c.peopleDeltas(old), c.revokeDeltas(old), c.onlineDeltas(old))
}

func (c *Case) rootDeltas(old *roster.Root) []delta {
	p := c.Plan.Roster
	var all []delta
	add := func(differs bool, act plan.Act, format string, args ...any) {
		if differs {
			all = append(all, delta{what: fmt.Sprintf(format, args...), by: []plan.Act{act}})
		}
	}
	add(!p.Expires.Equal(old.Expires.Time), plan.Renewal, "the roster expires %s, the previous one %s", p.Expires.Time, old.Expires)
	lives := uint64(p.SnapshotLifetime.D.Seconds())
	add(lives != old.SnapshotLifetime, plan.Renewal, "a snapshot lives %d seconds, before %d", lives, old.SnapshotLifetime)
	add(p.Threshold != old.Threshold, plan.Keyholders, "the threshold is %d, before %d", p.Threshold, old.Threshold)
	add(c.Plan.Anchor.New != nil, plan.Reanchor, "the anchor is a new map")
	if p.SnapshotFloor != old.SnapshotFloor { // the revoked key is what shows the theft
		all = append(all, delta{fmt.Sprintf("snapshot_floor is %d, before %d", p.SnapshotFloor, old.SnapshotFloor), []plan.Act{plan.OnlineTheft}, []plan.Act{}})
	}
	return all
}

// peopleDeltas follow the keyholders by name and by key. A key that leaves does
// so because its card is compromised, retired or lost, or because its holder
// leaves; which of them the plan says by revoking it or having it sign.
func (c *Case) peopleDeltas(old *roster.Root) []delta {
	var all []delta
	for _, was := range old.Keyholders {
		i := slices.IndexFunc(c.Keyholders, func(h Holder) bool { return h.Name == was.Name })
		stays := slices.ContainsFunc(c.Keyholders, func(h Holder) bool { return h.Enrolment.Key.ID() == was.Key.ID() })
		if stays && i >= 0 && c.Keyholders[i].Enrolment.Key.ID() == was.Key.ID() {
			if c.Keyholders[i].Enrolment.Attesting != was.Attestation {
				all = append(all, delta{what: fmt.Sprintf("the attestation of %q changes", was.Name), by: []plan.Act{plan.Keyholders}})
			}
			continue
		}
		what := fmt.Sprintf("the key of %q leaves", was.Name)
		switch id := was.Key.ID(); {
		case stays:
			all = append(all, delta{what: fmt.Sprintf("the key of %q gets another name", was.Name), by: []plan.Act{plan.Keyholders}})
		case c.revokes(was.Key):
			all = append(all, delta{what: what + " and is revoked", by: []plan.Act{plan.CardCompromised}})
		case i < 0 && c.signsOut(id):
			all = append(all, delta{what: what + ", and so does its holder", by: []plan.Act{plan.Keyholders}})
		case i < 0:
			all = append(all, delta{what: what + ", and so does its holder", by: []plan.Act{plan.Keyholders, plan.CardLost}})
		case c.signsOut(id):
			all = append(all, delta{what: what + " for another, and signs once more", by: []plan.Act{plan.CardRetired}})
		default:
			all = append(all, delta{what: what + " for another, and signs no more", by: []plan.Act{plan.CardLost}})
		}
	}
	for _, h := range c.Keyholders {
		known := slices.ContainsFunc(old.Keyholders, func(k roster.Keyholder) bool {
			return k.Name == h.Name || k.Key.ID() == h.Enrolment.Key.ID()
		})
		if !known {
			all = append(all, delta{what: fmt.Sprintf("%q becomes a keyholder", h.Name), by: []plan.Act{plan.Keyholders}})
		}
	}
	return all
}

// revokes reports whether the plan revokes the key.
func (c *Case) revokes(k roster.Key) bool {
	return slices.ContainsFunc(c.Revoke, func(r roster.RevokedKey) bool { return r.Key.Material() == k.Material() })
}

// signsOut reports whether an outgoing key signs.
func (c *Case) signsOut(id pgp.KeyID) bool {
	return slices.ContainsFunc(c.Outgoing, func(h Holder) bool { return h.Enrolment.Key.ID() == id })
}

// revokeDeltas are the keys that the plan revokes, by what they were in any
// roster so far. The keyholders of the previous one are among the people.
func (c *Case) revokeDeltas(*roster.Root) []delta {
	var all []delta
	for _, r := range c.Revoke {
		by := []plan.Act{plan.CardCompromised, plan.OnlineTheft} // a stranger's key
		switch role := c.Chain.roleOf(r.Key); role {
		case "":
		case keyholderRole:
			by = []plan.Act{plan.CardCompromised}
		default:
			by = []plan.Act{plan.OnlineTheft}
		}
		all = append(all, delta{what: fmt.Sprintf("key %s is revoked", r.Key), by: by})
	}
	return all
}

func (c *Case) onlineDeltas(old *roster.Root) []delta {
	swap, rotation := []plan.Act{plan.OnlineRotation, plan.OnlineTheft}, []plan.Act{plan.OnlineRotation}
	var all []delta
	for _, was := range old.OnlineKeys {
		i := slices.IndexFunc(c.Online, func(o Online) bool { return o.Key.ID() == was.Key.ID() })
		switch {
		case i < 0 && c.revokes(was.Key):
			all = append(all, delta{what: fmt.Sprintf("online %s key %s leaves and is revoked", was.Role, was.Key), by: []plan.Act{plan.OnlineTheft}})
		case i < 0 || c.Online[i].Role != was.Role:
			all = append(all, delta{fmt.Sprintf("online %s key %s leaves its role", was.Role, was.Key), swap, rotation})
		case !c.Online[i].NotBefore.Equal(was.NotBefore.Time) || !c.Online[i].Expires.Equal(was.Expires.Time):
			all = append(all, delta{fmt.Sprintf("online %s key %s counts at other times", was.Role, was.Key), append(swap, plan.Renewal), []plan.Act{plan.Renewal}})
		}
	}
	for _, o := range c.Online {
		if !slices.ContainsFunc(old.OnlineKeys, func(k roster.OnlineKey) bool { return k.Key.ID() == o.Key.ID() }) {
			all = append(all, delta{fmt.Sprintf("online %s key %s is new", o.Role, o.Key), swap, rotation})
		}
	}
	return all
}

// keyholderRole stands beside the online roles where a key's role is asked for.
const keyholderRole roster.Role = "keyholder"

// roleOf is the role of a key in the newest roster of the chain that lists it;
// "" if none does.
func (c *Chain) roleOf(key roster.Key) roster.Role {
	for i := len(c.Rosters) - 1; i >= 0; i-- {
		if role := roleIn(c.Rosters[i].Root(), key); role != "" {
			return role
		}
	}
	return ""
}

func roleIn(r roster.Root, key roster.Key) roster.Role {
	m := key.Material()
	for _, k := range r.Keyholders {
		if k.Key.Material() == m {
			return keyholderRole
		}
	}
	for _, k := range r.OnlineKeys {
		if k.Key.Material() == m {
			return k.Role
		}
	}
	return ""
}
