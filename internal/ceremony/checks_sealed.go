package ceremony

import (
	"fmt"
	"slices"

	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// The checks of plans without a roster.

// sealedChecks are for plans that open or destroy sealed revocations.
var sealedChecks = []Check{
	{"SEALED-ENVELOPE", "the folder holds revocations and a label, and nothing else", "", firm, "", nil, begun(checkEnvelope)},
	{"SEALED-VALID", "each revocation is signed by enough keyholders of the roster that it names, which is one of the chain", "KSR-BUNDLE-POP; Boulder: what is revoked is ours", firm, "", nil, begun(checkSealedValid)},
	{"SEALED-LISTED", "each key to be opened is an online key of the newest roster, with a revocation in the folder", "", firm, "", nil, opening(checkSealedListed)},
	{"SEALED-NEWEST", "what is opened was sealed under the newest roster", "KSR-ID", soft, "", nil, opening(checkSealedNewest)},
	{"SEALED-BOTH-ROLES", "keys of both roles are opened: a thief of one may have the other", "", soft, "", nil, opening(checkSealedBoth)},
	{"SEALED-SUPERSEDED", "a newer roster is there than the one under which the set was sealed", "KSR-POLICY-SAFETY retire", firm, "", nil, destroying(checkSuperseded)},
	{"SEALED-COMPLETE", "the set has a revocation for each online key of its roster, so that none stays elsewhere unnoticed", "KSR-BUNDLE-COUNT", soft, "", nil, destroying(checkSealedComplete)},
}

// draftChecks are for plans that abandon a draft.
var draftChecks = []Check{
	{"DRAFT-MATCH", "the record has the draft that the plan names", "", firm, "", nil, checkDraftMatch},
	{"DRAFT-UNCOMBINED", "the draft was not combined: then it would be a roster", "", firm, "", nil, checkUncombined},
}

// begun leaves out what was judged before a destruction began.
func begun(judge func(*Case) error) func(*Case) error {
	return func(c *Case) error {
		if c.Sealed.Begun {
			return nil
		}
		return judge(c)
	}
}

func opening(judge func(*Case) error) func(*Case) error {
	return func(c *Case) error {
		if !c.Plan.Does(plan.OpenRevocations) {
			return nil
		}
		return judge(c)
	}
}

func destroying(judge func(*Case) error) func(*Case) error {
	return begun(func(c *Case) error {
		if !c.Plan.Does(plan.DestroyRevocations) {
			return nil
		}
		return judge(c)
	})
}

func checkEnvelope(c *Case) error {
	switch s := c.Sealed; {
	case len(s.Strange) > 0:
		return fmt.Errorf("%q belongs in no envelope", s.Strange[0])
	case len(s.Revocations) == 0:
		return fmt.Errorf("%q holds no revocation", c.Plan.Sealed.Directory)
	case !s.Label:
		return fmt.Errorf("%q holds no %s", c.Plan.Sealed.Directory, labelName)
	}
	return nil
}

func checkSealedValid(c *Case) error {
	for _, r := range c.Sealed.Revocations {
		if r.Err != nil {
			return fmt.Errorf("%s: %w", r.Path, r.Err)
		}
	}
	return nil
}

func checkSealedListed(c *Case) error {
	newest := c.previous()
	for i, id := range c.Plan.Sealed.Open {
		switch {
		case slices.Contains(c.Plan.Sealed.Open[:i], id):
			return fmt.Errorf("sealed.open names key %s twice", id)
		case !slices.ContainsFunc(newest.OnlineKeys, func(k roster.OnlineKey) bool { return k.Key.ID() == pgp.KeyID(id.Digest) }):
			return fmt.Errorf("key %s is no online key of roster %d, the newest", id, newest.Version)
		case !slices.ContainsFunc(c.Sealed.Revocations, func(r SealedRevocation) bool { return r.ID == pgp.KeyID(id.Digest) }):
			return fmt.Errorf("the folder has no revocation of key %s", id)
		}
	}
	return nil
}

func checkSealedNewest(c *Case) error {
	for _, r := range c.opens() {
		if r.Under != nil && r.Under.Digest() != c.Chain.Last().Digest() {
			return fmt.Errorf("%s was sealed under roster %d, wanted the newest, %d", r.Path, r.Under.Version(), c.Chain.Last().Version())
		}
	}
	return nil
}

// checkSealedBoth goes by the newest roster, whatever the folder has.
func checkSealedBoth(c *Case) error {
	for _, role := range []roster.Role{roster.RoleCountersign, roster.RoleSnapshot} {
		opened := slices.ContainsFunc(c.previous().OnlineKeys, func(k roster.OnlineKey) bool {
			return k.Role == role && slices.Contains(c.Plan.Sealed.Open, plan.Digest{Digest: digest.Digest(k.Key.ID())})
		})
		known := slices.ContainsFunc(c.Plan.Sealed.Open, func(id plan.Digest) bool {
			return !slices.ContainsFunc(c.previous().OnlineKeys, func(k roster.OnlineKey) bool { return k.Key.ID() == pgp.KeyID(id.Digest) })
		})
		if !opened && !known { // of a key that no roster lists, SEALED-LISTED has its say
			return fmt.Errorf("no %s key is opened, wanted one of each role", role)
		}
	}
	return nil
}

func checkSuperseded(c *Case) error {
	for _, r := range c.Sealed.Revocations {
		if r.Under != nil && r.Under.Digest() == c.Chain.Last().Digest() {
			return fmt.Errorf("%s was sealed under roster %d, which is the newest: it may still be needed", r.Path, r.Under.Version())
		}
	}
	return nil
}

func checkSealedComplete(c *Case) error {
	for _, r := range c.Sealed.Revocations {
		if r.Under == nil { // SEALED-VALID refuses
			continue
		}
		for _, k := range r.Under.Root().OnlineKeys {
			if !slices.ContainsFunc(c.Sealed.Revocations, func(o SealedRevocation) bool { return o.ID == k.Key.ID() }) {
				return fmt.Errorf("the revocation of online %s key %s of roster %d is not in the folder: find it", k.Role, k.Key, r.Under.Version())
			}
		}
	}
	return nil
}

func checkDraftMatch(c *Case) error {
	if got, want := c.Doomed.Digest, c.Plan.Abandon.Draft.Digest; got.IsZero() {
		return fmt.Errorf("the record %q has no draft, wanted %s", c.Plan.Abandon.Record, want)
	} else if got != want {
		return fmt.Errorf("the record %q has draft %s, wanted %s", c.Plan.Abandon.Record, got, want)
	}
	return nil
}

func checkUncombined(c *Case) error {
	if c.Doomed.Combined != "" {
		return fmt.Errorf("the draft was combined at %s: it is a roster", c.Doomed.Combined)
	}
	return nil
}
