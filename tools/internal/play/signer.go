package play

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/rootward/rootward/hsm/transit/custodian"
)

// StartVault starts a Vault server whose files are in a directory that is made.
// It waits for its custodians to initialise it.
func (s *Stage) StartVault(dir string) (*custodian.Server, *custodian.Custodian, error) {
	binary, err := custodian.Find()
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	log, err := os.Create(filepath.Join(dir, "vault.log"))
	if err != nil {
		return nil, nil, err
	}
	s.Later(func() { _ = log.Close() })
	server, err := custodian.Start(s.Ctx, custodian.Options{Binary: binary, Dir: dir, Persistent: true, Log: log})
	if err != nil {
		return nil, nil, fmt.Errorf("starting Vault: %w", err)
	}
	s.Later(server.Stop)
	keeper, err := custodian.New(server.URL(), server.CACert())
	return server, keeper, err
}

// A Signer is the online signer: its configuration, and its process.
type Signer struct {
	*Stage
	Repository string
	Pin        string // "" until there is a first roster
	Config     string // the file that [Signer.Configure] writes
	Publish    string // the web root
	Store      string
	Log        string
	Socket     string // short, because the kernel bounds the length of its path

	Vault                 string // URL
	RoleID, SecretID      string // files
	Countersign, Snapshot string // keys in Vault, at version 1

	Address string // that it listens on; chosen by Configure if ""
	Stop    func() // of the process that Serve started
}

// Configure writes the configuration.
func (o *Signer) Configure() error {
	if o.Address == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		o.Address = l.Addr().String()
		_ = l.Close()
	}
	pin := ""
	if o.Pin != "" {
		pin = "pin: " + o.Pin + "\n"
	}
	return o.Write(o.Config, fmt.Sprintf(`repository: %s
%slisten: %s
admin_socket: %s
publish: %s
store: %s
snapshot:
  interval: 1h
  lifetime: 12h
vault:
  address: %s
  mount: transit
  role_id_file: %s
  secret_id_file: %s
  countersign: {key: %s, version: 1}
  snapshot: {key: %s, version: 1}
`, o.Repository, pin, o.Address, o.Socket, o.Publish, o.Store, o.Vault, o.RoleID, o.SecretID, o.Countersign, o.Snapshot))
}

// Serve starts the signer and waits until it answers.
func (o *Signer) Serve() error {
	stop, err := o.Start(o.Log, "online-signer", "serve", "--config", o.Config)
	if err != nil {
		return err
	}
	o.Stop = stop
	return o.Until("the online signer", func() bool {
		answer, err := http.Get("http://" + o.Address + "/healthz")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode < 500
	})
}

// Operate runs an operator's command over the signer's socket.
func (o *Signer) Operate(args ...string) (string, error) {
	out, err := o.Run(Cmd{Program: "online-signer", Args: append(args, "--config", o.Config)})
	return strings.TrimSpace(out), err
}
