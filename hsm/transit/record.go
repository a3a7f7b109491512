package transit

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strconv"
	"time"
)

// A record is what transit/keys/<name> says of a key.
type record struct {
	Type                 string                     `json:"type"`
	SupportsSigning      bool                       `json:"supports_signing"`
	Exportable           bool                       `json:"exportable"`
	AllowPlaintextBackup bool                       `json:"allow_plaintext_backup"`
	DeletionAllowed      bool                       `json:"deletion_allowed"`
	Imported             bool                       `json:"imported_key"`
	LatestVersion        int                        `json:"latest_version"`
	MinEncryptionVersion int                        `json:"min_encryption_version"`
	Keys                 map[string]json.RawMessage `json:"keys"`
}

// readRecord reads the data of an answer. What would make a key unfit must be
// there: an absent field is not taken for false.
func readRecord(data map[string]any) (record, error) {
	for _, field := range []string{"type", "supports_signing", "exportable", "allow_plaintext_backup", "deletion_allowed", "latest_version", "min_encryption_version", "keys"} {
		if data[field] == nil {
			return record{}, fmt.Errorf("the server does not say %q of it", field)
		}
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return record{}, fmt.Errorf("reading the server's record: %w", err)
	}
	var r record
	if err := json.Unmarshal(raw, &r); err != nil {
		return record{}, fmt.Errorf("reading the server's record: %w", err)
	}
	return r, nil
}

// check says why the key may not sign with version, or returns the public half
// and the time of its making.
func (r record) check(version int) (public crypto.PublicKey, created time.Time, reason string) {
	fits, known := kinds[r.Type]
	switch {
	case !known:
		return nil, created, fmt.Sprintf("its type is %q; ecdsa-p256, ecdsa-p384, rsa-3072 or rsa-4096 is wanted", clip(r.Type))
	case !r.SupportsSigning:
		return nil, created, "it does not sign"
	case r.Exportable:
		return nil, created, "it is exportable; make a new key that is not"
	case r.AllowPlaintextBackup:
		return nil, created, "it allows a backup in plain text; make a new key that does not"
	case r.DeletionAllowed:
		return nil, created, "it may be deleted; set deletion_allowed=false"
	case r.Imported:
		return nil, created, "it was imported, so it exists elsewhere; make a new key in Vault"
	case version < r.MinEncryptionVersion:
		return nil, created, fmt.Sprintf("min_encryption_version is %d, so this version signs no more", r.MinEncryptionVersion)
	}
	raw, ok := r.Keys[strconv.Itoa(version)]
	if !ok {
		return nil, created, fmt.Sprintf("there is no such version; the latest is %d", r.LatestVersion)
	}
	var half struct {
		PublicKey    string    `json:"public_key"`
		CreationTime time.Time `json:"creation_time"`
	}
	if err := json.Unmarshal(raw, &half); err != nil || half.CreationTime.IsZero() {
		return nil, created, "the server does not give its public half and creation time"
	}
	block, rest := pem.Decode([]byte(half.PublicKey))
	if block == nil || len(rest) > 0 {
		return nil, created, "its public half is not one PEM block"
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, created, fmt.Sprintf("its public half cannot be read: %v", err)
	}
	if !fits(public) {
		return nil, created, fmt.Sprintf("its public half is a %T that is not %s", public, r.Type)
	}
	return public, half.CreationTime.UTC().Truncate(time.Second), ""
}

// kinds are the accepted types, each with what its public half must be.
var kinds = map[string]func(crypto.PublicKey) bool{
	"ecdsa-p256": func(k crypto.PublicKey) bool { return onCurve(k, elliptic.P256()) },
	"ecdsa-p384": func(k crypto.PublicKey) bool { return onCurve(k, elliptic.P384()) },
	"rsa-3072":   func(k crypto.PublicKey) bool { return ofSize(k, 3072) },
	"rsa-4096":   func(k crypto.PublicKey) bool { return ofSize(k, 4096) },
}

func onCurve(k crypto.PublicKey, c elliptic.Curve) bool {
	e, ok := k.(*ecdsa.PublicKey)
	return ok && e.Curve == c
}

func ofSize(k crypto.PublicKey, bits int) bool {
	r, ok := k.(*rsa.PublicKey)
	return ok && r.N.BitLen() == bits
}
