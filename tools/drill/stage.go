package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rootward/rootward/hsm/transit/custodian"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/internal/vcard/room"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/tools/internal/play"
)

// repository is a rehearsal's, so that nothing that is made counts elsewhere.
const repository = "rehearsal.pypi.example"

// The package that people install.
const project = "sampleproject"

func wheelOf(version string) string { return project + "-" + version + "-py3-none-any.whl" }

// A vault is one of the two key servers.
type vault struct {
	server *custodian.Server
	keeper *custodian.Custodian
	shares custodian.Shares
	plan   custodian.Plan
	roleID string
}

// A stage is where the drill is played.
type stage struct {
	*play.Stage
	vaults  map[int]*vault // by the number of the pair of keys in it: 1, and 2 that stands by
	signers map[int]*play.Signer
	room    *room.Room
	in      map[int]bool // cards in readers
	pin     string
	program string // SHA-256 of the ceremony program
	web     string // URL of what the index publishes
	mirror  string // URL of the thief's
	wheel   string // the newest
	people  map[string]*person
	issued  time.Time // of the newest roster
}

func newStage(ctx context.Context) (*stage, error) {
	p, err := play.New(ctx, "drill", []string{"ceremony", "online-signer", "roster", "vcard"},
		[]string{"repository/revocations", "client", "ceremonies", "carried", "people", "work"})
	if err != nil {
		return nil, err
	}
	s := &stage{Stage: p, vaults: make(map[int]*vault), signers: make(map[int]*play.Signer), in: make(map[int]bool), people: make(map[string]*person)}
	b, err := os.ReadFile(filepath.Join(s.Bin, "ceremony"))
	s.program = play.SHA256(b)
	return s, err
}

// prepare makes the index: two ceremonies, a package whose maintainers have
// changed since the second, clients, an envelope, a backup.
func (s *stage) prepare() error {
	for _, step := range []func() error{
		func() error { return s.openVault(1) },
		func() error { return s.openVault(2) },
		s.openRoom, s.genesis, s.firstRelease, s.anchor, s.secondRelease, s.envelope, s.backup,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return s.steal()
}

// openVault starts a Vault server with a pair of online keys, and writes the
// configuration of a signer that uses it.
func (s *stage) openVault(pair int) error {
	v := &vault{}
	var err error
	if v.server, v.keeper, err = s.StartVault(s.Path("work", fmt.Sprintf("vault-%d", pair))); err != nil {
		return err
	}
	if v.shares, err = v.keeper.Init(s.Ctx, 3, 2); err != nil {
		return fmt.Errorf("initialising Vault: %w", err)
	}
	if err := v.keeper.Unseal(s.Ctx, v.shares); err != nil {
		return fmt.Errorf("unsealing Vault: %w", err)
	}
	name := func(role string) string { return fmt.Sprintf("%s-%d", role, pair) }
	v.plan = custodian.Plan{Role: "online-signer", TokenPeriod: 10 * time.Minute,
		Keys: []custodian.KeyPlan{{Name: name("countersign"), Type: "ecdsa-p384"}, {Name: name("snapshot"), Type: "ecdsa-p384"}}}
	if err := v.keeper.Provision(s.Ctx, v.plan); err != nil {
		return fmt.Errorf("making the online keys: %w", err)
	}
	s.vaults[pair] = v
	machine := fmt.Sprintf("signer-%d", pair)
	o := &play.Signer{Stage: s.Stage, Repository: repository, Config: s.Path("work", machine, "signer.yaml"), Publish: s.Path("repository"),
		Store: s.Path("work", machine, "signer.db"), Log: s.Path("work", machine, "log"), Socket: filepath.Join(s.Short, machine+".sock"),
		Vault: v.server.URL(), RoleID: s.Path("work", machine, "role-id"), SecretID: s.Path("work", machine, "secret-id"),
		Countersign: name("countersign"), Snapshot: name("snapshot")}
	s.signers[pair] = o
	if err := s.login(pair); err != nil {
		return err
	}
	if err := o.Configure(); err != nil {
		return err
	}
	if _, err := s.Run(play.Cmd{Program: "online-signer", Args: []string{"keys", "--config", o.Config, "--out", s.keysFile(pair)}}); err != nil {
		return err
	}
	return v.keeper.Resign(s.Ctx)
}

// login has the custodians give the signer a login.
func (s *stage) login(pair int) error {
	v, o := s.vaults[pair], s.signers[pair]
	if err := os.MkdirAll(filepath.Dir(o.SecretID), 0o700); err != nil {
		return err
	}
	var err error
	if v.roleID, err = v.keeper.Issue(s.Ctx, v.plan, o.SecretID); err != nil {
		return fmt.Errorf("issuing the signer's login: %w", err)
	}
	return s.Write(o.RoleID, v.roleID+"\n")
}

func (s *stage) keysFile(pair int) string {
	return s.Path("carried", fmt.Sprintf("online-keys-%d.json", pair))
}

// ids are the ids of a pair of online keys.
func (s *stage) ids(pair int) (countersign, snapshot string, err error) {
	b, err := os.ReadFile(s.keysFile(pair))
	if err != nil {
		return "", "", err
	}
	keys, err := handover.ParseOnlineKeys(b)
	if err != nil {
		return "", "", err
	}
	for _, k := range keys.Keys {
		if k.Role == roster.RoleCountersign {
			countersign = k.Key.ID().String()
		} else {
			snapshot = k.Key.ID().String()
		}
	}
	return countersign, snapshot, nil
}

// ceremony is a path in the folder of the ceremony of a roster.
func (s *stage) ceremony(version int, elem ...string) string {
	return s.Path(append([]string{"ceremonies", fmt.Sprint(version)}, elem...)...)
}

var blank = regexp.MustCompile(plan.Blank + `-([a-z0-9-]+)`)

// plan has the tool write the template of a plan, and fills it in.
func (s *stage) plan(version int, acts []string, values map[string]string, edit func(string) string) (string, error) {
	now := time.Now().UTC().Truncate(time.Second)
	if !now.After(s.issued) {
		now = s.issued.Add(time.Second)
	}
	s.issued = now
	file := s.ceremony(version, "plan.yaml")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", err
	}
	args := append([]string{"plan", "new", "--out", file + ".template"}, acts...)
	if version > 1 {
		args = append([]string{"plan", "new", "--out", file + ".template", "--previous", s.Path("repository"), "--pin", s.pin}, acts...)
	}
	if _, err := s.Run(play.Cmd{Program: "ceremony", Args: args}); err != nil {
		return "", err
	}
	b, err := os.ReadFile(file + ".template")
	if err != nil {
		return "", err
	}
	common := map[string]string{"name": fmt.Sprintf("drill-%d", version), "program": s.program, "administrator": "Grace", "issued": now.Format(time.RFC3339),
		"witness-1": "Heidi", "witness-2": "Ivan", "certificate-1": s.people["Heidi"].file, "certificate-2": s.people["Ivan"].file}
	text := blank.ReplaceAllStringFunc(string(b), func(found string) string {
		name := blank.FindStringSubmatch(found)[1]
		for _, m := range []map[string]string{values, common} {
			if v, ok := m[name]; ok {
				return v
			}
		}
		return found // the tool refuses a blank
	})
	text += "attestation_roots: [" + s.Path("ceremonies", "root.pem") + "]\n"
	text = strings.ReplaceAll(text, "enrolment: enrolments/", "enrolment: "+s.Path("ceremonies", "enrolments")+"/")
	if edit != nil {
		text = edit(text)
	}
	return file, s.Write(file, text)
}

