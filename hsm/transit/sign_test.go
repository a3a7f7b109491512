package transit_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/rootward/rootward/hsm/transit"
	"github.com/rootward/rootward/hsm/transit/custodian"
)

// Each kind of key signs digests of each accepted hash, and the standard
// library verifies the signatures.
func TestSign(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{}, rsaKeys...)
	v := r.open(t)
	message := []byte("a root roster")
	d256, d384, d512 := sha256.Sum256(message), sha512.Sum384(message), sha512.Sum512(message)
	digests := map[crypto.Hash][]byte{crypto.SHA256: d256[:], crypto.SHA384: d384[:], crypto.SHA512: d512[:]}
	for _, plan := range r.plan.Keys {
		k := key(t, v, plan.Name)
		if k.Created().IsZero() || k.Created().Nanosecond() != 0 || k.Created().Location() != time.UTC {
			t.Errorf("%s: made at %v; a time in UTC to the second is promised", plan.Type, k.Created())
		}
		for hash, digest := range digests {
			sig, err := k.With(t.Context()).Sign(nil, digest, hash)
			if err != nil {
				t.Errorf("%s with %v: %v", plan.Type, hash, err)
				continue
			}
			ok := false
			switch public := k.Public().(type) {
			case *ecdsa.PublicKey:
				ok = ecdsa.VerifyASN1(public, digest, sig)
			case *rsa.PublicKey:
				ok = rsa.VerifyPKCS1v15(public, hash, digest, sig) == nil
			}
			if !ok {
				t.Errorf("%s with %v: the signature does not verify", plan.Type, hash)
			}
		}
	}
}

// What is no digest of the named hash never reaches the server, which would
// sign it.
func TestSignRefusesDigests(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{})
	k := key(t, r.open(t), "countersign")
	r.server.Stop() // so a request would be an UnavailableError
	for name, c := range map[string]struct {
		size int
		opts crypto.SignerOpts
		want string
	}{
		"SHA-1 as SHA-256": {20, crypto.SHA256, "digest has 20 bytes; SHA-256 has 32"},
		"SHA-1":            {20, crypto.SHA1, "hash SHA-1 is not"},
		"no hash":          {32, crypto.Hash(0), "is not SHA-256"},
		"no options":       {32, nil, "name no hash"},
		"empty":            {0, crypto.SHA256, "digest has 0 bytes"},
		"PSS":              {32, &rsa.PSSOptions{Hash: crypto.SHA256}, "PSS"},
	} {
		if _, err := k.Sign(nil, make([]byte, c.size), c.opts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v; want ...%s...", name, err, c.want)
		}
	}
}

// The server itself does sign 20 bytes, so the length check above is ours to
// make; and the token of the signer does nothing but what Policy says.
func TestPolicy(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{}, rsaKeys[0])
	r.write(t, "transit/keys/other", map[string]any{"type": "ecdsa-p256"})
	r.write(t, "transit/keys/snapshot/rotate", nil)
	thief := r.raw(t)
	good := map[string]any{
		"input": base64.StdEncoding.EncodeToString(make([]byte, 32)), "key_version": "1",
		"prehashed": true, "hash_algorithm": "sha2-256", "marshaling_algorithm": "asn1",
	}
	with := func(field string, value any) map[string]any {
		m := maps.Clone(good)
		if m[field] = value; value == nil {
			delete(m, field)
		}
		return m
	}
	for _, ok := range []map[string]any{good, with("hash_algorithm", "sha2-512"), with("marshaling_algorithm", nil)} {
		if _, err := thief.Logical().WriteWithContext(t.Context(), "transit/sign/snapshot", ok); err != nil {
			t.Errorf("the policy does not allow %v: %v", ok, err)
		}
	}
	for name, c := range map[string]struct {
		path string
		data map[string]any
	}{
		"another key":         {"transit/sign/other", good},
		"another version":     {"transit/sign/snapshot", with("key_version", "2")},
		"the latest version":  {"transit/sign/snapshot", with("key_version", "0")},
		"no version":          {"transit/sign/snapshot", with("key_version", nil)},
		"a batch":             {"transit/sign/snapshot", with("batch_input", []any{map[string]any{"input": good["input"]}})},
		"not prehashed":       {"transit/sign/snapshot", with("prehashed", false)},
		"prehashed left out":  {"transit/sign/snapshot", with("prehashed", nil)},
		"SHA-1":               {"transit/sign/snapshot", with("hash_algorithm", "sha1")},
		"hash left out":       {"transit/sign/snapshot", with("hash_algorithm", nil)},
		"JWS form":            {"transit/sign/snapshot", with("marshaling_algorithm", "jws")},
		"a context":           {"transit/sign/snapshot", with("context", "AAAA")},
		"hash in the path":    {"transit/sign/snapshot/sha2-512", good},
		"the key's settings":  {"transit/keys/snapshot/config", map[string]any{"exportable": true}},
		"a rotation":          {"transit/keys/snapshot/rotate", nil},
		"a trim":              {"transit/keys/snapshot/trim", map[string]any{"min_available_version": 1}},
		"a new key":           {"transit/keys/mine", map[string]any{"type": "ecdsa-p256"}},
		"an HMAC":             {"transit/hmac/snapshot", map[string]any{"input": "AAAA"}},
		"a restore":           {"transit/restore/x", map[string]any{"backup": "AAAA"}},
		"a token":             {"auth/token/create", map[string]any{"policies": "root"}},
		"a secret id":         {"auth/approle/role/online-signer/secret-id", nil},
		"a policy":            {"sys/policies/acl/x", map[string]any{"policy": ""}},
		"a seal":              {"sys/seal", nil},
		"PSS":                 {"transit/sign/rsa3", with("signature_algorithm", "pss")},
		"RSA-3072, version 2": {"transit/sign/rsa3", with("key_version", "2")},
	} {
		_, err := thief.Logical().WriteWithContext(t.Context(), c.path, c.data)
		wantDenied(t, name, err)
	}
	for _, path := range []string{"transit/export/signing-key/snapshot", "transit/backup/snapshot", "transit/keys/other", "sys/policies/acl/sign-transit-snapshot", "auth/approle/role/online-signer/role-id"} {
		_, err := thief.Logical().ReadWithContext(t.Context(), path)
		wantDenied(t, "reading "+path, err)
	}
	_, err := thief.Logical().DeleteWithContext(t.Context(), "transit/keys/snapshot")
	wantDenied(t, "deleting the key", err)
}

