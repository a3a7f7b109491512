package status

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// A Proof says how much of what is known about a card was proven.
type Proof string

// The proofs.
const (
	Attested   Proof = "attested"   // by a card of one of the makers whose roots were given
	Claimed    Proof = "claimed"    // by a card whose maker is unknown here, as in a rehearsal: its own word
	Unattested Proof = "none"       // the roster names no attestation
	Missing    Proof = "missing"    // the attestation that the roster names is not beside it
	Mismatched Proof = "mismatched" // what is beside it is another file, or says nothing about this key
)

// A Card is what is known of a keyholder's card. Serial, Firmware and
// Advisories are there where it is attested or claimed.
type Card struct {
	Holder     string
	Proof      Proof
	Serial     uint32
	Firmware   hsm.Firmware
	Algorithm  hsm.Algorithm
	Advisories []hsm.Advisory
	// Version is the first roster of the walk that lists the key, and Since
	// is when it was issued: the firmware is at least that old.
	Version uint64
	Since   time.Time
}

func (c Card) tells() bool { return c.Proof == Attested || c.Proof == Claimed }

// Known gives the weaknesses known of a firmware, as [hsm.Advisories] does.
type Known func(hsm.Firmware, hsm.Algorithm) []hsm.Advisory

// ReadCards reads the attestations of the newest roster's keyholders, in the
// roster's order, from where the rosters stand, and judges them at the time at.
// The error is that of fetch, where that is not [roster.ErrAbsent].
func ReadCards(ctx context.Context, rosters []*roster.Roster, fetch roster.Fetch, roots *x509.CertPool, known Known, at time.Time) ([]Card, error) {
	var cards []Card
	for _, k := range newest(rosters).Root().Keyholders {
		c := Card{Holder: k.Name}
		c.Version, c.Since = firstListed(rosters, k.Key)
		if a, err := hsm.AlgorithmOf(k.Key.Public()); err == nil {
			c.Algorithm = a
		}
		var evidence hsm.Evidence
		var err error
		if c.Proof, evidence, err = readEvidence(ctx, k, fetch); err != nil {
			return nil, err
		}
		if c.Proof == Attested {
			c.judge(evidence, roots, k.Key.Public(), at)
		}
		if c.tells() {
			c.Advisories = known(c.Firmware, c.Algorithm)
		}
		cards = append(cards, c)
	}
	return cards, nil
}

// readEvidence reads a card's evidence. The proof is Attested where it is the
// file that the roster names, and then yet to be judged.
func readEvidence(ctx context.Context, k roster.Keyholder, fetch roster.Fetch) (Proof, hsm.Evidence, error) {
	if k.Attestation == roster.NoAttestation {
		return Unattested, hsm.Evidence{}, nil
	}
	named, err := digest.Parse(k.Attestation)
	if err != nil {
		return Mismatched, hsm.Evidence{}, nil
	}
	raw, err := fetch(ctx, roster.AttestationPath(named), roster.MaxAttestation)
	if errors.Is(err, roster.ErrAbsent) {
		return Missing, hsm.Evidence{}, nil
	}
	if err != nil {
		return "", hsm.Evidence{}, err
	}
	evidence, err := hsm.ParseEvidence(raw)
	if err != nil || digest.Sum(raw) != named {
		return Mismatched, hsm.Evidence{}, nil
	}
	return Attested, evidence, nil
}

// judge fills in what the evidence proves, or says.
func (c *Card) judge(evidence hsm.Evidence, roots *x509.CertPool, key crypto.PublicKey, at time.Time) {
	a, err := hsm.CheckAttestation(evidence, roots, key, at)
	if err != nil {
		c.Proof = Claimed
		device, parseErr := x509.ParseCertificate(evidence.Device)
		if parseErr != nil {
			c.Proof = Mismatched
			return
		}
		own := x509.NewCertPool()
		own.AddCert(device)
		if a, err = hsm.CheckAttestation(evidence, own, key, at); err != nil {
			c.Proof = Mismatched
			return
		}
	}
	c.Serial, c.Firmware = a.Serial(), a.Firmware()
}

func newest(rosters []*roster.Roster) *roster.Roster { return rosters[len(rosters)-1] }

// firstListed finds since when the key has been a keyholder's without a break.
func firstListed(rosters []*roster.Roster, key roster.Key) (version uint64, since time.Time) {
	for _, r := range slices.Backward(rosters) {
		root := r.Root()
		if !slices.ContainsFunc(root.Keyholders, func(k roster.Keyholder) bool { return k.Key.ID() == key.ID() }) {
			break
		}
		version, since = root.Version, root.Issued.Time
	}
	return version, since
}

// Opened returns the newest roster's online keys whose sealed revocation stands
// beside the rosters and is valid under one of them. One that is not valid is
// passed over, as clients do.
func Opened(ctx context.Context, rosters []*roster.Roster, fetch roster.Fetch) (map[pgp.KeyID]bool, error) {
	opened := make(map[pgp.KeyID]bool)
	for _, k := range newest(rosters).Root().OnlineKeys {
		id := k.Key.ID()
		s, err := roster.FetchSigned(ctx, roster.RevocationPath(id), roster.MaxRevocation, fetch)
		if errors.Is(err, roster.ErrAbsent) {
			continue
		}
		if err != nil {
			return nil, err
		}
		opened[id] = slices.ContainsFunc(rosters, func(r *roster.Roster) bool {
			_, err := r.OpenRevocation(s, id)
			return err == nil
		})
	}
	return opened, nil
}
