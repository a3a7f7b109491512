package custodian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/rootward/rootward/hsm/transit"
)

// A KeyPlan is one key of a Plan.
type KeyPlan struct {
	Name string // in the transit engine
	Type string // ecdsa-p256, ecdsa-p384, rsa-3072 or rsa-4096
}

// A Plan is what a signer gets: the keys, made at version 1, and the AppRole
// that may sign with them.
type Plan struct {
	Mount string // of the transit engine; "transit" if empty
	Auth  string // of the AppRole method; "approle" if empty
	Keys  []KeyPlan
	Role  string // the AppRole
	// TokenPeriod is how long the signer's token lives unless renewed, in
	// whole seconds; 10 minutes if 0.
	TokenPeriod time.Duration
	// CIDRs are the only networks from which the signer may log in and use
	// its token; any if empty.
	CIDRs []string
	// AuditFile is an absolute path, as the server sees it, for an audit
	// device; none if empty.
	AuditFile string
}

// complete fills in what p leaves open.
func (p Plan) complete() (Plan, error) {
	if p.Mount == "" {
		p.Mount = "transit"
	}
	if p.Auth == "" {
		p.Auth = "approle"
	}
	if p.TokenPeriod == 0 {
		p.TokenPeriod = 10 * time.Minute
	}
	if p.TokenPeriod < time.Second || p.TokenPeriod%time.Second != 0 {
		return p, fmt.Errorf("the token period is %v; whole seconds are wanted", p.TokenPeriod)
	}
	if p.Role == "" || len(p.Keys) == 0 {
		return p, errors.New("a role and at least one key are wanted")
	}
	return p, nil
}

// Provision carries p out: it mounts transit and AppRole where they are not
// yet, makes the keys, writes a policy for each (see [transit.Policy]) and the
// role that has these policies and no other. A role of this name loses what it
// had before; tokens issued under it keep it until [Custodian.Evict].
func (c *Custodian) Provision(ctx context.Context, p Plan) error {
	p, err := p.complete()
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	if err := c.mount(ctx, p); err != nil {
		return err
	}
	var policies []string
	for _, k := range p.Keys {
		if err := c.makeKey(ctx, p.Mount, k); err != nil {
			return err
		}
		text, err := transit.Policy(p.Mount, k.Name, 1)
		if err != nil {
			return err
		}
		name := "sign-" + p.Mount + "-" + k.Name
		if err := c.client.Sys().PutPolicyWithContext(ctx, name, text); err != nil {
			return fmt.Errorf("writing policy %q: %w", name, err)
		}
		policies = append(policies, name)
	}
	role := map[string]any{
		"token_policies":          policies,
		"token_no_default_policy": true,
		"token_period":            int(p.TokenPeriod / time.Second),
		"token_type":              "service",
		"token_bound_cidrs":       p.CIDRs,
		"secret_id_bound_cidrs":   p.CIDRs,
		"secret_id_num_uses":      0,
		"secret_id_ttl":           0,
	}
	return c.write(ctx, "auth/"+p.Auth+"/role/"+p.Role, role)
}

// mount enables what is not enabled yet.
func (c *Custodian) mount(ctx context.Context, p Plan) error {
	sys := c.client.Sys()
	mounts, err := sys.ListMountsWithContext(ctx)
	if err != nil {
		return fmt.Errorf("listing the mounts: %w", err)
	}
	if m := mounts[p.Mount+"/"]; m == nil {
		err = sys.MountWithContext(ctx, p.Mount, &api.MountInput{Type: "transit"})
	} else if m.Type != "transit" {
		err = fmt.Errorf("a %q engine is there already", m.Type)
	}
	if err != nil {
		return fmt.Errorf("mounting transit at %q: %w", p.Mount, err)
	}
	auths, err := sys.ListAuthWithContext(ctx)
	if err != nil {
		return fmt.Errorf("listing the login methods: %w", err)
	}
	if a := auths[p.Auth+"/"]; a == nil {
		err = sys.EnableAuthWithOptionsWithContext(ctx, p.Auth, &api.EnableAuthOptions{Type: "approle"})
	} else if a.Type != "approle" {
		err = fmt.Errorf("a %q method is there already", a.Type)
	}
	if err != nil {
		return fmt.Errorf("enabling AppRole at %q: %w", p.Auth, err)
	}
	return c.audit(ctx, p.AuditFile)
}

