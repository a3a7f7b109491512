package ceremony

import (
	"fmt"
	"slices"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
)

// The checks about keys that are revoked.

func checkRevokeTime(c *Case) error {
	for _, r := range c.Revoke {
		if r.At.After(c.Plan.Roster.Issued.Time.Time) {
			return fmt.Errorf("key %s is revoked from %s, wanted at most %s, when the roster is issued", r.Key, r.At, c.Plan.Roster.Issued.Time)
		}
	}
	return nil
}

func checkRevokeUnique(c *Case) error {
	seen := make(map[pgp.Material]string)
	for _, h := range c.Keyholders {
		seen[h.Enrolment.Key.Material()] = "is that of keyholder " + h.Name
	}
	for _, o := range c.Online {
		seen[o.Key.Material()] = "is the online key " + o.Name
	}
	if p := c.previous(); p != nil {
		for _, k := range p.Revoked {
			seen[k.Key.Material()] = "is revoked since " + k.At.String()
		}
	}
	for _, r := range c.Revoke {
		if is, ok := seen[r.Key.Material()]; ok {
			return fmt.Errorf("key %s, which the plan revokes, %s", r.Key, is)
		}
		seen[r.Key.Material()] = "stands in the plan's revoke twice"
	}
	return nil
}

func checkOpened(c *Case) error {
	for _, k := range c.Opened {
		m := k.Key.Material()
		if revokes := func(r roster.RevokedKey) bool { return r.Key.Material() == m }; !slices.ContainsFunc(slices.Concat(c.previous().Revoked, c.Revoke), revokes) {
			return fmt.Errorf("the revocation of online %s key %s was published, wanted the key (%s) among those that the plan revokes", k.Role, k.Key, k.Key.ID())
		}
	}
	return nil
}

// stolen returns the previous roster's online keys that the plan revokes.
func stolen(c *Case) []roster.OnlineKey {
	p := c.previous()
	if p == nil {
		return nil
	}
	return slices.DeleteFunc(p.OnlineKeys, func(k roster.OnlineKey) bool {
		return !slices.ContainsFunc(c.Revoke, func(r roster.RevokedKey) bool { return r.Key.Material() == k.Key.Material() })
	})
}

func checkTheftFloor(c *Case) error {
	if s := stolen(c); len(s) > 0 && c.Plan.Roster.SnapshotFloor == c.previous().SnapshotFloor {
		return fmt.Errorf("online %s key %s is revoked and snapshot_floor stays %d, wanted another, so that clients forget what the key alone vouched for", s[0].Role, s[0].Key, c.Plan.Roster.SnapshotFloor)
	}
	return nil
}

// checkTheftKeys wants both online keys replaced after a theft, because a thief
// can sign for later. Which key of a role was whose pair, where a second pair
// stands by, a roster does not say; so one of each role must go.
func checkTheftKeys(c *Case) error {
	if len(stolen(c)) == 0 {
		return nil
	}
	for _, role := range []roster.Role{roster.RoleCountersign, roster.RoleSnapshot} {
		gone := slices.ContainsFunc(c.previous().OnlineKeys, func(k roster.OnlineKey) bool {
			return k.Role == role && !slices.ContainsFunc(c.Online, func(o Online) bool { return o.Key.Material() == k.Key.Material() })
		})
		if !gone {
			return fmt.Errorf("an online key is revoked and every %s key stays, wanted one of each role replaced", role)
		}
	}
	return nil
}
