package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/signer/config"
)

const good = `repository: packages.example
pin: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
admin_socket: admin.sock
publish: www
store: store.db
snapshot: {interval: 2h, lifetime: 5h}
vault:
  address: http://127.0.0.1:1
  role_id_file: role-id
  secret_id_file: secret-id
  countersign: {key: a, version: 1}
  snapshot: {key: b, version: 1}
`

// write puts a configuration and its files into a directory of their own.
func write(t *testing.T, text, roleID string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"signer.yaml": text, "role-id": roleID, "secret-id": "secret\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "signer.yaml")
}

// What a good configuration says is what comes back; relative paths are
// relative to the file.
func TestLoad(t *testing.T) {
	path := write(t, good, " role\n")
	c, err := config.Load(path, config.ToServe)
	if err != nil {
		t.Fatal(err)
	}
	if c.Repository != "packages.example" || c.Interval != 2*time.Hour || c.Lifetime != 5*time.Hour || c.Listen != config.DefaultListen {
		t.Errorf("loaded %+v", c)
	}
	if want := filepath.Join(filepath.Dir(path), "www"); c.Publish != want {
		t.Errorf("publish is %q, wanted %q", c.Publish, want)
	}
	if c.Vault.RoleID != "role" {
		t.Errorf("the role id is %q, wanted it without white space", c.Vault.RoleID)
	}
	if _, err := config.Load(write(t, strings.ReplaceAll(good, "snapshot: {interval: 2h, lifetime: 5h}\n", ""), "role"), config.ToServe); err != nil {
		t.Errorf("without intervals a configuration is refused: %v", err)
	}
}

// Each rule, broken alone.
func TestConfigurationsThatAreRefused(t *testing.T) {
	for _, c := range []struct{ name, old, new, words string }{
		{"a second document", "  snapshot: {key: b, version: 1}\n", "  snapshot: {key: b, version: 1}\n---\nrepository: other.example\n", "second document"},
		{"an unknown field", "store: store.db\n", "store: store.db\nsecret_id: x\n", "not found"},
		{"a repository that is none", "packages.example", "Packages.Example", "repository"},
		{"no pin", "pin: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n", "", "pin is missing"},
		{"a short pin", "f00a08", "", "pin: "},
		{"listen without a port", "store: store.db\n", "store: store.db\nlisten: 127.0.0.1\n", "wanted host:port"},
		{"no directory to publish in", "publish: www\n", "", "publish is missing"},
		{"no socket", "admin_socket: admin.sock\n", "", "admin_socket is missing"},
		{"no store", "store: store.db\n", "", "store is missing"},
		{"an interval that is none", "interval: 2h", "interval: soon", "snapshot.interval"},
		{"an interval of nothing", "interval: 2h", "interval: 999ms", "snapshot.interval"},
		{"a lifetime of less than nothing", "lifetime: 5h", "lifetime: -5h", "snapshot.lifetime"},
		{"a lifetime as long as the interval", "lifetime: 5h", "lifetime: 2h", "wanted the lifetime above"},
		{"a key without a version", "{key: b, version: 1}", "{key: b}", "vault.snapshot names key"},
		{"a key without a name", "{key: a, version: 1}", "{version: 1}", "vault.countersign names key"},
		{"one key for both", "{key: b, version: 1}", "{key: a, version: 1}", "are one key, wanted two"},
		{"no server", "  address: http://127.0.0.1:1\n", "", "vault.address is missing"},
		{"no role id file", "  role_id_file: role-id\n", "", "vault.role_id_file is missing"},
		{"a role id file that is not there", "role_id_file: role-id", "role_id_file: nowhere", "vault.role_id_file: "},
		{"a secret id file that is not there", "secret_id_file: secret-id", "secret_id_file: nowhere", "vault.secret_id_file: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(good, c.old, c.new, 1)
			if text == good {
				t.Fatalf("the configuration has no %q to change", c.old)
			}
			if _, err := config.Load(write(t, text, "role"), config.ToServe); err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("loading gives %v, wanted a refusal with the words %q", err, c.words)
			}
		})
	}
	if _, err := config.Load(write(t, good, " \n"), config.ToServe); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("an empty role id gives %v, wanted a refusal", err)
	}
	if _, err := config.Load(write(t, good+strings.Repeat("#", 1<<20), "role"), config.ToServe); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("a file of a megabyte gives %v, wanted a refusal", err)
	}
}

// Who does not serve needs less: no pin to read the keys, no login to operate.
func TestPurposes(t *testing.T) {
	noPin := strings.Replace(good, "pin: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n", "", 1)
	noLogin := strings.NewReplacer("  role_id_file: role-id\n", "", "  secret_id_file: secret-id\n", "").Replace(noPin)
	for _, c := range []struct {
		name string
		why  config.Purpose
		text string
		good bool
	}{
		{"serve without a pin", config.ToServe, noPin, false},
		{"read keys without a pin", config.ToReadKeys, noPin, true},
		{"read keys without a login", config.ToReadKeys, noLogin, false},
		{"operate without both", config.ToOperate, noLogin, true},
	} {
		if _, err := config.Load(write(t, c.text, "role"), c.why); (err == nil) != c.good {
			t.Errorf("%s: loading gives %v, wanted success to be %v", c.name, err, c.good)
		}
	}
}