// audit enables a file audit device, unless file is empty or there is one.
func (c *Custodian) audit(ctx context.Context, file string) error {
	if file == "" {
		return nil
	}
	devices, err := c.client.Sys().ListAuditWithContext(ctx)
	if err != nil {
		return fmt.Errorf("listing the audit devices: %w", err)
	}
	if devices["rootward/"] != nil {
		return nil
	}
	err = c.client.Sys().EnableAuditWithOptionsWithContext(ctx, "rootward", &api.EnableAuditOptions{
		Type: "file", Options: map[string]string{"file_path": file, "mode": "0600"},
	})
	if err != nil {
		return fmt.Errorf("auditing to %q: %w", file, err)
	}
	return nil
}

// makeKey makes a key that cannot leave the server. Vault says yes to a name
// that exists, whatever its type, so the signer's own check ([transit.Vault.Key])
// is what counts; makeKey looks at the type only.
func (c *Custodian) makeKey(ctx context.Context, mount string, k KeyPlan) error {
	path := mount + "/keys/" + k.Name
	err := c.write(ctx, path, map[string]any{
		"type": k.Type, "exportable": false, "allow_plaintext_backup": false, "auto_rotate_period": 0,
	})
	if err != nil {
		return err
	}
	answer, err := c.client.Logical().ReadWithContext(ctx, path)
	if err != nil {
		return fmt.Errorf("reading %q: %w", path, err)
	}
	if answer == nil || answer.Data["type"] != k.Type {
		return fmt.Errorf("key %q exists with another type than %q; choose a new name", k.Name, k.Type)
	}
	return nil
}

// Issue issues the role's login: it returns the role id and writes a new
// secret id to file, mode 0600, whole or not at all. Secret ids that were
// issued before stay valid until [Custodian.Evict].
func (c *Custodian) Issue(ctx context.Context, p Plan, file string) (roleID string, err error) {
	p, err = p.complete()
	if err != nil {
		return "", fmt.Errorf("reading the plan: %w", err)
	}
	path := "auth/" + p.Auth + "/role/" + p.Role
	answer, err := c.client.Logical().ReadWithContext(ctx, path+"/role-id")
	if err != nil {
		return "", fmt.Errorf("reading the role id: %w", err)
	}
	if answer == nil {
		return "", fmt.Errorf("there is no role %q; carry out the plan first", p.Role)
	}
	roleID, _ = answer.Data["role_id"].(string)
	answer, err = c.client.Logical().WriteWithContext(ctx, path+"/secret-id", nil)
	if err != nil {
		return "", fmt.Errorf("issuing a secret id: %w", err)
	}
	secret, _ := answer.Data["secret_id"].(string)
	if roleID == "" || secret == "" {
		return "", fmt.Errorf("the server gave no role id or no secret id for role %q", p.Role)
	}
	return roleID, writeSecret(file, secret)
}

// Evict takes the role's login away, as after a theft: the role with all its
// secret ids, and every token of the AppRole method, whoever holds it. The
// keys stay; [Custodian.Provision] and [Custodian.Issue] let a new signer in.
func (c *Custodian) Evict(ctx context.Context, p Plan) error {
	p, err := p.complete()
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	if _, err := c.client.Logical().DeleteWithContext(ctx, "auth/"+p.Auth+"/role/"+p.Role); err != nil {
		return fmt.Errorf("deleting role %q: %w", p.Role, err)
	}
	return c.RevokeTokens(ctx, p)
}

// RevokeTokens revokes every token of the plan's AppRole method. Its secret
// ids stay valid, so a signer logs in again.
func (c *Custodian) RevokeTokens(ctx context.Context, p Plan) error {
	p, err := p.complete()
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	// sync: an asynchronous revocation answers before it is done.
	path := "sys/leases/revoke-prefix/auth/" + p.Auth + "/login"
	return c.write(ctx, path, map[string]any{"sync": true})
}

// write writes to a path and drops the answer.
func (c *Custodian) write(ctx context.Context, path string, data map[string]any) error {
	if _, err := c.client.Logical().WriteWithContext(ctx, path, data); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}

// writeSecret replaces file by one with this secret.
func writeSecret(file, secret string) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".secret-*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing the secret id: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(secret + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("writing the secret id: %w", err)
	}
	return nil
}