// years is so many years from now.
func years(n int) string {
	return time.Now().UTC().AddDate(n, 0, 0).Truncate(time.Second).Format(time.RFC3339)
}

// genesis is roster 1, with the pair in use and the pair that stands by.
func (s *stage) genesis() error {
	for _, name := range []string{"Heidi", "Ivan", "Dora", "Erin"} {
		p, err := s.newPerson(name)
		if err != nil {
			return err
		}
		s.people[name] = p
	}
	from := time.Now().UTC().Add(-time.Hour).Truncate(time.Second).Format(time.RFC3339)
	values := map[string]string{"repository": repository, "expires": years(1), "online-file": s.keysFile(1), "online-from": from, "online-until": years(1)}
	for i, k := range keyholders {
		values[fmt.Sprintf("keyholder-%d", i+1)], values[fmt.Sprintf("keyholder-%d-card", i+1)] = k.name, fmt.Sprint(k.serial)
	}
	file, err := s.plan(1, []string{"genesis"}, values, func(p string) string {
		return p + fmt.Sprintf("standby_keys: {file: %s, not_before: %s, expires: %s}\n", s.keysFile(2), from, years(2))
	})
	if err != nil {
		return err
	}
	if _, err := s.conduct(file); err != nil {
		return err
	}
	b, err := os.ReadFile(s.ceremony(1, "published", "publish", "root", "1.json"))
	if err != nil {
		return err
	}
	s.pin = play.SHA256(b)
	for _, o := range s.signers {
		o.Pin = s.pin
		if err := o.Configure(); err != nil {
			return err
		}
	}
	if s.web, err = s.Host(s.Path("repository")); err != nil {
		return err
	}
	if err := s.signers[1].Serve(); err != nil {
		return err
	}
	_, err = s.signers[1].Operate("adopt", s.ceremony(1, "published", "publish"))
	return err
}

// anchor is roster 2, in which the package is established.
func (s *stage) anchor() error {
	if err := s.begin("alice"); err != nil {
		return err
	}
	kept, copied := s.Path("carried", "kept-snapshot.json"), s.Path("carried", "repository")
	if _, err := s.Run(play.Cmd{Program: "roster", Args: []string{"--state", s.state("alice"), "--url", s.web, "keep", "--out", kept}}); err != nil {
		return err
	}
	if err := play.CopyTree(s.Path("repository"), copied); err != nil {
		return err
	}
	file, err := s.plan(2, []string{"anchor"}, map[string]string{"kept-snapshot": kept, "public-copy": copied}, func(p string) string {
		return regexp.MustCompile(`waiting_period: \S+`).ReplaceAllString(p, "waiting_period: 0s") + "policy: {waiting_min: 0s}\n"
	})
	if err != nil {
		return err
	}
	if _, err := s.conduct(file); err != nil {
		return err
	}
	if _, err := s.signers[1].Operate("adopt", s.ceremony(2, "published", "publish")); err != nil {
		return err
	}
	return s.snapshot(1)
}

// snapshot has a signer publish a snapshot now.
func (s *stage) snapshot(pair int) error {
	_, err := s.signers[pair].Operate("snapshot")
	return err
}

// envelope puts the two revocations of the pair in use onto a medium, as
// runbooks/revocations.md has it.
func (s *stage) envelope() error {
	return play.CopyTree(s.ceremony(2, "published", "stop"), s.Path("envelope", "stop"))
}

// backup keeps the signer's store, as every night.
func (s *stage) backup() error {
	o := s.signers[1]
	o.Stop()
	if err := play.CopyFile(o.Store, s.Path("work", "backup.db")); err != nil {
		return err
	}
	return o.Serve()
}
