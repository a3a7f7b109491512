// Package custodian does what the key custodians of a Vault server do through
// its API, before an online signer can use it with package transit: initialise
// and unseal the server, make the keys, write the policies that confine the
// signer to them, issue its login, and give up the root token. It also starts
// and stops such a server.
//
// It is for tests, for the demo, and to be read beside the runbook. In
// production people do these steps, each with a share of the seal, and this
// package's habit of holding all shares in one process is what must not be.
package custodian

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"

	"github.com/hashicorp/vault/api"
)

// Shares are the shares of the key that unseals a server. They do not print.
type Shares []string

// String says how many there are, and nothing of what they are.
func (s Shares) String() string { return fmt.Sprintf("%d unseal shares, withheld", len(s)) }

// GoString is String, for %#v.
func (s Shares) GoString() string { return s.String() }

// LogValue is String, for slog.
func (s Shares) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON refuses: shares are never written.
func (s Shares) MarshalJSON() ([]byte, error) {
	return nil, errors.New("unseal shares are not written")
}

// A Custodian talks to one server. It holds the root token from [Custodian.Init],
// [Custodian.Root] or [Attach] until [Custodian.Resign].
type Custodian struct {
	client *api.Client
}

// New returns a custodian, without a token, of the server at addr. caCert is
// the PEM file that its certificate must lead to; it may be empty.
func New(addr, caCert string) (*Custodian, error) {
	conf := api.DefaultConfig()
	if conf.Error != nil {
		return nil, fmt.Errorf("reading the VAULT_ variables of the environment: %w", conf.Error)
	}
	conf.Address, conf.AgentAddress, conf.MaxRetries = addr, "", 0
	if caCert != "" {
		if err := conf.ConfigureTLS(&api.TLSConfig{CACert: caCert}); err != nil {
			return nil, fmt.Errorf("reading the authorities in %q: %w", caCert, err)
		}
	}
	client, err := api.NewClient(conf)
	if err != nil {
		return nil, fmt.Errorf("preparing for the server at %q: %w", addr, err)
	}
	client.ClearToken()
	return &Custodian{client: client}, nil
}

// Attach returns a custodian of a server that somebody else initialised and
// unsealed, such as a development server at VAULT_ADDR, with its root token.
func Attach(addr, caCert, rootToken string) (*Custodian, error) {
	c, err := New(addr, caCert)
	if err != nil {
		return nil, err
	}
	c.client.SetToken(rootToken)
	return c, nil
}

// Client returns the API client that the custodian uses, with whatever token it
// holds, for what this package has no method for.
func (c *Custodian) Client() *api.Client { return c.client }

// Init initialises a fresh server: its seal's key is split into shares, of
// which threshold unseal it. The custodian then holds the root token.
func (c *Custodian) Init(ctx context.Context, shares, threshold int) (Shares, error) {
	answer, err := c.client.Sys().InitWithContext(ctx, &api.InitRequest{SecretShares: shares, SecretThreshold: threshold})
	if err != nil {
		return nil, fmt.Errorf("initialising the server: %w", err)
	}
	c.client.SetToken(answer.RootToken)
	return answer.KeysB64, nil
}

// Unseal hands in shares until the server is unsealed.
func (c *Custodian) Unseal(ctx context.Context, shares Shares) error {
	for i, share := range shares {
		status, err := c.client.Sys().UnsealWithContext(ctx, share)
		if err != nil {
			return fmt.Errorf("unsealing with share %d of %d: %w", i+1, len(shares), err)
		}
		if !status.Sealed {
			return nil
		}
	}
	return fmt.Errorf("the server is still sealed after %d shares; bring more", len(shares))
}

// Seal seals the server: it forgets its keys until the next unsealing.
func (c *Custodian) Seal(ctx context.Context) error {
	if err := c.client.Sys().SealWithContext(ctx); err != nil {
		return fmt.Errorf("sealing the server: %w", err)
	}
	return nil
}

// Resign revokes the root token and forgets it. From then on nobody can change
// what was granted, until enough shares come together for [Custodian.Root].
func (c *Custodian) Resign(ctx context.Context) error {
	if c.client.Token() == "" {
		return errors.New("there is no root token to revoke")
	}
	if _, err := c.client.Logical().WriteWithContext(ctx, "auth/token/revoke-self", nil); err != nil {
		return fmt.Errorf("revoking the root token: %w", err)
	}
	c.client.ClearToken()
	return nil
}

// Root makes a new root token from the shares, for what needs one after
// [Custodian.Resign], such as new keys after a theft.
func (c *Custodian) Root(ctx context.Context, shares Shares) error {
	sys := c.client.Sys()
	status, err := sys.GenerateRootInitWithContext(ctx, "", "")
	if err != nil {
		return fmt.Errorf("asking for a root token: %w", err)
	}
	otp := status.OTP
	for i, share := range shares {
		if status, err = sys.GenerateRootUpdateWithContext(ctx, share, status.Nonce); err != nil {
			return errors.Join(fmt.Errorf("handing in share %d of %d for a root token: %w", i+1, len(shares), err),
				sys.GenerateRootCancelWithContext(ctx))
		}
		if status.Complete {
			break
		}
	}
	if !status.Complete {
		return errors.Join(fmt.Errorf("%d shares make no root token; %d are wanted", len(shares), status.Required),
			sys.GenerateRootCancelWithContext(ctx))
	}
	token, err := base64.RawStdEncoding.DecodeString(status.EncodedToken)
	if err != nil || len(token) != len(otp) {
		return errors.New("the new root token cannot be decoded with the one-time pad")
	}
	for i := range token {
		token[i] ^= otp[i]
	}
	c.client.SetToken(string(token))
	return nil
}
