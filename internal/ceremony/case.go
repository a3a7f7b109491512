package ceremony

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// maxInput is the longest file that a plan may name, in bytes.
const maxInput = 1 << 20

// A Case is a plan with everything that it names, read and well-formed, at one
// moment. The previous rosters in it are verified; all else awaits [Case.Judge].
type Case struct {
	Plan *plan.Plan
	Raw  []byte    // the plan's exact bytes
	At   time.Time // the clock, read once

	Keyholders []Holder
	Outgoing   []Holder
	Online     []Online
	Chain      *Chain                 // nil for genesis
	Kept       *handover.KeptSnapshot // nil unless the anchor is recomputed
	Revoke     []roster.RevokedKey    // beyond the previous roster's
	// Opened are the online keys whose sealed revocation is public beside the
	// rosters so far, and valid.
	Opened []roster.OnlineKey
	Inputs []Input // every file that was read, but the chain and what is sealed
	// Witnesses are those of the plan, with the keys of their certificates.
	Witnesses []Witness
	Sealed    *SealedSet   // nil unless the plan is of the sealed family
	Doomed    *DoomedDraft // nil unless the plan abandons a draft

	// Program is the SHA-256 of the program that runs. [Load] does not know it:
	// whoever calls Load sets it, before Judge.
	Program digest.Digest
	// Record is the folder in which this ceremony's record stands already, or "".
	// The plan's outputs.record may then exist, if it is this one.
	Record string

	lists      listing
	made       bool   // the output is there already, by this ceremony, which goes on
	dir        string // the plan's
	extraRoots int    // certificates besides Yubico's
}

// An Online is one key of the online signer, with its window.
type Online struct {
	handover.OnlineKey
	NotBefore, Expires roster.Time
	Standby            bool   // of the second pair, which is kept elsewhere
	repository         string // of the file that it came in
}

// An Input is a file that the plan names, and its digest.
type Input struct {
	What   string // such as "online keys"
	Path   string // as the plan has it
	Digest digest.Digest
	Want   digest.Digest // zero where the plan gives none
	Raw    []byte
}

// Load reads a plan and all that it names, and verifies the rosters so far from
// the plan's pin. It changes nothing.
func Load(ctx context.Context, planFile string, at time.Time) (*Case, error) {
	raw, err := readFile(planFile, plan.MaxPlan)
	if err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	p, err := plan.Parse(raw)
	if err != nil {
		return nil, err
	}
	c := &Case{Plan: p, Raw: raw, At: at, dir: filepath.Dir(planFile)}
	steps := []func(context.Context) error{c.loadWitnesses, c.loadRoots, c.loadHolders, c.loadChain, c.loadOnline, c.loadKept, c.loadRevoke, c.loadLists}
	switch p.Family() {
	case plan.SealedFamily:
		steps = []func(context.Context) error{c.loadWitnesses, c.loadChain, c.loadSealed}
	case plan.DraftFamily:
		steps = []func(context.Context) error{c.loadWitnesses, c.loadDoomed}
	}
	for _, load := range steps {
		if err := load(ctx); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Case) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.dir, name)
}

// input reads a file that the plan names.
func (c *Case) input(what, name string, want digest.Digest) ([]byte, error) {
	b, err := readFile(c.path(name), maxInput)
	if err != nil {
		return nil, refuse("reading %s", what).because(err).do("bring the file, or correct the plan")
	}
	c.Inputs = append(c.Inputs, Input{what, name, digest.Sum(b), want, b})
	return b, nil
}

// roots are the attestation roots that count for this plan.
func (c *Case) roots() *x509.CertPool {
	pool := hsm.YubicoRoots()
	for _, in := range c.Inputs {
		if in.What == "attestation root" {
			pool.AppendCertsFromPEM(in.Raw)
		}
	}
	return pool
}

func (c *Case) loadRoots(context.Context) error {
	for _, name := range c.Plan.AttestationRoots {
		b, err := c.input("attestation root", name, digest.Digest{})
		if err != nil {
			return err
		}
		block, rest := pem.Decode(b)
		if block == nil || len(rest) > 0 {
			return refuse("attestation root %q is not one certificate in PEM", name)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return refuse("attestation root %q", name).because(err)
		}
		c.extraRoots++
	}
	return nil
}

