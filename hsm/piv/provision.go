//go:build cgo && (linux || darwin || freebsd || openbsd)

package piv

import (
	"crypto"
	"errors"

	"github.com/go-piv/piv-go/v2/piv"

	"github.com/rootward/rootward/hsm"
)

// SetSecrets changes PIN, PUK and management key, in this order, from old to
// new. The new ones are checked first (see [Secrets.Check]). When one fails, the
// error is a [*hsm.SecretsError] that says which have changed already; it wraps
// a [*hsm.PINError], [*hsm.BlockedError] or [*hsm.ManagementKeyError].
//
// The management key becomes AES-192. Cards that refuse that, because they are
// older than firmware 5.4 or claim more than they can, get a 3DES key of the
// same 24 bytes.
func (c *Card) SetSecrets(old, new Secrets) error {
	if err := new.Check(); err != nil {
		return err
	}
	steps := []struct {
		secret hsm.Secret
		set    func() error
	}{
		{hsm.PIN, func() error { return c.change(hsm.PIN, old.PIN, new.PIN) }},
		{hsm.PUK, func() error { return c.change(hsm.PUK, old.PUK, new.PUK) }},
		{hsm.ManagementKey, func() error { return c.setManagementKey(old.ManagementKey, new.ManagementKey) }},
	}
	var changed []hsm.Secret
	for _, step := range steps {
		if err := step.set(); err != nil {
			return &hsm.SecretsError{Place: c.place(), Changed: changed, Failed: step.secret, Err: err}
		}
		changed = append(changed, step.secret)
	}
	return nil
}

func (c *Card) setManagementKey(old, new []byte) error {
	err := c.onCard(func(yk *piv.YubiKey) error { return yk.SetManagementKey(old, new) })
	switch {
	case err == nil:
		return nil
	case isManagementAuth(err) && !hasStatus(err, 0x6a80):
		return c.explainManagement(err)
	case !hasStatus(err, 0x6a80):
		return explain(c.place(), "setting the management key", err)
	}
	err = c.onWire(func(w *wire) error { return w.setManagementKey3DES(old, new) })
	if hasStatus(err, 0x6982) {
		return &hsm.ManagementKeyError{Place: c.place()}
	}
	return explain(c.place(), "setting a 3DES management key", err)
}

// Provision makes a root key on a card that is as it left the factory: it
// generates the key, reads its attestation, and sets the secrets away from the
// factory's. The evidence is zero when the card cannot attest; it is unchecked.
//
// It begins with [Secrets.Check] and refuses a card whose slot 9c is filled or
// whose secrets are known to be changed, before it changes anything. Errors are
// those of [Card.Generate], [Card.Evidence] and [Card.SetSecrets]; after one of
// the last two the card holds a key that nobody should use.
func (c *Card) Provision(algorithm hsm.Algorithm, secrets Secrets) (crypto.PublicKey, hsm.Evidence, error) {
	if err := secrets.Check(); err != nil {
		return nil, hsm.Evidence{}, err
	}
	before, err := c.Inspect()
	if err != nil {
		return nil, hsm.Evidence{}, err
	}
	switch No {
	case before.DefaultPIN:
		return nil, hsm.Evidence{}, &hsm.OccupiedError{Place: c.place(), What: "a PIN that is not the factory's"}
	case before.DefaultPUK:
		return nil, hsm.Evidence{}, &hsm.OccupiedError{Place: c.place(), What: "a PUK that is not the factory's"}
	case before.DefaultManagementKey:
		return nil, hsm.Evidence{}, &hsm.ManagementKeyError{Place: c.place()}
	}
	factory := FactorySecrets()
	pub, err := c.Generate(algorithm, factory.ManagementKey)
	if err != nil {
		return nil, hsm.Evidence{}, err
	}
	evidence, err := c.Evidence()
	var unsupported *hsm.UnsupportedError
	if err != nil && !errors.As(err, &unsupported) {
		return nil, hsm.Evidence{}, err
	}
	if err := c.SetSecrets(factory, secrets); err != nil {
		return nil, hsm.Evidence{}, err
	}
	after, err := c.Inspect()
	if err != nil {
		return nil, hsm.Evidence{}, err
	}
	for _, is := range []Answer{after.DefaultPIN, after.DefaultPUK, after.DefaultManagementKey} {
		if is == Yes {
			return nil, hsm.Evidence{}, &hsm.CardError{Place: c.place(), Doing: "setting the secrets",
				Err: errors.New("the card says that a secret is still the factory's")}
		}
	}
	return pub, evidence, nil
}
