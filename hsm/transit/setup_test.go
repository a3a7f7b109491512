package transit_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/rootward/rootward/hsm/transit"
	"github.com/rootward/rootward/hsm/transit/custodian"
)

// A rig is a real server with its custodian, who still holds the root token.
type rig struct {
	*custodian.Custodian
	server *custodian.Server
	shares custodian.Shares
	plan   custodian.Plan
	roleID string
	secret string // the file
	log    *record
}

// A record collects the log.
type record struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// The keys of every rig, and their types.
var keys = []custodian.KeyPlan{
	{Name: "countersign", Type: "ecdsa-p384"},
	{Name: "snapshot", Type: "ecdsa-p256"},
}

// What a test may ask for besides, since they take the server seconds to make.
var rsaKeys = []custodian.KeyPlan{
	{Name: "rsa3", Type: "rsa-3072"},
	{Name: "rsa4", Type: "rsa-4096"},
}

// newRig starts, initialises and unseals a server and carries out a plan with
// keys and more. The test is skipped if there is no server, and fails under
// CI=true.
func newRig(t *testing.T, period time.Duration, o custodian.Options, more ...custodian.KeyPlan) *rig {
	t.Helper()
	binary, err := custodian.Find()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if o.TLS && !strings.HasPrefix(filepath.Base(binary), "devvault") {
		t.Skipf("%s is not devvault, the only one that is started with TLS", binary)
	}
	ctx := t.Context()
	o.Binary, o.Dir = binary, t.TempDir()
	server, err := custodian.Start(context.WithoutCancel(ctx), o)
	must(t, err)
	t.Cleanup(server.Stop)
	r := &rig{server: server, secret: filepath.Join(o.Dir, "secret-id"), log: new(record)}
	r.plan = custodian.Plan{Keys: slices.Concat(keys, more), Role: "online-signer", TokenPeriod: period, CIDRs: []string{"127.0.0.1/32"}}
	r.Custodian, err = custodian.New(server.URL(), server.CACert())
	must(t, err)
	r.shares, err = r.Init(ctx, 3, 2)
	must(t, err)
	must(t, r.Unseal(ctx, r.shares))
	must(t, r.Provision(ctx, r.plan))
	r.roleID, err = r.Issue(ctx, r.plan, r.secret)
	must(t, err)
	return r
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

// String returns the log so far.
func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// config is the signer's configuration.
func (r *rig) config() transit.Config {
	return transit.Config{
		Address: r.server.URL(), CACert: r.server.CACert(),
		RoleID: r.roleID, SecretID: transit.SecretIDFile(r.secret),
		Timeout: 3 * time.Second, Poll: 200 * time.Millisecond,
	}
}

// open logs the signer in.
func (r *rig) open(t *testing.T) *transit.Vault {
	t.Helper()
	v, err := transit.Open(t.Context(), r.config(), r.logger())
	must(t, err)
	return v
}

func (r *rig) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// run keeps v alive in the background until the test ends.
func run(t *testing.T, v *transit.Vault) {
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run ended with %v; nil is promised", err)
		}
	})
}

// key opens a key at version 1.
func key(t *testing.T, v *transit.Vault, name string) *transit.Key {
	t.Helper()
	k, err := v.Key(t.Context(), name, 1)
	must(t, err)
	return k
}

// within repeats ok until it holds, and fails the test after limit.
func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(limit)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within %v: %s", limit, what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// raw logs in as the signer does, but without its manners: a thief with its
// role id and secret id.
func (r *rig) raw(t *testing.T) *api.Client {
	t.Helper()
	c, err := r.Client().Clone()
	must(t, err)
	answer, err := c.Logical().WriteWithContext(t.Context(), "auth/approle/login",
		map[string]any{"role_id": r.roleID, "secret_id": r.secretText(t)})
	must(t, err)
	c.SetToken(answer.Auth.ClientToken)
	return c
}

// as the custodian, write to a path of the API.
func (r *rig) write(t *testing.T, path string, data map[string]any) {
	t.Helper()
	_, err := r.Client().Logical().WriteWithContext(t.Context(), path, data)
	must(t, err)
}

// secretText is the secret id.
func (r *rig) secretText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(r.secret)
	must(t, err)
	return strings.TrimSpace(string(text))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
