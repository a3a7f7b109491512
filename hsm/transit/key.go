package transit

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

// A Key is one version of one transit key that passed the checks of
// [Vault.Key]. It is a [crypto.Signer]; its private half is in Vault.
//
// The pinned version is part of what it is: a key that a custodian rotated is
// another key, with another public half.
type Key struct {
	vault   *Vault
	ctx     context.Context // what With bound; Background otherwise
	name    string
	version int
	public  crypto.PublicKey
	created time.Time
}

// Key reads the public half of a version of a key, with the rights that
// [Policy] grants, and checks what the server says of the key: that it is
// ecdsa-p256, ecdsa-p384, rsa-3072 or rsa-4096, was born in Vault, cannot be
// exported, backed up in plain text or deleted, and still signs with this
// version. It trusts the server in this; it does not check who else may use or
// configure the key.
//
// The error is a [*KeyError] if the key is absent or not so,
// [*UnavailableError] or [*DeniedError].
func (v *Vault) Key(ctx context.Context, name string, version int) (*Key, error) {
	if err := checkName(name); err != nil {
		return nil, &KeyError{Name: clip(name), Version: version, Reason: err.Error()}
	}
	if version < 1 {
		return nil, &KeyError{Name: name, Version: version, Reason: "the version must be 1 or above; the newest one is not meant"}
	}
	ctx, cancel := context.WithTimeout(ctx, v.cfg.Timeout)
	defer cancel()
	var r record
	err := v.as(ctx, fmt.Sprintf("reading key %q", name), func(c *api.Client) (err error) {
		r, err = v.read(ctx, c, name, version)
		return err
	})
	if err != nil {
		return nil, err
	}
	public, created, reason := r.check(version)
	if reason != "" {
		return nil, &KeyError{Name: name, Version: version, Reason: reason}
	}
	return &Key{vault: v, ctx: context.Background(), name: name, version: version, public: public, created: created}, nil
}

// read reads the server's record of a key. Its error is a KeyError if there is
// no such key or mount.
func (v *Vault) read(ctx context.Context, c *api.Client, name string, version int) (record, error) {
	answer, err := c.Logical().ReadWithContext(ctx, v.cfg.Mount+"/keys/"+name)
	if err != nil {
		return record{}, err
	}
	if answer == nil { // status 404, for a key as for a mount
		return record{}, &KeyError{Name: name, Version: version, Reason: fmt.Sprintf("there is no such key at %q, or no transit engine", v.cfg.Mount)}
	}
	r, err := readRecord(answer.Data)
	if err != nil {
		return record{}, &KeyError{Name: name, Version: version, Reason: err.Error()}
	}
	return r, nil
}

// Name returns the key's name in the transit engine.
func (k *Key) Name() string { return k.name }

// Version returns the pinned version.
func (k *Key) Version() int { return k.version }

// Created returns when Vault made this version, in UTC, to the second. An
// OpenPGP packet for the key needs a time that is the same for ever.
func (k *Key) Created() time.Time { return k.created }

// Public returns the public half: an *ecdsa.PublicKey or *rsa.PublicKey.
func (k *Key) Public() crypto.PublicKey { return k.public }

// With returns the same key, whose signatures also end when ctx does.
// crypto.Signer leaves no other way in for a context.
func (k *Key) With(ctx context.Context) *Key {
	bound := *k
	bound.ctx = ctx
	return &bound
}

// Sign signs digest in Vault. opts names the hash that made it: SHA-256,
// SHA-384 or SHA-512, and digest has exactly its length (Vault itself takes
// any length for ECDSA). The signature is ASN.1 DER for ECDSA and PKCS #1 v1.5
// for RSA; PSS is refused. It is returned only if it is by the pinned version
// and the public half verifies it. The randomness is Vault's; rand is not used.
//
// Sign answers within Config.Timeout. The error is an [*UnavailableError],
// [*DeniedError] or [*KeyError], or says that digest or opts are wrong.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	hash, err := checkDigest(digest, opts)
	if err != nil {
		return nil, fmt.Errorf("signing with transit key %q: %w", k.name, err)
	}
	ctx, cancel := context.WithTimeout(k.ctx, k.vault.cfg.Timeout)
	defer cancel()
	body := map[string]any{
		"input":                base64.StdEncoding.EncodeToString(digest),
		"key_version":          strconv.Itoa(k.version), // a policy matches it as a string
		"prehashed":            true,
		"hash_algorithm":       hash,
		"marshaling_algorithm": "asn1",
	}
	if _, ok := k.public.(*rsa.PublicKey); ok {
		body["signature_algorithm"] = "pkcs1v15"
	}
	var answer *api.Secret
	op := fmt.Sprintf("signing with key %q version %d", k.name, k.version)
	err = k.vault.as(ctx, op, func(c *api.Client) (err error) {
		answer, err = c.Logical().WriteWithContext(ctx, k.vault.cfg.Mount+"/sign/"+k.name, body)
		return k.explain(ctx, c, err)
	})
	if err != nil {
		return nil, err
	}
	return k.open(answer, digest, opts.HashFunc())
}