func wantDenied(t *testing.T, what string, err error) {
	t.Helper()
	var answer *api.ResponseError
	if !errors.As(err, &answer) || answer.StatusCode != 403 {
		t.Errorf("%s: got %v; want a status 403", what, err)
	}
}

// A key that is absent, of another kind, or could be elsewhere, is no signer.
func TestKeyRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{})
	bad := map[string]struct {
		data, config map[string]any
		version      int
		want         string
	}{
		"exportable":  {map[string]any{"type": "ecdsa-p256", "exportable": true}, nil, 1, "exportable"},
		"made-so":     {map[string]any{"type": "ecdsa-p256"}, map[string]any{"exportable": true}, 1, "exportable"},
		"backup":      {map[string]any{"type": "ecdsa-p256"}, map[string]any{"allow_plaintext_backup": true}, 1, "backup"},
		"deletable":   {map[string]any{"type": "ecdsa-p256"}, map[string]any{"deletion_allowed": true}, 1, "deleted"},
		"edwards":     {map[string]any{"type": "ed25519"}, nil, 1, `its type is "ed25519"`},
		"short":       {map[string]any{"type": "rsa-2048"}, nil, 1, `its type is "rsa-2048"`},
		"symmetric":   {map[string]any{"type": "aes256-gcm96"}, nil, 1, `its type is "aes256-gcm96"`},
		"no-such-two": {map[string]any{"type": "ecdsa-p256"}, nil, 2, "no such version; the latest is 1"},
		"zero":        {map[string]any{"type": "ecdsa-p256"}, nil, 0, "must be 1 or above"},
		"absent":      {nil, nil, 1, "no such key"},
		"../sys":      {nil, nil, 1, "dot"},
	}
	var names []string
	for name, c := range bad {
		if c.data != nil {
			r.write(t, "transit/keys/"+name, c.data)
		}
		if c.config != nil {
			r.write(t, "transit/keys/"+name+"/config", c.config)
		}
		if name[0] != '.' {
			names = append(names, name)
		}
	}
	r.allow(t, names...)
	v := r.open(t)
	for name, c := range bad {
		_, err := v.Key(t.Context(), name, c.version)
		var refused *transit.KeyError
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, c.want) {
			t.Errorf("key %q: got %v; want a KeyError with ...%s...", name, err, c.want)
		}
	}
	var denied *transit.DeniedError
	if _, err := v.Key(t.Context(), "not-in-the-policy", 1); !errors.As(err, &denied) {
		t.Errorf("got %v; want a DeniedError", err)
	}
	if n := strings.Count(r.log.String(), "logged in"); n != 1 {
		t.Errorf("logged in %d times; a denial that no login can help brings none", n)
	}
}

// A mount that is not there is the key's fault, not the server's.
func TestNoSuchMount(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{})
	text, err := transit.Policy("elsewhere", "snapshot", 1)
	must(t, err)
	must(t, r.Client().Sys().PutPolicyWithContext(t.Context(), "elsewhere", text))
	r.write(t, "auth/approle/role/online-signer", map[string]any{"token_policies": "elsewhere"})
	conf := r.config()
	conf.Mount = "elsewhere"
	v, err := transit.Open(t.Context(), conf, r.logger())
	must(t, err)
	var refused *transit.KeyError
	if _, err := v.Key(t.Context(), "snapshot", 1); !errors.As(err, &refused) || !strings.Contains(refused.Reason, `no such key at "elsewhere", or no transit engine`) {
		t.Errorf("got %v; want a KeyError that names the mount", err)
	}
}

