// Package vaultkeys gives the online signer its keys: two versions of keys in
// Vault's transit engine, as OpenPGP keys.
package vaultkeys

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/rootward/rootward/hsm/transit"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/roster"
)

// A Name is a version of a key in the transit engine.
type Name struct {
	Key     string
	Version int
}

// String is how people read it: "countersign-1 version 1".
func (n Name) String() string { return fmt.Sprintf("%s version %d", n.Key, n.Version) }

// Keys are the online keys. They implement [signer.Keys].
type Keys struct {
	vault *transit.Vault
	names map[roster.Role]Name

	mu   sync.Mutex // guards read
	read map[roster.Role]*key
}

type key struct {
	public *pgp.PublicKey
	vault  *transit.Key
}

// New returns the keys of those names, through a login that somebody keeps
// alive. It asks the server for nothing yet.
func New(v *transit.Vault, countersign, snapshot Name) *Keys {
	return &Keys{vault: v, read: make(map[roster.Role]*key),
		names: map[roster.Role]Name{roster.RoleCountersign: countersign, roster.RoleSnapshot: snapshot}}
}

// Name returns the name of the key of a role.
func (k *Keys) Name(role roster.Role) Name { return k.names[role] }

// Key implements [signer.Keys]. The packet's date is the one at which Vault
// made the version, so it is the same packet each time. That Vault is sealed
// or away, or denies what it should grant, is a [*signer.AwayError]; that the
// key is not fit to sign is a [*transit.KeyError].
func (k *Keys) Key(ctx context.Context, role roster.Role) (*pgp.PublicKey, crypto.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	known := k.read[role]
	if known == nil {
		name, ok := k.names[role]
		if !ok {
			return nil, nil, fmt.Errorf("there is no online key of role %q", role)
		}
		found, err := k.vault.Key(ctx, name.Key, name.Version)
		if err != nil {
			return nil, nil, sort(err)
		}
		public, err := pgp.NewPublicKey(found.Public(), found.Created())
		if err != nil {
			return nil, nil, fmt.Errorf("transit key %s as an OpenPGP key: %w", name, err)
		}
		known = &key{public, found}
		k.read[role] = known
	}
	return known.public, bound{known.vault.With(ctx)}, nil
}

// bound signs until a context ends, and says when Vault is away.
type bound struct{ *transit.Key }

func (b bound) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	sig, err := b.Key.Sign(rand, digest, opts)
	return sig, sort(err)
}

func sort(err error) error {
	var away *transit.UnavailableError
	var denied *transit.DeniedError
	if errors.As(err, &away) || errors.As(err, &denied) {
		return &signer.AwayError{Err: err}
	}
	return err
}