// explain looks at the key when Vault refuses to sign with it. A version that
// is gone is a status 500 to Vault, and a key that is gone a 400; neither gets
// better by trying again later.
func (k *Key) explain(ctx context.Context, c *api.Client, err error) error {
	var refused *api.ResponseError
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.StatusCode {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusInternalServerError:
	default:
		return err
	}
	r, readErr := k.vault.read(ctx, c, k.name, k.version)
	var gone *KeyError
	if errors.As(readErr, &gone) {
		return gone
	}
	if readErr != nil {
		return err
	}
	if _, _, reason := r.check(k.version); reason != "" {
		return &KeyError{Name: k.name, Version: k.version, Reason: reason}
	}
	return err
}

// open takes the signature out of the answer and verifies it.
func (k *Key) open(answer *api.Secret, digest []byte, hash crypto.Hash) ([]byte, error) {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("signature of transit key %q: "+format, append([]any{k.name}, args...)...)
	}
	if answer == nil {
		return nil, wrong("the answer is empty")
	}
	text, ok := answer.Data["signature"].(string)
	if !ok {
		return nil, wrong("the answer holds none")
	}
	version, sig, err := parseSignature(text)
	if err != nil {
		return nil, wrong("%w", err)
	}
	if version != k.version {
		return nil, wrong("made by version %d; version %d is pinned", version, k.version)
	}
	valid := false
	switch public := k.public.(type) {
	case *ecdsa.PublicKey:
		valid = ecdsa.VerifyASN1(public, digest, sig)
	case *rsa.PublicKey:
		valid = rsa.VerifyPKCS1v15(public, hash, digest, sig) == nil
	}
	if !valid {
		return nil, wrong("the public half does not verify it")
	}
	return sig, nil
}

// checkDigest checks the digest and names its hash as Vault does.
func checkDigest(digest []byte, opts crypto.SignerOpts) (string, error) {
	if opts == nil {
		return "", errors.New("the options name no hash")
	}
	if _, ok := opts.(*rsa.PSSOptions); ok {
		return "", errors.New("PSS is asked for; only PKCS #1 v1.5 is made")
	}
	names := map[crypto.Hash]string{crypto.SHA256: "sha2-256", crypto.SHA384: "sha2-384", crypto.SHA512: "sha2-512"}
	hash := opts.HashFunc()
	name, ok := names[hash]
	if !ok {
		return "", fmt.Errorf("hash %v is not SHA-256, SHA-384 or SHA-512", hash)
	}
	if len(digest) != hash.Size() {
		return "", fmt.Errorf("digest has %d bytes; %v has %d", len(digest), hash, hash.Size())
	}
	return name, nil
}

// parseSignature reads vault:v<N>:<base64>.
func parseSignature(text string) (version int, sig []byte, err error) {
	const most = 4096 // an RSA-4096 signature has 684 characters
	if len(text) > most {
		return 0, nil, fmt.Errorf("it has %d characters; at most %d are taken", len(text), most)
	}
	rest, ok := strings.CutPrefix(text, "vault:v")
	number, encoded, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 {
		return 0, nil, fmt.Errorf("%q is not of the form vault:v<version>:<base64>", clip(text))
	}
	version, err = strconv.Atoi(number)
	if err != nil || version < 1 || strconv.Itoa(version) != number {
		return 0, nil, fmt.Errorf("%q is not a version", clip(number))
	}
	sig, err = base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return 0, nil, fmt.Errorf("%q is not base64", clip(encoded))
	}
	return version, sig, nil
}