func (c *Case) loadHolders(context.Context) error {
	for _, k := range c.Plan.Keyholders {
		h, err := c.loadHolder(k)
		if err != nil {
			return err
		}
		c.Keyholders = append(c.Keyholders, h)
	}
	for _, k := range c.Plan.Outgoing {
		h, err := c.loadHolder(k)
		if err != nil {
			return err
		}
		c.Outgoing = append(c.Outgoing, h)
	}
	return nil
}

// loadHolder reads an enrolment and the files beside it.
func (c *Case) loadHolder(k plan.Keyholder) (Holder, error) {
	raw, err := c.input("enrolment of "+k.Name, k.Enrolment, k.SHA256.Digest)
	if err != nil {
		return Holder{}, err
	}
	h := Holder{Name: k.Name, Card: k.Card, Raw: make(map[string][]byte)}
	if h.Enrolment, err = ParseEnrolment(raw); err != nil {
		return Holder{}, refuse("enrolment of %s (%q)", k.Name, k.Enrolment).because(err)
	}
	serial := h.Enrolment.Serial
	h.Raw[enrolmentName(serial)] = raw
	beside := filepath.Dir(c.path(k.Enrolment))
	for _, name := range []string{certificateName(serial), provisioningName(serial)} { // for people; not needed
		b, err := readFile(filepath.Join(beside, name), maxInput)
		if err == nil {
			h.Raw[name] = b
		} else if !errors.Is(err, fs.ErrNotExist) {
			return Holder{}, err
		}
	}
	if h.Enrolment.Attesting == roster.NoAttestation {
		h.attestErr = errors.New("the card gives no attestation")
		return h, nil
	}
	return h, c.loadAttestation(&h, beside)
}

func (c *Case) loadAttestation(h *Holder, beside string) error {
	name := attestationName(h.Enrolment.Attesting)
	b, err := readFile(filepath.Join(beside, name), roster.MaxAttestation)
	if err != nil {
		return refuse("reading the attestation of %s's card", h.Name).because(err).do("bring the file that stood beside the enrolment")
	}
	if got := digest.Sum(b).String(); got != h.Enrolment.Attesting {
		return refuse("attestation of %s's card (%q) has digest %s, wanted %s", h.Name, name, got, h.Enrolment.Attesting)
	}
	if h.Evidence, err = hsm.ParseEvidence(b); err != nil {
		return refuse("attestation of %s's card", h.Name).because(err)
	}
	h.Raw[name] = b
	h.attested, h.attestErr = hsm.CheckAttestation(h.Evidence, c.roots(), h.Enrolment.Key.Public(), c.At)
	return nil
}

func (c *Case) loadOnline(context.Context) error {
	files := []*plan.OnlineKeys{&c.Plan.OnlineKeys}
	if c.Plan.StandbyKeys != nil {
		files = append(files, c.Plan.StandbyKeys)
	}
	for _, f := range files {
		if len(f.Keep) > 0 {
			if err := c.keepOnline(f); err != nil {
				return err
			}
			continue
		}
		b, err := c.input("online keys", f.File, f.SHA256.Digest)
		if err != nil {
			return err
		}
		o, err := handover.ParseOnlineKeys(b)
		if err != nil {
			return refuse("online keys %q", f.File).because(err)
		}
		for _, k := range o.Keys {
			c.Online = append(c.Online, Online{k, f.NotBefore.Time, f.Expires.Time, f == c.Plan.StandbyKeys, o.Repository})
		}
	}
	return nil
}

