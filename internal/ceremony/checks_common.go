package ceremony

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
)

// The checks for plans of every family, and those that look back along the
// chain of rosters.

// checkSwitchedOff also stands in the way of a plan that would switch off what
// keeps plans honest.
func checkSwitchedOff(c *Case) error {
	seen := make(map[string]bool)
	for _, off := range c.Plan.SwitchedOff {
		isFirm, known := firmness[off.Check]
		switch {
		case !known:
			return fmt.Errorf("switched_off names %q, which is no check", off.Check)
		case isFirm:
			return fmt.Errorf("switched_off names %s, which no plan may switch off", off.Check)
		case seen[off.Check]:
			return fmt.Errorf("switched_off names %s twice", off.Check)
		case !slices.Contains(c.named(), off.ApprovedBy):
			return fmt.Errorf("%s is switched off by %q, wanted the administrator, a witness or a keyholder of the plan", off.Check, off.ApprovedBy)
		}
		seen[off.Check] = true
	}
	return nil
}

// firmness says of each check's id whether no plan may switch it off.
var firmness = make(map[string]bool)

func init() { // not an initialiser: the check above is one of them
	for _, check := range Checks {
		firmness[check.ID] = check.Firm
	}
}

// named are the people whom the plan names.
func (c *Case) named() []string {
	names := []string{c.Plan.Roles.Administrator}
	for _, w := range c.Plan.Roles.Witnesses {
		names = append(names, w.Name)
	}
	for _, k := range slices.Concat(c.Plan.Keyholders, c.Plan.Outgoing) {
		names = append(names, k.Name)
	}
	return slices.DeleteFunc(names, func(s string) bool { return s == "" })
}

func programWanted(c *Case) string {
	if c.Plan.Program.IsZero() {
		return ""
	}
	return c.Plan.Program.String()
}

func checkProgram(c *Case) error {
	want := c.Plan.Program.Digest
	switch {
	case want.IsZero() && !isRehearsal(c.Plan.Repository):
		return errors.New("the plan does not name the program by its digest, which only a rehearsal's may leave out")
	case want.IsZero() || want == c.Program:
		return nil
	case c.Program.IsZero():
		return fmt.Errorf("the program does not know its own digest, wanted %s", want)
	}
	return fmt.Errorf("the program has digest %s, wanted %s", c.Program, want)
}

func checkOutputFree(c *Case) error {
	o := c.Plan.Outputs
	outs := []struct{ name, path string }{{"record", o.Record}, {"published", o.Published}}
	ins := []struct{ name, path string }{{"previous.directory", c.Plan.Previous.Directory}}
	if n := c.Plan.Anchor.New; n != nil {
		ins = append(ins, struct{ name, path string }{"anchor.repository", n.Repository})
	}
	if s := c.Plan.Sealed; s != nil {
		ins = append(ins, struct{ name, path string }{"sealed.directory", s.Directory})
	}
	if outs[0].path != "" && outs[1].path != "" {
		ins = append(ins, outs[0])
	}
	for i, out := range outs {
		if out.path == "" {
			continue
		}
		path := c.path(out.path)
		held := i == 1 && c.made || i == 0 && c.Record != "" && within(c.Record, path) && within(path, c.Record)
		if _, err := os.Lstat(path); err == nil && !held {
			return fmt.Errorf("outputs.%s (%q) exists already, wanted a new name", out.name, out.path)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("outputs.%s: %w", out.name, err)
		}
		for _, in := range ins {
			if in.path == "" || in.name == out.name {
				continue
			}
			if other := c.path(in.path); within(path, other) || within(other, path) {
				return fmt.Errorf("outputs.%s (%q) and %s (%q) lie in each other, wanted them apart", out.name, out.path, in.name, in.path)
			}
		}
	}
	return nil
}

