package ceremony

import (
	"context"
	"crypto/x509"
	"time"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// NewPlan writes the template of a plan for the acts. Where dir is not "", it
// holds the rosters so far, which are verified from the pin, and fills in what
// they say. The cards' serial numbers are those that the attestations beside the
// rosters claim; they prove nothing here, and the checks judge them later.
func NewPlan(ctx context.Context, acts []plan.Act, dir string, pin digest.Digest, at time.Time) ([]byte, error) {
	if err := plan.CheckActs(acts); err != nil {
		return nil, &plan.Error{Err: err}
	}
	known := plan.Known{Directory: dir, Pin: pin}
	if dir == "" {
		return plan.Template(acts, known)
	}
	folder, err := OpenFolder(dir)
	if err != nil {
		return nil, refuse("reading the rosters so far").because(err)
	}
	defer folder.Close()
	chain, err := Walk(ctx, folder.Fetch, pin)
	if err != nil {
		return nil, err
	}
	root := chain.Last().Root()
	known.Root, known.Cards = &root, make(map[string]uint32)
	for _, k := range root.Keyholders {
		if serial, ok := claimedSerial(ctx, folder, k, at); ok {
			known.Cards[k.Name] = serial
		}
	}
	return plan.Template(acts, known)
}

// claimedSerial reads the serial number in the attestation of a keyholder's
// card, taking the card's own word for who made it.
func claimedSerial(ctx context.Context, folder *Folder, k roster.Keyholder, at time.Time) (uint32, bool) {
	named, err := digest.Parse(k.Attestation)
	if err != nil {
		return 0, false
	}
	raw, err := folder.Fetch(ctx, roster.AttestationPath(named), roster.MaxAttestation)
	if err != nil || digest.Sum(raw) != named {
		return 0, false
	}
	evidence, err := hsm.ParseEvidence(raw)
	if err != nil {
		return 0, false
	}
	device, err := x509.ParseCertificate(evidence.Device)
	if err != nil {
		return 0, false
	}
	self := x509.NewCertPool()
	self.AddCert(device)
	a, err := hsm.CheckAttestation(evidence, self, k.Key.Public(), at)
	return a.Serial(), err == nil
}
