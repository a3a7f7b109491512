package transit

import (
	"fmt"
	"strings"
)

// Policy returns the text of the Vault policy that lets its holder sign with
// one version of a key of the transit engine at mount, read the key's public
// halves, and renew, look up and revoke its own token. It allows nothing else:
// no other key or version, no batch, no other path of the engine.
//
// The parameters are listed, so an unlisted one is refused, batch_input among
// them. key_version is a string here as in the requests of [Key.Sign], because
// Vault compares them by type. A role that signs with two keys has a policy
// for each, and no default policy (token_no_default_policy).
//
// The error says that mount, key or version is none; no text is made of it.
func Policy(mount, key string, version int) (string, error) {
	if err := checkMount(mount); err != nil {
		return "", err
	}
	if err := checkName(key); err != nil {
		return "", fmt.Errorf("transit key: %w", err)
	}
	if version < 1 {
		return "", fmt.Errorf("version %d of transit key %q: the version must be 1 or above", version, key)
	}
	return strings.NewReplacer("MOUNT", mount, "KEY", key, "VERSION", fmt.Sprint(version)).Replace(policy), nil
}

const policy = `path "MOUNT/sign/KEY" {
  capabilities = ["update"]
  allowed_parameters = {
    "input" = []
    "key_version" = ["VERSION"]
    "prehashed" = [true]
    "hash_algorithm" = ["sha2-256", "sha2-384", "sha2-512"]
    "marshaling_algorithm" = ["asn1"]
    "signature_algorithm" = ["pkcs1v15"]
  }
  required_parameters = ["input", "key_version", "prehashed", "hash_algorithm"]
}
path "MOUNT/keys/KEY" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
`