// allow adds keys to the role's policies.
func (r *rig) allow(t *testing.T, names ...string) {
	t.Helper()
	var policies []string
	for _, name := range names {
		text, err := transit.Policy("transit", name, 1)
		must(t, err)
		must(t, r.Client().Sys().PutPolicyWithContext(t.Context(), "extra-"+name, text))
		policies = append(policies, "extra-"+name)
	}
	r.write(t, "auth/approle/role/online-signer", map[string]any{"token_policies": policies})
}

// A version that a custodian retired, and a key that is gone, are KeyErrors,
// not something to try again later; a key that became exportable signs on
// until it is opened anew, for the signer cannot see it.
func TestSignWithKeyThatIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{})
	v := r.open(t)
	retired, deleted := key(t, v, "snapshot"), key(t, v, "countersign")
	r.write(t, "transit/keys/snapshot/rotate", nil)
	if _, err := retired.Sign(nil, make([]byte, 32), crypto.SHA256); err != nil {
		t.Errorf("the pinned version signs no more after a rotation: %v", err)
	}
	r.write(t, "transit/keys/snapshot/config", map[string]any{"min_encryption_version": 2})
	r.write(t, "transit/keys/countersign/config", map[string]any{"deletion_allowed": true})
	_, err := r.Client().Logical().DeleteWithContext(t.Context(), "transit/keys/countersign")
	must(t, err)
	for k, want := range map[*transit.Key]string{retired: "min_encryption_version is 2", deleted: "no such key"} {
		_, err := k.Sign(nil, make([]byte, 32), crypto.SHA256)
		var gone *transit.KeyError
		if !errors.As(err, &gone) || !strings.Contains(gone.Reason, want) {
			t.Errorf("key %q: got %v; want a KeyError with ...%s...", k.Name(), err, want)
		}
	}
	if text := r.log.String(); strings.Contains(text, "WARN") {
		t.Errorf("the server was called unavailable for a key's fault:\n%s", text)
	}
}

// Over TLS the server's certificate must lead to the given authority.
func TestTLS(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{TLS: true})
	k := key(t, r.open(t), "countersign")
	if _, err := k.Sign(nil, make([]byte, 48), crypto.SHA384); err != nil {
		t.Error(err)
	}
	conf := r.config()
	conf.CACert = ""
	var away *transit.UnavailableError
	if _, err := transit.Open(t.Context(), conf, r.logger()); !errors.As(err, &away) || !strings.Contains(away.Reason, "certificate") {
		t.Errorf("without the authority: got %v; want an UnavailableError that names the certificate", err)
	}
	conf = r.config()
	conf.ServerName = "vault.example"
	if _, err := transit.Open(t.Context(), conf, r.logger()); !errors.As(err, &away) || !strings.Contains(away.Reason, "vault.example") {
		t.Errorf("with another name: got %v; want an UnavailableError that names it", err)
	}
}

// The environment of a Vault user changes nothing for the signer.
func TestEnvironmentPlaysNoPart(t *testing.T) {
	r := newRig(t, time.Minute, custodian.Options{})
	t.Setenv("VAULT_TOKEN", r.Client().Token())
	t.Setenv("VAULT_ADDR", "http://127.0.0.1:1")
	t.Setenv("VAULT_NAMESPACE", "elsewhere")
	r.write(t, "auth/approle/role/online-signer", map[string]any{"token_policies": "none"})
	v := r.open(t)
	var denied *transit.DeniedError
	if _, err := v.Key(t.Context(), "countersign", 1); !errors.As(err, &denied) {
		t.Errorf("got %v; want a DeniedError, as the login has no rights and the root token of the environment is not used", err)
	}
}

// The secret id's file is the owner's alone, and its text is never repeated.
func TestSecretIDFile(t *testing.T) {
	t.Parallel()
	name := t.TempDir() + "/secret"
	read := func(text string, mode os.FileMode) (string, error) {
		must(t, os.WriteFile(name, []byte(text), 0o600))
		must(t, os.Chmod(name, mode))
		return transit.SecretIDFile(name)(t.Context())
	}
	if got, err := read("hush\n", 0o600); got != "hush" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for what, c := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"readable by the group": {"hush", 0o640},
		"readable by all":       {"hush", 0o604},
		"empty":                 {"\n", 0o600},
		"two words":             {"hush hush", 0o600},
		"two lines":             {"hush\nhush\n", 0o600},
		"too long":              {strings.Repeat("hush", 257), 0o600},
	} {
		got, err := read(c.text, c.mode)
		if err == nil || got != "" || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %q, %v; want an error without the text", what, got, err)
		}
	}
	if _, err := transit.SecretIDFile(t.TempDir())(t.Context()); err == nil {
		t.Error("a directory was read")
	}
}
