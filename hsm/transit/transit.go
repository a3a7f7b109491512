// Package transit signs with keys that live in the transit engine of a Vault
// server, and is the only package that knows Vault.
//
// A [Vault] is one AppRole login, kept alive by [Vault.Run]. A [Key] is one
// version of one transit key, as a [crypto.Signer]; its private half never
// leaves the server. What the login may do is the text of [Policy]: sign with
// one version of a key, and read its public half.
//
// It is tested against Vault 1.13.1. It sends only AppRole logins, renewals,
// look-ups and revocations of its own token, transit/sign, reads of
// transit/keys, and sys/health: paths that later versions of Vault and OpenBao 2
// document as well, with which it was not run.
// It takes no token, address or proxy from the environment and follows no
// redirect.
//
// A policy cannot see what is signed: whoever holds the login can sign
// anything with its keys. The caller must check before it asks.
//
// # Errors
//
// A caller branches on [*UnavailableError] (try again later), [*DeniedError]
// (a custodian must act) and [*KeyError] (the key is not the one wanted). No
// error and no log line holds a token, a secret id or a role id.
package transit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

// What a Config leaves open.
const (
	DefaultTimeout = 5 * time.Second  // for one request
	DefaultPoll    = 10 * time.Second // between two looks at the server's health
)

// A Config says where the server is and who logs in.
type Config struct {
	// Address is the server's URL, such as https://vault.example:8200. Plain
	// http is accepted for loopback addresses only.
	Address string
	// Mount is where the transit engine is mounted; "transit" if empty.
	Mount string
	// Auth is where the AppRole method is mounted; "approle" if empty.
	Auth string
	// RoleID names the AppRole. It is no secret, but it is not logged either.
	RoleID string
	// SecretID returns the role's secret id. It is called at each login, so
	// that a custodian can replace it while the signer runs. See
	// [SecretIDFile].
	SecretID func(context.Context) (string, error)
	// CACert is the PEM file of the authorities that the server's certificate
	// must lead to. If empty, the system's are used.
	CACert string
	// ServerName is the name that the certificate must bear, if it is not the
	// one in Address.
	ServerName string
	// Timeout bounds each request; DefaultTimeout if 0.
	Timeout time.Duration
	// Poll is how often Run looks at the server's health between renewals, and
	// the longest that it waits between two tries; DefaultPoll if 0.
	Poll time.Duration
}

// A Vault is a login to a Vault server. It is for any number of goroutines.
type Vault struct {
	cfg    Config
	client *api.Client // never holds a token; clones do
	log    *slog.Logger

	logins  chan struct{} // holds one value; whoever takes it may log in
	changed chan struct{} // tells Run that the token or the state is new

	mu    sync.Mutex // guards what follows
	lease lease
	state string // the last state that was logged
}

// Open logs in and returns the login. It does not keep it alive: see [Vault.Run].
//
// The error is an [*UnavailableError] if the server is sealed or away, and a
// [*DeniedError] if it does not accept the role id and secret id, or gives a
// token that this package will not hold (a root token, or one that never
// ends). Any other error is a fault of cfg or of cfg.SecretID.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*Vault, error) {
	v, err := New(cfg, log)
	if err != nil {
		return nil, err
	}
	if err := v.login(ctx, lease{}); err != nil {
		return nil, err
	}
	return v, nil
}

// New checks cfg and returns a Vault that has not logged in: [Vault.Run], or
// the first use, does that. With it a service can start before its Vault does.
func New(cfg Config, log *slog.Logger) (*Vault, error) {
	if log == nil {
		return nil, errors.New("a log is wanted")
	}
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("reading the configuration of Vault: %w", err)
	}
	client, err := newClient(cfg)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of Vault: %w", err)
	}
	v := &Vault{
		cfg:     cfg,
		client:  client,
		log:     log.With("vault", cfg.Address),
		logins:  make(chan struct{}, 1),
		changed: make(chan struct{}, 1),
	}
	v.logins <- struct{}{}
	return v, nil
}