// within reports whether path is dir or below it, by their names.
func within(path, dir string) bool {
	for _, p := range []*string{&path, &dir} {
		if abs, err := filepath.Abs(*p); err == nil {
			*p = abs
		}
	}
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func checkRolesPresent(c *Case) error {
	r := c.Plan.Roles
	switch {
	case isRehearsal(c.Plan.Repository):
		return nil
	case r.Administrator == "":
		return errors.New("the plan names no ceremony administrator")
	case len(r.Witnesses) < *c.Plan.Policy.WitnessesMin:
		return fmt.Errorf("the plan names %d witnesses, wanted at least %d", len(r.Witnesses), *c.Plan.Policy.WitnessesMin)
	}
	return nil
}

func checkRolesDistinct(c *Case) error {
	role := make(map[string]string)
	for _, k := range slices.Concat(c.Plan.Keyholders, c.Plan.Outgoing) {
		role[k.Name] = "keyholder"
	}
	take := func(name, as string) error {
		if was, ok := role[name]; ok && name != "" {
			return fmt.Errorf("%q is %s and %s, wanted one role a person", name, was, as)
		}
		role[name] = as
		return nil
	}
	if err := take(c.Plan.Roles.Administrator, "ceremony administrator"); err != nil {
		return err
	}
	for _, w := range c.Plan.Roles.Witnesses {
		if err := take(w.Name, "witness"); err != nil {
			return err
		}
	}
	return nil
}

func checkWitnessCertificates(c *Case) error {
	if isRehearsal(c.Plan.Repository) {
		return nil
	}
	for _, w := range c.Witnesses {
		if len(w.Keys) == 0 {
			return fmt.Errorf("witness %q has no certificate to sign the record with", w.Name)
		}
	}
	return nil
}

// quorumWanted is the previous roster's threshold.
func quorumWanted(c *Case) string {
	if p := c.previous(); p != nil {
		return fmt.Sprintf("%d of roster %d", p.Threshold, p.Version)
	}
	return ""
}

// checkQuorum counts the previous roster's keyholders whom the plan asks to sign
// with a key that it does not revoke: a lost card must leave enough others.
func checkQuorum(c *Case) error {
	p := c.previous()
	if p == nil {
		return nil
	}
	var sign, away []string
	for _, k := range p.Keyholders {
		takesPart := slices.ContainsFunc(c.everybody(), func(h Holder) bool { return h.Enrolment.Key.ID() == k.Key.ID() })
		if takesPart && !c.revokes(k.Key) {
			sign = append(sign, k.Name)
		} else {
			away = append(away, k.Name)
		}
	}
	if len(sign) < p.Threshold {
		return fmt.Errorf("%d keyholders of roster %d take part with keys that count (%s), wanted %d; not: %s", len(sign), p.Version,
			strings.Join(sign, ", "), p.Threshold, strings.Join(away, ", "))
	}
	return nil
}

func checkOverlap(c *Case) error {
	p := c.previous()
	if p == nil {
		return nil
	}
	if left, least := p.Expires.Sub(c.Plan.Roster.Issued.Time.Time), c.Plan.Policy.OverlapMin.D; left < least {
		return fmt.Errorf("the previous roster expires %s, %s after this one is issued, wanted at least %s", p.Expires, left, least)
	}
	return nil
}

// newKeys are the keys of the next roster with their roles.
func (c *Case) newKeys() []roster.OnlineKey {
	var all []roster.OnlineKey
	for _, h := range c.Keyholders {
		all = append(all, roster.OnlineKey{Role: keyholderRole, Key: h.Enrolment.Key})
	}
	for _, o := range c.Online {
		all = append(all, roster.OnlineKey{Role: o.Role, Key: o.Key})
	}
	return all
}

// checkKeyReturns leaves a key that comes back in another role to
// KEY-ROLE-FIXED.
func checkKeyReturns(c *Case) error {
	p := c.previous()
	if p == nil {
		return nil
	}
	for _, k := range c.newKeys() {
		if roleIn(*p, k.Key) == "" && c.Chain.roleOf(k.Key) == k.Role {
			return fmt.Errorf("%s key %s was dropped by an earlier roster, wanted a new key", k.Role, k.Key)
		}
	}
	return nil
}

func checkKeyRoleFixed(c *Case) error {
	if c.Chain == nil {
		return nil
	}
	for _, k := range c.newKeys() {
		if was := c.Chain.roleOf(k.Key); was != "" && was != k.Role {
			return fmt.Errorf("key %s was a %s key in a roster before and is to be a %s key, wanted one role a key", k.Key, was, k.Role)
		}
	}
	return nil
}

// listsRead says how much the check KEY-ROLE-UNIQUE saw.
func (c *Case) listsRead() string {
	if c.Kept == nil {
		return ""
	}
	return fmt.Sprintf("%d maintainer lists read, %d not at hand", c.lists.read, c.lists.absent)
}

func checkKeyRoleUnique(c *Case) error {
	if c.lists.clash != nil {
		return c.lists.clash
	}
	for _, w := range c.Witnesses {
		for _, m := range w.Keys {
			for _, k := range c.newKeys() {
				if k.Key.Material() == m.Material() {
					return fmt.Errorf("witness %q would sign with %s key %s, wanted one role a key", w.Name, k.Role, k.Key)
				}
			}
		}
	}
	return nil
}

// rosterMaterial is the next roster's keys, each with its role.
func (c *Case) rosterMaterial() map[pgp.Material]roster.Role {
	all := make(map[pgp.Material]roster.Role)
	for _, k := range c.newKeys() {
		all[k.Key.Material()] = k.Role
	}
	return all
}