// keepOnline takes keys of the previous roster over, with a new window.
func (c *Case) keepOnline(f *plan.OnlineKeys) error {
	p := c.previous()
	if p == nil {
		return refuse("the plan keeps online keys, and there is no previous roster").do("name the file that the online signer handed over")
	}
	for _, id := range f.Keep {
		i := slices.IndexFunc(p.OnlineKeys, func(k roster.OnlineKey) bool { return k.Key.ID() == pgp.KeyID(id.Digest) })
		if i < 0 {
			return refuse("the plan keeps online key %s, which roster %d does not list", id, p.Version).do("correct the id, or name the file that the online signer handed over")
		}
		k := p.OnlineKeys[i]
		kept := handover.OnlineKey{Role: k.Role, Name: fmt.Sprintf("of roster %d", p.Version), Key: k.Key}
		c.Online = append(c.Online, Online{kept, f.NotBefore.Time, f.Expires.Time, f == c.Plan.StandbyKeys, c.Plan.Repository})
	}
	return nil
}

func (c *Case) loadChain(ctx context.Context) error {
	if c.Plan.Does(plan.Genesis) {
		return nil
	}
	folder, err := OpenFolder(c.path(c.Plan.Previous.Directory))
	if err != nil {
		return refuse("reading the rosters so far").because(err)
	}
	defer folder.Close()
	if c.Chain, err = Walk(ctx, folder.Fetch, c.Plan.Previous.Pin.Digest); err != nil {
		return err
	}
	c.Opened, err = c.Chain.opened(ctx, folder.Fetch)
	return err
}

func (c *Case) loadKept(context.Context) error {
	n := c.Plan.Anchor.New
	if n == nil {
		return nil
	}
	b, err := c.input("kept snapshot", n.KeptSnapshot, n.SHA256.Digest)
	if err != nil {
		return err
	}
	kept, err := handover.ParseKeptSnapshot(b)
	if err != nil {
		return refuse("kept snapshot %q", n.KeptSnapshot).because(err)
	}
	c.Kept = &kept
	return nil
}

// loadRevoke finds the keys that the plan revokes: by id among the rosters so
// far, or in a file.
func (c *Case) loadRevoke(context.Context) error {
	for _, r := range c.Plan.Revoke {
		key, err := c.revokedKey(r.Key)
		if err != nil {
			return err
		}
		c.Revoke = append(c.Revoke, roster.RevokedKey{Key: key, Reason: r.Reason, At: r.At.Time})
	}
	return nil
}

func (c *Case) revokedKey(name string) (roster.Key, error) {
	if id, err := digest.Parse(name); err == nil {
		if c.Chain != nil {
			keys := c.Chain.keys()
			if i := slices.IndexFunc(keys, func(k roster.Key) bool { return k.ID() == pgp.KeyID(id) }); i >= 0 {
				return keys[i], nil
			}
		}
		return roster.Key{}, refuse("no roster so far lists the key %s that the plan revokes", id).do("correct the id in the plan, or name a file with the key's certificate")
	}
	b, err := c.input("revoked key", name, digest.Digest{})
	if err != nil {
		return roster.Key{}, err
	}
	found, err := pgp.KeysIn(b)
	if err != nil || len(found) != 1 {
		return roster.Key{}, refuse("revoked key %q holds %d keys that Rootward accepts, wanted an OpenPGP certificate with one", name, len(found)).because(err)
	}
	return roster.Key{PublicKey: found[0].Key}, nil
}

// A Witness is one of the plan's, with the keys that their certificate holds.
type Witness struct {
	Name        string
	Certificate []byte           // the file; nil if the plan names none
	Keys        []*pgp.PublicKey // those in it that can sign
}

func (c *Case) loadWitnesses(context.Context) error {
	for _, w := range c.Plan.Roles.Witnesses {
		if w.Certificate == "" {
			c.Witnesses = append(c.Witnesses, Witness{Name: w.Name})
			continue
		}
		b, err := c.input("certificate of witness "+w.Name, w.Certificate, w.SHA256.Digest)
		if err != nil {
			return err
		}
		found, err := pgp.KeysIn(b)
		if err != nil {
			return refuse("certificate of witness %s (%q)", w.Name, w.Certificate).because(err).do("export it again, without secret keys: gpg --armor --export")
		}
		loaded := Witness{Name: w.Name, Certificate: b}
		for _, f := range found {
			loaded.Keys = append(loaded.Keys, f.Key)
		}
		c.Witnesses = append(c.Witnesses, loaded)
	}
	return nil
}