// complete fills in what c leaves open and refuses what cannot work.
func (c *Config) complete() error {
	if c.Mount == "" {
		c.Mount = "transit"
	}
	if c.Auth == "" {
		c.Auth = "approle"
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Poll == 0 {
		c.Poll = DefaultPoll
	}
	if c.Timeout < 0 || c.Poll < 0 {
		return fmt.Errorf("timeout %v and poll %v must be above 0", c.Timeout, c.Poll)
	}
	for _, m := range []string{c.Mount, c.Auth} {
		if err := checkMount(m); err != nil {
			return err
		}
	}
	if c.RoleID == "" {
		return errors.New("a role id is wanted")
	}
	if c.SecretID == nil {
		return errors.New("a source of the secret id is wanted")
	}
	return checkAddress(c.Address)
}

// checkAddress accepts https anywhere and http on a loopback address. It does
// not repeat an address that holds a password.
func checkAddress(addr string) error {
	u, err := url.Parse(addr)
	if err != nil {
		return errors.New("the address is not a URL")
	}
	switch {
	case u.User != nil:
		return errors.New("the address must not hold a user or password")
	case u.Host == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("address %q is not of the form https://host:port", addr)
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fmt.Errorf("address %q has scheme %q; https is wanted", addr, u.Scheme)
	case u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback():
		return fmt.Errorf("address %q is plain http to another machine; use https", addr)
	}
	return nil
}

// newClient makes an API client that takes nothing from the environment.
func newClient(cfg Config) (*api.Client, error) {
	conf := api.DefaultConfig()
	if conf.Error != nil {
		return nil, fmt.Errorf("a VAULT_ variable of the environment is malformed; unset it (%w)", conf.Error)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.MaxIdleConnsPerHost = 8
	own := &api.Config{
		Address:          cfg.Address,
		HttpClient:       &http.Client{Transport: transport, CheckRedirect: conf.HttpClient.CheckRedirect},
		Timeout:          cfg.Timeout,
		MinRetryWait:     50 * time.Millisecond,
		MaxRetryWait:     100 * time.Millisecond,
		MaxRetries:       1,
		DisableRedirects: true,
		// An answer is an answer; only a connection that broke is tried once
		// more, since the server may have closed it while it was idle.
		CheckRetry: func(ctx context.Context, _ *http.Response, err error) (bool, error) {
			return err != nil && ctx.Err() == nil, nil
		},
	}
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cfg.ServerName}
	if cfg.CACert != "" {
		if err := own.ConfigureTLS(&api.TLSConfig{CACert: cfg.CACert}); err != nil {
			return nil, fmt.Errorf("reading the authorities in %q: %w", cfg.CACert, err)
		}
	}
	client, err := api.NewClient(own)
	if err != nil {
		return nil, err
	}
	client.ClearToken()     // NewClient takes VAULT_TOKEN,
	client.ClearNamespace() // VAULT_NAMESPACE
	client.SetHeaders(http.Header{api.RequestHeaderName: []string{"true"}})
	return client, nil
}

// with returns a client that sends token.
func (v *Vault) with(token string) (*api.Client, error) {
	c, err := v.client.Clone()
	if err != nil {
		return nil, fmt.Errorf("preparing a request to Vault: %w", err)
	}
	c.SetHeaders(http.Header{api.RequestHeaderName: []string{"true"}})
	c.SetToken(token)
	return c, nil
}

// Health asks whether the server is unsealed and answers; it needs no login.
// It does not say whether the login or a key works. The error is an
// [*UnavailableError].
func (v *Vault) Health(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, v.cfg.Timeout)
	defer cancel()
	h, err := v.client.Sys().HealthWithContext(ctx)
	switch {
	case err != nil:
		err = v.sort(ctx, "asking for the health", err)
	case !h.Initialized:
		err = &UnavailableError{Op: "asking for the health", Reason: "not initialised"}
	case h.Sealed:
		err = &UnavailableError{Op: "asking for the health", Reason: "sealed", Sealed: true}
	}
	if err != nil { // that it answers is not yet that the login works
		v.note(err)
	}
	return err
}

// checkMount accepts a mount path: names separated by slashes.
func checkMount(path string) error {
	for _, name := range strings.Split(path, "/") {
		if err := checkName(name); err != nil {
			return fmt.Errorf("mount path %q: %w", path, err)
		}
	}
	return nil
}

// checkName accepts the names that this package puts into request paths and
// policies: 1 to 64 of a-z A-Z 0-9 . _ -, and no dot in front. So a name can
// be no other path, no glob and no template.
func checkName(name string) error {
	if name == "" || len(name) > 64 || name[0] == '.' {
		return fmt.Errorf("name %q must have 1 to 64 letters and not begin with a dot", clip(name))
	}
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
		default:
			return fmt.Errorf("name %q holds %q; only a-z A-Z 0-9 . _ - are taken", name, r)
		}
	}
	return nil
}
