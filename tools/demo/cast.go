package main

import (
	"time"

	"github.com/rootward/rootward/hsm/transit/custodian"
	"github.com/rootward/rootward/internal/vcard/room"
	"github.com/rootward/rootward/tools/internal/play"
)

// repository is the demo's index: a rehearsal's, so that no client takes its
// documents for another's.
const repository = "rehearsal.pypi.example"

// The package that two maintainers claim.
const project = "sampleproject"

// wheelOf names the wheel of a version.
func wheelOf(version string) string { return project + "-" + version + "-py3-none-any.whl" }

// A person of the demo who holds a card. The secrets are a rehearsal's.
type keyholder struct {
	name     string
	serial   uint32
	pin, puk string
}

var keyholders = []keyholder{
	{"Alice", 21000001, "482915", "70318264"},
	{"Bob", 21000002, "930472", "55920713"},
	{"Carol", 21000003, "617308", "28460159"},
}

// cast is who and what the acts share.
type cast struct {
	vault    *custodian.Server
	keeper   *custodian.Custodian
	shares   custodian.Shares
	vaultURL string
	lent     bool           // Vault was there before, at VAULT_ADDR
	plan     custodian.Plan // of the current online keys
	round    int            // 1 until the theft, 2 afterwards
	roleID   string
	cards    *room.Room
	online   play.Signer
	web      string // URL of the published repository
	mirror   string // URL of the thief's web root
	wheel    string // the newest release
	pin      string // digest of the first roster
	began    time.Time

	gpgUsers  []string
	snapshots map[string]string // name of a moment -> snapshot version
}
